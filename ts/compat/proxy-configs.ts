// From the configurations of a reverse proxy's hosts to routes of an HttpProxy that do the same.

import type { IFault } from '../base/errors.js';
import type { IRouteSecurity, IRouteTls, ITarget } from '../config/types.js';
import type { IReverseProxyConfig } from '../http/proxy-router.js';
import type { IHttpProxyRoute } from '../http-proxy.js';
import { OldShape } from './old-shape.js';
import { Places } from './places.js';

/**
 * One route a configuration: `new HttpProxy({ port: 443, routes: convertProxyConfigs(configs) })`. Those with a certificate are
 * for HTTPS, the others for plain HTTP.
 * @throws ConfigError with every fault, by its place in the list: `configs[0].hostName`
 */
export function convertProxyConfigs(configs: readonly IReverseProxyConfig[]): IHttpProxyRoute[] {
  const faults: IFault[] = [];
  const places = new Places();
  const list = new OldShape({ configs }, '', faults).shapes('configs');
  const routes = list.filter(({ isObject }) => isObject).map((shape, index) => routeOf(shape, index, places));
  places.check({ routes: routes.map((route) => ({ ...route, match: { ...route.match, ports: anyPort } })) }, faults);
  return routes;
}

/** It only has to be one: the proxy puts its own in its place. */
const anyPort = 443;

function routeOf(shape: OldShape, index: number, places: Places): IHttpProxyRoute {
  const at = `routes[${index}]`;
  const hostName = shape.text('hostName', { needed: true }) ?? '*';
  const path = shape.text('pathPattern');
  const targets = readTargets(shape, at, places);
  const tls = readTls(shape, at, places);
  const security = readAuthentication(shape, at, places);
  shape.done();
  places.from(`${at}.match.domains`, shape.at('hostName'));
  places.from(`${at}.match`, shape.at('hostName'));
  places.from(`${at}.match.path`, shape.at('pathPattern'));
  return {
    // A router keeps several of one host apart by their paths.
    name: `${index} ${hostName}${path ?? ''}`,
    match: { domains: hostName, ...(path === undefined ? {} : { path }) },
    action: { type: 'forward', targets, ...(tls === null ? {} : { tls }) },
    ...(security === null ? {} : { security }),
  };
}

function readTargets(shape: OldShape, at: string, places: Places): ITarget[] {
  const hosts = shape.texts('destinationIps', { needed: true });
  const ports = shape.any<readonly number[]>('destinationPorts');
  const rewrites = shape.flag('rewriteHostHeader') ?? false;
  if (!Array.isArray(ports) || ports.length === 0) shape.fault('destinationPorts', 'a list of ports that is not empty');
  const targets: ITarget[] = [];
  for (const [hostAt, host] of hosts.entries()) {
    for (const [portAt, port] of (Array.isArray(ports) ? ports : []).entries()) {
      const made = `${at}.action.targets[${targets.length}]`;
      places.from(`${made}.host`, `${shape.at('destinationIps')}[${hostAt}]`);
      places.from(`${made}.port`, `${shape.at('destinationPorts')}[${portAt}]`);
      const name = host.includes(':') ? `[${host}]` : host;
      targets.push({ host, port, ...(rewrites ? { headers: { host: `${name}:${port}` } } : {}) });
    }
  }
  places.from(`${at}.action.targets`, shape.at('destinationIps'));
  return targets;
}

function readTls(shape: OldShape, at: string, places: Places): IRouteTls | null {
  const cert = shape.text('publicKey');
  const key = shape.text('privateKey');
  places.from(`${at}.action.tls.certificate.cert`, shape.at('publicKey'));
  places.from(`${at}.action.tls.certificate.key`, shape.at('privateKey'));
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined) shape.fault('publicKey', 'the certificate of privateKey');
  if (key === undefined) shape.fault('privateKey', 'the key of publicKey');
  return { mode: 'terminate', certificate: { cert: cert ?? '', key: key ?? '' } };
}

function readAuthentication(shape: OldShape, at: string, places: Places): IRouteSecurity | null {
  const authentication = shape.shape('authentication');
  if (authentication === null) return null;
  authentication.oneOf('type', ['Basic']);
  const username = authentication.text('user', { needed: true }) ?? '';
  const password = authentication.text('pass', { needed: true }) ?? '';
  authentication.done();
  places.from(`${at}.security.authentication.credentials[0].username`, authentication.at('user'));
  places.from(`${at}.security.authentication.credentials[0].password`, authentication.at('pass'));
  return { authentication: { type: 'basic', credentials: [{ username, password }] } };
}
