// What must hold between the options of a route that are for HTTP. Places are relative to the route.

import { checkUpstreamTls } from './check-tls.js';
import { corsDefaults, hstsDefaults } from './defaults.js';
import { gotText, type IPathFault, type TKey } from './faults.js';
import { requestRulesOf } from './http-features.js';
import { listOf } from './resolve-headers.js';
import type { IForwardAction, IRouteConfig, ISmartProxyOptions, TRouteAction } from './types.js';
import type { TUsable } from './usable.js';
import { withDefaults } from './with-defaults.js';

type TDefaults = ISmartProxyOptions['defaults'] | null;

/** `defaults`: null if they are at fault themselves. */
export function checkHttp(route: IRouteConfig, usable: TUsable, defaults: TDefaults): readonly IPathFault[] {
  const { headers, compression, match, action } = route;
  const faults: IPathFault[] = [];
  if (typeof headers === 'object' && headers !== null) addHeaderFaults(headers, usable, faults);
  if (match?.headers !== undefined && usable('match.headers')) {
    faults.push(...nameFaults(match.headers, ['match', 'headers']));
  }
  if (!usable('action.type')) return faults;
  if (action.type === 'socket-handler') {
    const given = { headers, compression };
    for (const name of ['headers', 'compression'] as const) {
      if (given[name] === undefined || given[name] === false) continue;
      faults.push({ path: [name], want: 'nothing: a socket handler writes its own bytes', got: gotText(given[name]) });
    }
    if (usable('security', 'action.security')) faults.push(...unseenFaults(route, defaults));
  }
  if (action.type === 'forward') addForwardFaults(action, usable, faults);
  else if (usable('action')) faults.push(...answerFaults(action));
  return faults;
}

/** A socket handler has the connection to itself from the first request on: nobody would ask the later ones. */
function unseenFaults(route: IRouteConfig, defaults: TDefaults): readonly IPathFault[] {
  return requestRulesOf(route, defaults ?? undefined).map((path) =>
    path[0] === 'defaults'
      ? {
          path: ['action', 'type'],
          want: `another action: ${path.join('.')} needs HTTP that the proxy reads`,
          got: "'socket-handler'",
        }
      : {
          path,
          want: 'nothing: it needs HTTP that the proxy reads, and a socket handler gets bytes',
          got: path.includes('maxInFlight') || path.includes('maxBodyBytes') ? 'a number' : 'an object',
        },
  );
}

type TRecord = Readonly<Record<string, unknown>>;

/** Names have no case: two spellings of one would say two things. A request cannot do without its Host. */
function nameFaults(record: TRecord, place: readonly TKey[]): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(record)) {
    const lower = name.toLowerCase();
    if (seen.has(lower))
      faults.push({ path: [...place, name], want: 'each name once: case does not matter', got: 'another' });
    else if (lower === 'host' && value === null) {
      faults.push({ path: [...place, name], want: 'a value: no request goes without Host', got: 'null' });
    }
    seen.add(lower);
  }
  return faults;
}

function addHeaderFaults(headers: NonNullable<IRouteConfig['headers']>, usable: TUsable, faults: IPathFault[]): void {
  for (const name of ['request', 'response'] as const) {
    const rules = headers[name];
    if (rules !== undefined && usable(`headers.${name}`)) faults.push(...nameFaults(rules, ['headers', name]));
  }
  const { cors, hsts } = headers;
  if (typeof cors === 'object' && usable('headers.cors')) {
    const origins = listOf(cors.allowOrigin ?? corsDefaults.allowOrigin);
    if (cors.allowCredentials === true && origins.includes('*')) {
      const want = "false, or origins in allowOrigin: browsers refuse credentials together with '*'";
      faults.push({ path: ['headers', 'cors', 'allowCredentials'], want, got: 'true' });
    }
  }
  if (typeof hsts === 'object' && usable('headers.hsts') && hsts.preload === true) {
    const { maxAge, includeSubDomains } = withDefaults(hstsDefaults, hsts);
    if (maxAge < hstsDefaults.maxAge || !includeSubDomains) {
      const want = `nothing unless includeSubDomains is true and maxAge at least ${hstsDefaults.maxAge}`;
      faults.push({ path: ['headers', 'hsts', 'preload'], want, got: 'true' });
    }
  }
}

