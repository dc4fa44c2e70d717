// What must hold between the TLS options of a route, and between TLS and what the route asks for.

import { checkManagedTls } from './check-acme.js';
import { gotText, type IPathFault, type TKey } from './faults.js';
import { featurePlaces, httpFeatures } from './http-features.js';
import { terminates, tlsOf } from './route-tls.js';
import type { IRouteConfig, IRouteTls, ISmartProxyOptions, IUpstreamTls } from './types.js';
import type { TUsable } from './usable.js';

const ofTermination = ['versions', 'ciphers', 'honorCipherOrder', 'alpn', 'sessionTimeout', 'clientAuth'] as const;

/** Of one `tls` object at `place`. */
export function checkTls(tls: IRouteTls, place: readonly TKey[]): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const fault = (name: string, want: string, got: string) => faults.push({ path: [...place, name], want, got });
  if (tls.mode === 'passthrough') {
    for (const name of ['certificate', 'acme', 'names', ...ofTermination, 'upstream'] as const) {
      if (tls[name] === undefined) continue;
      const hint = name === 'alpn' ? '; to match what the client offers use match.alpn' : '';
      fault(name, `nothing: with passthrough the target terminates TLS${hint}`, gotText(tls[name]));
    }
    return faults;
  }
  if (tls.certificate === undefined) {
    fault('certificate', "'auto', 'internal', { cert, key } or { certFile, keyFile }", 'nothing');
  }
  faults.push(...checkManagedTls(tls, place));
  if (tls.upstream !== undefined) {
    if (tls.mode === 'terminate') fault('upstream', "nothing unless mode is 'terminate-and-reencrypt'", 'an object');
    faults.push(...checkUpstreamTls(tls.upstream, [...place, 'upstream']));
  }
  return faults;
}

/** A certificate is nothing without its key. */
export function checkUpstreamTls(tls: IUpstreamTls, place: readonly TKey[]): readonly IPathFault[] {
  if ((tls.cert === undefined) === (tls.key === undefined)) return [];
  const missing = tls.cert === undefined ? 'cert' : 'key';
  const given = missing === 'cert' ? 'key' : 'cert';
  return [{ path: [...place, missing], want: `PEM, as ${given} is given`, got: 'nothing' }];
}

type TDefaults = ISmartProxyOptions['defaults'] | null;

/** How the TLS of a route goes together with its match, its action and what it does to requests. */
export function checkRouteTls(route: IRouteConfig, usable: TUsable, defaults: TDefaults): readonly IPathFault[] {
  const { action, match } = route;
  if (!usable('action.type', 'action.tls')) return none;
  if (action.tls === undefined && defaults?.tls === undefined && match?.protocol === undefined) return none;
  const faults = action.tls === undefined ? [] : [...checkTls(action.tls, ['action', 'tls'])];
  if (action.tls?.mode === 'terminate-and-reencrypt' && action.type !== 'forward') {
    const want = "'terminate': there is no target";
    faults.push({ path: ['action', 'tls', 'mode'], want, got: gotText(action.tls.mode) });
  }
  if (!usable('match.protocol') || typeof match !== 'object' || match === null) return faults;
  const features = usable(...featurePlaces) ? httpFeatures(route, defaults ?? undefined) : null;
  // Whether a default applies cannot be said while it, or what it depends on, is at fault.
  if (action.tls === undefined && (defaults === null || (defaults?.tls !== undefined && features === null))) {
    return faults;
  }
  const tls = tlsOf(route, defaults ?? undefined);
  faults.push(...protocolFaults(route, tls, features ?? []));
  if (tls?.mode === 'passthrough') faults.push(...passthroughFaults(route, usable, features ?? []));
  return faults;
}

const none: readonly IPathFault[] = [];

type TPlaces = readonly (readonly TKey[])[];

function protocolFaults(
  { match, action }: IRouteConfig,
  tls: IRouteTls | undefined,
  features: TPlaces,
): readonly IPathFault[] {
  const { protocol } = match;
  if (protocol === undefined) return none;
  const fault = (want: string): readonly IPathFault[] => [
    { path: ['match', 'protocol'], want, got: gotText(protocol) },
  ];
  if (terminates(tls)) {
    if (protocol === 'tls') return fault("'http', 'other' or nothing: TLS is terminated here");
  } else if (protocol !== 'tls') {
    if (action.tls !== undefined) {
      return [{ path: ['action', 'tls'], want: `nothing: match.protocol is '${protocol}'`, got: 'passthrough of TLS' }];
    }
    const criterion = tlsCriteria.find((name) => match[name] !== undefined);
    if (criterion !== undefined) return fault(`'tls' or nothing: ${criterion} is known of TLS connections only`);
    if (protocol === 'other' && match.domains !== undefined)
      return fault("'tls', 'http' or nothing: others name no host");
  }
  const [feature] = features;
  if (protocol === 'http' || feature === undefined || tls?.mode === 'passthrough') return none;
  return fault(`'http' or nothing: ${feature.join('.')} is for HTTP only`);
}

const tlsCriteria = ['tlsVersion', 'alpn', 'ja4'] as const;

/** Passed through, a connection shows nothing of its requests, and targets expect TLS from the client itself. */
function passthroughFaults({ action }: IRouteConfig, usable: TUsable, features: TPlaces): readonly IPathFault[] {
  const faults = features.map(seesNothing);
  if (action.type !== 'forward') return faults;
  const { healthCheck, target, targets } = action;
  if (usable('action.healthCheck') && healthCheck?.path !== undefined) {
    const want = 'nothing: targets of a route that passes TLS through are probed by TCP';
    faults.push({ path: ['action', 'healthCheck', 'path'], want, got: 'a path' });
  }
  if (!usable('action.target', 'action.targets')) return faults;
  const want = 'nothing: what is passed through is TLS already';
  if (target?.tls) faults.push({ path: ['action', 'target', 'tls'], want, got: gotText(target.tls) });
  targets?.forEach(({ tls }, index) => {
    if (tls) faults.push({ path: ['action', 'targets', index, 'tls'], want, got: gotText(tls) });
  });
  return faults;
}

/** Who wants to know who asks must be told why he cannot. */
const authentication: ReadonlySet<TKey | undefined> = new Set([
  ...['authentication', 'basicAuth', 'jwtAuth', 'forwardAuth'],
]);

/** Of an action that answers requests, and of what holds for all routes, the way it is reached is at fault. */
function seesNothing(path: readonly TKey[]): IPathFault {
  const asTerminated = (why: string) => ({
    path: ['action', 'tls', 'mode'],
    want: `'terminate': ${why}`,
    got: "'passthrough'",
  });
  if (path.at(-1) === 'type') return asTerminated('the action answers requests');
  if (path[0] === 'defaults') return asTerminated(`${path.join('.')} needs HTTP that the proxy reads`);
  const want = authentication.has(path.at(-1))
    ? 'nothing: it needs HTTP that the proxy reads, and this route passes TLS through'
    : 'nothing: a route that passes TLS through sees no requests';
  return { path, want, got: 'something for HTTP only' };
}
