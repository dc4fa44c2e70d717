// What programs that make routes need: check them, and change some of their options.

import type { IFault } from '../base/errors.js';
import { forbiddenKeys } from './copy.js';
import { finishFaults } from './faults.js';
import { findFaults } from './resolve.js';
import type {
  IBlockAction,
  IForwardAction,
  IHttpHandlerAction,
  IRedirectAction,
  IRespondAction,
  IRouteConfig,
  IRouteMatch,
  IRouteTls,
  ISocketHandlerAction,
  ITarget,
  TRouteAction,
} from './types.js';

/** Every fault of one route, by itself and without defaults; places are relative to it: `match.ports`. Never throws. */
export function validateRouteConfig(route: unknown): IFault[] {
  return finishFaults(findFaults({ routes: [route] }).map((fault) => ({ ...fault, path: fault.path.slice(2) })));
}

/** Every fault of a list of routes, also between them, without defaults: `routes[3].match.ports`. Never throws. */
export const validateRoutes = (routes: unknown): IFault[] => finishFaults([...findFaults({ routes })]);

/** Some options of a route, of its match, its action, its target and its TLS. */
export type TRouteOverride = Partial<Omit<IRouteConfig, 'match' | 'action'>> & {
  match?: Partial<IRouteMatch>;
  action?: TAnyAction & { type?: TRouteAction['type']; target?: Partial<ITarget>; tls?: Partial<IRouteTls> };
};

/** Options of actions of every type. */
type TAnyAction = Partial<
  Omit<IForwardAction, 'type' | 'target' | 'tls'> &
    Omit<ISocketHandlerAction, 'type' | 'tls'> &
    Omit<IHttpHandlerAction, 'type' | 'tls'> &
    Omit<IRedirectAction, 'type' | 'tls'> &
    Omit<IRespondAction, 'type' | 'tls'> &
    Omit<IBlockAction, 'type' | 'tls'>
>;

/**
 * A new route: `base` with the options of `override` in their places. Objects are merged; lists, functions and single
 * values are replaced; `undefined` changes nothing. An action of another type replaces the whole action, `targets`
 * replaces `target` and the other way round, a certificate the whole certificate. The result is not checked and shares no object with its sources.
 */
export function mergeRouteConfigs(base: IRouteConfig, override: TRouteOverride): IRouteConfig {
  const kept: TData = { ...base };
  if (isData(base.action) && isData(override.action)) kept.action = baseAction(base.action, override.action);
  return merge(kept, override as TData) as unknown as IRouteConfig;
}

type TData = Record<string, unknown>;

/** What stays of the action under an override. */
function baseAction(base: TData, override: TData): TData {
  if (override.type !== undefined && override.type !== base.type) return {};
  const { target, targets, ...rest } = base;
  if (isData(rest.tls) && isData(override.tls) && override.tls.certificate !== undefined) {
    // PEM and files exclude each other, and a chain belongs to its key.
    const { certificate, ...tls } = rest.tls;
    rest.tls = tls;
  }
  if (override.target !== undefined) return target === undefined ? rest : { ...rest, target };
  if (override.targets !== undefined) return rest;
  return { ...base, ...rest };
}

function merge(base: unknown, override: unknown): unknown {
  if (override === undefined) return copy(base);
  if (!isData(base) || !isData(override)) return copy(override);
  const merged: TData = {};
  for (const key of new Set([...Object.keys(base), ...Object.keys(override)])) {
    if (forbiddenKeys.has(key)) continue;
    const value = merge(own(base, key), own(override, key));
    if (value !== undefined) merged[key] = value;
  }
  return merged;
}

const own = (data: TData, key: string): unknown => (Object.hasOwn(data, key) ? data[key] : undefined);

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  return isData(value) ? merge(value, {}) : value;
}

const isData = (value: unknown): value is TData =>
  typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]';