/** RFC 9110 §15.3.5, §15.3.6, §15.4.5. */
const withoutBody: ReadonlySet<number> = new Set([204, 205, 304]);

function answerFaults(action: Exclude<TRouteAction, IForwardAction>): readonly IPathFault[] {
  if (action.type !== 'respond') return [];
  const { status, headers, body } = action.respond;
  const faults = headers === undefined ? [] : [...nameFaults(headers, ['action', 'respond', 'headers'])];
  if (withoutBody.has(status) && body !== undefined && body.length > 0) {
    const want = `nothing: an answer with status ${status} has no body`;
    faults.push({ path: ['action', 'respond', 'body'], want, got: 'a body' });
  }
  return faults;
}

function addForwardFaults(action: IForwardAction, usable: TUsable, faults: IPathFault[]): void {
  const { target, targets, websocket, urlRewrite, loadBalancing, healthCheck } = action;
  if (target !== undefined && usable('action.target')) addTargetFaults(target, ['action', 'target'], faults);
  if (usable('action.targets')) {
    targets?.forEach((each, index) => {
      addTargetFaults(each, ['action', 'targets', index], faults);
    });
  }
  if (websocket?.customHeaders !== undefined && usable('action.websocket')) {
    faults.push(...nameFaults(websocket.customHeaders, ['action', 'websocket', 'customHeaders']));
  }
  if (action.grpcWeb === true && usable('action.target') && usable('action.targets')) addGrpcWebFault(action, faults);
  if (urlRewrite !== undefined && usable('action.urlRewrite')) addRewriteFault(urlRewrite, faults);
  if (loadBalancing !== undefined && usable('action.loadBalancing')) addKeyFault(loadBalancing, faults);
  if (healthCheck !== undefined && usable('action.healthCheck') && healthCheck.path === undefined) {
    for (const name of ['host', 'expect'] as const) {
      if (healthCheck[name] === undefined) continue;
      const path = ['action', 'healthCheck', name];
      faults.push({ path, want: 'nothing without path: it is for probes by HTTP', got: gotText(healthCheck[name]) });
    }
  }
}

/** HTTP/1.1 cannot carry every call of gRPC, and its servers do not speak it. */
function addGrpcWebFault({ target, targets, backendProtocol }: IForwardAction, faults: IPathFault[]): void {
  const all = [...(target === undefined ? [] : [target]), ...(targets ?? [])];
  const versions = all.length === 0 ? [backendProtocol] : all.map((each) => each.backendProtocol ?? backendProtocol);
  if (!versions.every((version) => version === undefined || version === 'http1')) return;
  const want = "false, or backendProtocol 'http2' or 'auto': gRPC is spoken in HTTP/2";
  faults.push({ path: ['action', 'grpcWeb'], want, got: 'true' });
}

type TTarget = NonNullable<IForwardAction['target']>;

function addTargetFaults({ match, headers, tls }: TTarget, place: readonly TKey[], faults: IPathFault[]): void {
  if (match?.headers !== undefined) faults.push(...nameFaults(match.headers, [...place, 'match', 'headers']));
  if (headers !== undefined) faults.push(...nameFaults(headers, [...place, 'headers']));
  if (typeof tls === 'object') faults.push(...checkUpstreamTls(tls, [...place, 'tls']));
}

function addRewriteFault({ pattern, target }: NonNullable<IForwardAction['urlRewrite']>, faults: IPathFault[]): void {
  if ((pattern === undefined) === (target === undefined)) return;
  const [missing, given] = pattern === undefined ? ['pattern', 'target'] : ['target', 'pattern'];
  const path = ['action', 'urlRewrite', missing as string];
  faults.push({ path, want: `something, as ${given} is given`, got: 'nothing' });
}

function addKeyFault({ key, keyName }: NonNullable<IForwardAction['loadBalancing']>, faults: IPathFault[]): void {
  const path = ['action', 'loadBalancing', 'keyName'];
  const isNamed = key === 'header' || key === 'cookie';
  if (isNamed && keyName === undefined) faults.push({ path, want: `the name of the ${key}`, got: 'nothing' });
  if (!isNamed && keyName !== undefined) {
    faults.push({ path, want: "nothing unless key is 'header' or 'cookie'", got: gotText(keyName) });
  }
}
