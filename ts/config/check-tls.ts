// What must hold between the TLS options of a route, and between TLS and what the route asks for.

import { gotText, type IPathFault, type TKey } from './faults.js';
import { httpFeatures } from './http-features.js';
import { terminates, tlsOf } from './route-tls.js';
import type { IRouteConfig, IRouteTls, ISmartProxyOptions, IUpstreamTls } from './types.js';
import type { TUsable } from './usable.js';

const ofTermination = ['versions', 'ciphers', 'honorCipherOrder', 'alpn', 'sessionTimeout', 'clientAuth'] as const;

/** Of one `tls` object at `place`. */
export function checkTls(tls: IRouteTls, place: readonly TKey[]): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const fault = (name: string, want: string, got: string) => faults.push({ path: [...place, name], want, got });
  if (tls.mode === 'passthrough') {
    for (const name of ['certificate', ...ofTermination, 'upstream'] as const) {
      if (tls[name] === undefined) continue;
      const hint = name === 'alpn' ? '; to match what the client offers use match.alpn' : '';
      fault(name, `nothing: with passthrough the target terminates TLS${hint}`, gotText(tls[name]));
    }
    return faults;
  }
  if (tls.certificate === undefined) {
    const want = "{ cert, key } or { certFile, keyFile } ('auto' and 'internal' are not available in this version)";
    fault('certificate', want, 'nothing');
  }
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
    faults.push({
      path: ['action', 'tls', 'mode'],
      want: "'terminate': there is no target",
      got: gotText(action.tls.mode),
    });
  }
  if (!usable('match', 'action', 'headers', 'compression') || defaults === null) return faults;
  const tls = tlsOf(route, defaults);
  faults.push(...protocolFaults(route, tls));
  if (tls?.mode === 'passthrough') faults.push(...passthroughFaults(route));
  return faults;
}

const none: readonly IPathFault[] = [];

function protocolFaults(route: IRouteConfig, tls: IRouteTls | undefined): readonly IPathFault[] {
  const { match, action } = route;
  const { protocol } = match;
  if (protocol === undefined) return none;
  const path = ['match', 'protocol'];
  const got = gotText(protocol);
  if (terminates(tls)) {
    if (protocol === 'tls') return [{ path, want: "'http', 'other' or nothing: TLS is terminated here", got }];
  } else if (protocol !== 'tls') {
    if (action.tls !== undefined) {
      return [{ path: ['action', 'tls'], want: `nothing: match.protocol is '${protocol}'`, got: 'passthrough of TLS' }];
    }
    const criterion = tlsCriteria.find((name) => match[name] !== undefined);
    const isNamed = protocol === 'other' && match.domains !== undefined;
    const known = criterion ?? (isNamed ? 'domains' : undefined);
    if (known === 'domains') return [{ path, want: "'tls', 'http' or nothing: others name no host", got }];
    if (known !== undefined)
      return [{ path, want: `'tls' or nothing: ${known} is known of TLS connections only`, got }];
  }
  const [feature] = protocol === 'http' ? [] : httpFeatures(route);
  return feature === undefined || tls?.mode === 'passthrough'
    ? none
    : [{ path, want: `'http' or nothing: ${feature.join('.')} is for HTTP only`, got }];
}

const tlsCriteria = ['tlsVersion', 'alpn', 'ja4'] as const;

/** Passed through, a connection shows nothing of its requests, and targets expect TLS from the client itself. */
function passthroughFaults(route: IRouteConfig): readonly IPathFault[] {
  const { action } = route;
  const faults = httpFeatures(route).map(seesNothing);
  if (action.type !== 'forward') return faults;
  if (action.healthCheck?.path !== undefined) {
    const want = 'nothing: targets of a route that passes TLS through are probed by TCP';
    faults.push({ path: ['action', 'healthCheck', 'path'], want, got: gotText(action.healthCheck.path) });
  }
  const want = 'nothing: what is passed through is TLS already';
  if (action.target?.tls) faults.push({ path: ['action', 'target', 'tls'], want, got: gotText(action.target.tls) });
  action.targets?.forEach(({ tls }, index) => {
    if (tls) faults.push({ path: ['action', 'targets', index, 'tls'], want, got: gotText(tls) });
  });
  return faults;
}

/** An action that answers requests is not what is too much, but the way it is reached. */
const seesNothing = (path: readonly TKey[]): IPathFault =>
  path.at(-1) === 'type'
    ? { path: ['action', 'tls', 'mode'], want: "'terminate': the action answers requests", got: "'passthrough'" }
    : { path, want: 'nothing: a route that passes TLS through sees no requests', got: 'something for HTTP only' };
