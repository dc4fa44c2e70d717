// What the route helpers put routes together from.

import type { IForwardAction, IRouteConfig, IRouteMatch, ITarget, TPortRange, TRouteAction } from './types.js';

/** What every helper passes on to the route as it is. */
export interface IRouteExtras
  extends Pick<IRouteConfig, 'name' | 'id' | 'description' | 'tags' | 'enabled' | 'priority' | 'security' | 'timeouts'>,
    Pick<IRouteMatch, 'domains' | 'clientIp' | 'listenAddress'> {}

/** What helpers for HTTP pass on besides. */
export interface IHttpRouteExtras
  extends IRouteExtras,
    Pick<IRouteConfig, 'headers' | 'compression'>,
    Pick<IRouteMatch, 'path' | 'method'> {}

const ofRoute = ['name', 'id', 'description', 'tags', 'enabled', 'priority', 'security', 'timeouts'] as const;
const ofHttpRoute = [...ofRoute, 'headers', 'compression'] as const;
const ofMatch = ['domains', 'clientIp', 'listenAddress'] as const;
const ofHttpMatch = [...ofMatch, 'path', 'method'] as const;

export function routeOf(extras: IHttpRouteExtras, ports: TPortRange, action: TRouteAction): IRouteConfig {
  return { ...given(extras, ofHttpRoute), match: { ports, ...given(extras, ofHttpMatch) }, action };
}

export const forward = (target: ITarget): IForwardAction => ({ type: 'forward', target });

/** Those of the named options that are there. */
export function given<T extends object, K extends keyof T>(options: T, names: readonly K[]): Pick<T, K> {
  const entries = names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return Object.fromEntries(entries) as Pick<T, K>;
}
