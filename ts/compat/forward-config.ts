// The older shape of what is done with a connection (`{ type, target, http, https, ... }`): read, and made a route of.

import type { IFault } from '../base/errors.js';
import { deepFreeze } from '../config/freeze.js';
import type {
  IRouteConfig,
  IRouteMatch,
  IRouteSecurity,
  IRouteTls,
  ISmartProxyOptions,
  ITarget,
  IUpstreamTls,
  TRouteAction,
  TSocketHandler,
} from '../config/types.js';
import { OldShape } from './old-shape.js';
import { Places } from './places.js';

/** What is done with what comes. */
export type TForwardingType = (typeof forwardingTypes)[number];

export const forwardingTypes = deepFreeze([
  'http-only',
  'https-passthrough',
  'https-terminate-to-http',
  'https-terminate-to-https',
  'direct',
  'socket-handler',
] as const);

/** How one name, or one port, is forwarded, in the older shape. `direct` forwards bytes as they are. */
export interface IForwardConfig {
  type: TForwardingType;
  /** Of `socket-handler`, instead of a target: gets the connection. */
  socketHandler?: TSocketHandler;
  /** Of all others. Several hosts are balanced in turn; a port that is a function gets the connection's context. */
  target?: Pick<ITarget, 'host' | 'port'>;
  http?: {
    /** Only true, where the type is `http-only`. */
    enabled?: boolean;
    /** With a type of HTTPS, in `domainConfigs`: plain HTTP on the port of challenges is sent to HTTPS. */
    redirectToHttps?: boolean;
    /** Set on requests. */
    headers?: Record<string, string>;
  };
  https?: {
    /** PEM. Without it `acme` gets one. */
    customCert?: { key: string; cert: string };
    /** Only true: a name is passed on wherever TLS is. */
    forwardSni?: boolean;
    /** How a target's TLS is verified. Default: by its name, against the authorities that Node knows. */
    upstream?: IUpstreamTls;
  };
  acme?: {
    /** Default true where TLS is terminated without `customCert`. */
    enabled?: boolean;
    /** Only true: what is got is renewed. */
    maintenance?: boolean;
    /** Let's Encrypt's production in place of its staging. */
    production?: boolean;
  };
  security?: {
    allowedIps?: string[];
    blockedIps?: string[];
    maxConnections?: number;
  };
  advanced?: {
    /** In `domainConfigs`: ports that are forwarded whatever name is asked for, to the same port. */
    portRanges?: { from: number; to: number }[];
    /** Milliseconds without a byte; of HTTP also those for an answer. */
    timeout?: number;
    /** Set on requests; `{clientIp}` and `{sni}` stand for what they say. */
    headers?: Record<string, string>;
  };
}

/** A route in the making: without its ports and names. */
export interface IForwarding {
  readonly type: TForwardingType | undefined;
  readonly route: Omit<IRouteConfig, 'match'>;
  readonly redirects: boolean;
  readonly portRanges: readonly { from: number; to: number }[];
}

/** Reads one; faults go to the list that the shape has, `places` learns where the parts of the route came from. */
export function readForwarding(shape: OldShape, made: string, places: Places): IForwarding {
  const type = shape.oneOf('type', forwardingTypes);
  const ofRequests = type === undefined || type === 'http-only' || type.startsWith('https-terminate');
  const http = shape.shape('http');
  const advanced = shape.shape('advanced');
  const action = readAction(shape, type, made, places);
  const tls = readTls(shape, type, made, places);
  const security = readSecurity(shape.shape('security'), made, places);
  const headers = readHeaders([http, advanced], ofRequests, made, places);
  const timeoutMs = advanced?.number('timeout');
  if (advanced !== null) {
    for (const name of ['inactivityTimeout', 'responseTimeout'])
      places.from(`${made}.timeouts.${name}`, advanced.at('timeout'));
    advanced.refuse({
      networkProxyPort: 'HTTP is served in the same process (type https-terminate-to-http)',
      keepAlive: 'it is the option keepAlive of the proxy, for both sides of all connections',
    });
  }
  if (http?.flag('enabled') === false && type === 'http-only') http.fault('enabled', 'true, or another type');
  const redirects = http?.flag('redirectToHttps') ?? false;
  if (redirects && !type?.startsWith('https-')) http?.fault('redirectToHttps', 'nothing: this type is not HTTPS');
  const portRanges = advanced?.spans('portRanges') ?? [];
  for (const part of [http, advanced, shape]) part?.done();
  return {
    ...{ type, redirects, portRanges },
    route: {
      action: { ...action, ...(tls === null ? {} : { tls }) },
      ...(security === null ? {} : { security }),
      ...(headers === null ? {} : { headers: { request: headers } }),
      ...(timeoutMs === undefined
        ? {}
        : { timeouts: { inactivityTimeout: timeoutMs, ...(ofRequests ? { responseTimeout: timeoutMs } : {}) } }),
    },
  };
}

/** By itself: a route for connections that somebody else accepts. @throws ConfigError with every fault, by its place in `config` */
export function routeOfForwarding(
  config: IForwardConfig,
  match: Omit<IRouteMatch, 'ports'>,
  options: Partial<ISmartProxyOptions> = {},
): IRouteConfig {
  const faults: IFault[] = [];
  const places = new Places();
  const shape = new OldShape(config, '', faults);
  places.from('routes[0].action.tls.certificate', 'https.customCert');
  const { route, redirects, portRanges } = readForwarding(shape, 'routes[0]', places);
  if (redirects) {
    const want = 'nothing: nothing listens here (SslRedirect sends plain HTTP to HTTPS)';
    faults.push({ path: 'http.redirectToHttps', want, got: 'true' });
  }
  if (portRanges.length > 0) {
    const want = 'nothing: nothing listens here (ports belong to domainConfigs)';
    faults.push({ path: 'advanced.portRanges', want, got: `a list of ${portRanges.length}` });
  }
  const made: IRouteConfig = { match: { ports: 0, ...match }, ...route };
  places.check({ ...options, routes: [made] }, faults);
  return made;
}

