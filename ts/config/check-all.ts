// What must hold between routes, and between global options.

import { checkAcme } from './check-acme.js';
import { checkAuth } from './check-auth.js';
import { checkTls } from './check-tls.js';
import { gotText, type IPathFault } from './faults.js';
import type { IResolvedMatch } from './resolved.js';
import { checkAdmin } from './schema-admin.js';
import type { IRouteConfig, IRouteTls, ISmartProxyOptions } from './types.js';
import type { TUsable } from './usable.js';

export function checkGlobals(options: ISmartProxyOptions, usable: TUsable): readonly IPathFault[] {
  const tls = usable('defaults.tls') ? options.defaults?.tls : undefined;
  return [
    ...checkProxyHeaders(options, usable),
    ...(tls ? checkTls(tls, ['defaults', 'tls']) : []),
    ...(usable('acme') && options.acme ? checkAcme(options.acme, ['acme']) : []),
    ...checkAuthentication(options, usable),
    ...checkAdmin(options, usable),
  ];
}

/** Where every route would ask who its clients are none could have TLS that passes through. */
function checkAuthentication(options: ISmartProxyOptions, usable: TUsable): readonly IPathFault[] {
  const defaults = usable('defaults') ? options.defaults : undefined;
  if (defaults?.security === undefined) return [];
  const faults = checkAuth(defaults.security, ['defaults', 'security']);
  const { authentication, basicAuth, jwtAuth, forwardAuth } = defaults.security;
  const rules = Object.entries({ authentication, basicAuth, jwtAuth, forwardAuth });
  const [name] = rules.find(([, rule]) => rule !== undefined) ?? [];
  if (name === undefined || defaults.tls?.mode !== 'passthrough') return faults;
  const want = `'terminate': defaults.security.${name} needs HTTP that the proxy reads`;
  return [...faults, { path: ['defaults', 'tls', 'mode'], want, got: "'passthrough'" }];
}

function checkProxyHeaders(options: ISmartProxyOptions, usable: TUsable): readonly IPathFault[] {
  if (!usable('acceptProxyProtocol', 'proxyIPs')) return [];
  const listed = (options.proxyIPs ?? []).length > 0;
  if (options.acceptProxyProtocol === true && !listed) {
    const want = 'the addresses that may send PROXY headers, as acceptProxyProtocol is on';
    return [{ path: ['proxyIPs'], want, got: gotText(options.proxyIPs) }];
  }
  if (options.acceptProxyProtocol !== true && listed) {
    return [
      { path: ['acceptProxyProtocol'], want: 'true, as proxyIPs is given', got: gotText(options.acceptProxyProtocol) },
    ];
  }
  return [];
}

/** Names and ids tell routes apart, disabled ones too: no value may stand for two of them. */
export function checkNames(
  routes: readonly IRouteConfig[],
  usableOf: (index: number) => TUsable,
): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const names = new Map<string, number>();
  const ids = new Map<string, number>();
  routes.forEach((route, index) => {
    const usable = usableOf(index);
    if (usable('id') && route.id !== undefined) claim('id', route.id, index, ids, faults);
    if (usable('name') && route.name !== undefined) claim('name', route.name, index, names, faults);
  });
  for (const [id, index] of ids) {
    const other = names.get(id);
    if (other === undefined || other === index) continue;
    const want = `an id that is not the name of routes[${other}]`;
    faults.push({ path: ['routes', index, 'id'], want, got: gotText(id) });
  }
  return faults;
}

function claim(kind: string, value: string, index: number, taken: Map<string, number>, faults: IPathFault[]): void {
  const other = taken.get(value);
  if (other === undefined) taken.set(value, index);
  else {
    const want = `a ${kind} that routes[${other}] does not have`;
    faults.push({ path: ['routes', index, kind], want, got: gotText(value) });
  }
}

/** An enabled route whose match is valid. */
export interface IMatchOfRoute {
  readonly index: number;
  readonly priority: number;
  readonly match: IResolvedMatch;
  /** By itself or by default. */
  readonly tls: IRouteTls | undefined;
  /** The match without ports and without what is known only of requests. */
  readonly criteria: string;
  readonly text: string;
}

/** A route with match and priority of an earlier one would never get a connection: matching does not fall through. */
export function checkShadows(matches: readonly IMatchOfRoute[]): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const first = new Map<string, number>();
  for (const { index, priority, text } of matches) {
    const key = `${priority} ${text}`;
    const other = first.get(key);
    if (other === undefined) first.set(key, index);
    else {
      const want = `a match or priority unlike that of routes[${other}], which takes all of its connections`;
      faults.push({ path: ['routes', index, 'match'], want, got: 'the same' });
    }
  }
  return faults;
}