function readAction(shape: OldShape, type: TForwardingType | undefined, made: string, places: Places): TRouteAction {
  const socketHandler = shape.any<TSocketHandler>('socketHandler');
  if (type !== 'socket-handler') {
    if (socketHandler !== undefined) shape.fault('socketHandler', "nothing, or the type 'socket-handler'");
    const target = readTarget(shape);
    places.from(`${made}.action.target`, shape.at('target'));
    return { type: 'forward', ...(target === undefined ? {} : { target }) };
  }
  if (shape.has('target')) shape.fault('target', 'nothing: the handler has the connection');
  if (typeof socketHandler !== 'function') shape.fault('socketHandler', 'a function');
  return { type, socketHandler: socketHandler ?? (() => {}) };
}

function readTarget(shape: OldShape): ITarget | undefined {
  const target = shape.shape('target');
  if (target === null) {
    shape.fault('target', '{ host, port }');
    return undefined;
  }
  const host = target.any<ITarget['host']>('host');
  const port = target.any<ITarget['port']>('port');
  target.done();
  // What is missing is told by the route that it is missing in.
  return { ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) } as ITarget;
}

function readTls(shape: OldShape, type: TForwardingType | undefined, made: string, places: Places): IRouteTls | null {
  const https = shape.shape('https');
  const acme = shape.shape('acme');
  const customCert = https?.shape('customCert') ?? null;
  const cert = customCert?.text('cert', { needed: true });
  const key = customCert?.text('key', { needed: true });
  const upstream = https?.any<IUpstreamTls>('upstream');
  const production = acme?.flag('production');
  const orders = acme?.flag('enabled') ?? true;
  if (https?.flag('forwardSni') === false) https.fault('forwardSni', 'true: a name is passed on wherever TLS is');
  if (acme?.flag('maintenance') === false) acme.fault('maintenance', 'true: certificates are renewed');
  acme?.refuse({ forwardChallenges: 'write a route for the path /.well-known/acme-challenge/* to that host' });
  for (const part of [customCert, https, acme]) part?.done();
  const terminates = type?.startsWith('https-terminate') ?? true;
  if (customCert !== null && !terminates) https?.fault('customCert', 'nothing: TLS is not terminated');
  if (type === 'https-passthrough') return { mode: 'passthrough' };
  if (type === undefined || !terminates) return null;
  if (customCert === null && !orders) acme?.fault('enabled', 'true, or https.customCert: TLS is terminated');
  places.from(`${made}.action.tls.upstream`, shape.at('https.upstream'));
  places.from(`${made}.action.tls.acme`, shape.at('acme'));
  // That is said for all.
  places.from(`${made}.action.tls.acme.email`, 'acme.email');
  places.from(`${made}.action.tls.certificate`, shape.at(customCert === null ? 'acme' : 'https.customCert'));
  const settings: IRouteTls = {
    mode: type === 'https-terminate-to-http' ? 'terminate' : 'terminate-and-reencrypt',
    certificate: customCert === null ? 'auto' : { cert: cert ?? '', key: key ?? '' },
  };
  if (upstream !== undefined) settings.upstream = upstream;
  if (customCert === null && production !== undefined) settings.acme = { useProduction: production };
  return settings;
}

function readSecurity(shape: OldShape | null, made: string, places: Places): IRouteSecurity | null {
  if (shape === null) return null;
  const ipAllowList = shape.texts('allowedIps');
  const ipBlockList = shape.texts('blockedIps');
  const maxConnections = shape.number('maxConnections');
  shape.done();
  const at = `${made}.security`;
  for (const [name, old] of [
    ['ipAllowList', 'allowedIps'],
    ['ipBlockList', 'blockedIps'],
    ['maxConnections', 'maxConnections'],
  ] as const) {
    places.from(`${at}.${name}`, shape.at(old));
  }
  return {
    ...(ipAllowList.length === 0 ? {} : { ipAllowList }),
    ...(ipBlockList.length === 0 ? {} : { ipBlockList }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
  };
}

function readHeaders(
  parts: readonly (OldShape | null)[],
  ofRequests: boolean,
  made: string,
  places: Places,
): Record<string, string> | null {
  const all: Record<string, string> = {};
  for (const part of parts) {
    const headers = part?.any<Record<string, unknown>>('headers');
    if (part === null || part === undefined || headers === undefined) continue;
    if (!ofRequests) part.fault('headers', 'nothing: requests are not seen');
    for (const [name, value] of Object.entries(typeof headers === 'object' ? (headers ?? {}) : { headers })) {
      places.from(`${made}.headers.request.${name}`, `${part.at('headers')}.${name}`);
      places.from(`${made}.headers.request["${name}"]`, `${part.at('headers')}["${name}"]`);
      all[name] = typeof value === 'string' ? value.replaceAll('{sni}', '{domain}') : (value as string);
    }
  }
  return !ofRequests || Object.keys(all).length === 0 ? null : all;
}
