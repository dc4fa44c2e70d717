// From options of the time before routes to routes that do the same.

import type { IFault } from '../base/errors.js';
import type { IAcmeOptions, IRouteConfig, ISmartProxyOptions } from '../config/types.js';
import { LegacyRoutes } from './legacy-routes.js';
import type { ILegacyOptions } from './legacy-types.js';
import { OldShape } from './old-shape.js';
import { Places } from './places.js';
import { readRanges } from './read-ranges.js';

/**
 * Options for a SmartProxy that does what the older options did. What is wrong with them, or does nothing any more, is told
 * all at once, by its place in them.
 * @throws ConfigError
 */
export function convertLegacyOptions(legacy: ILegacyOptions): ISmartProxyOptions {
  const faults: IFault[] = [];
  const places = new Places();
  const shape = new OldShape(legacy, '', faults);
  const options = read(shape, places);
  shape.refuse(gone);
  shape.done();
  places.check(options, faults);
  return options;
}

/** What to do about options that nothing stands for. */
const gone = {
  socketHandlers: 'write routes with the action socket-handler',
  useNetworkProxy: "write routes with tls: { mode: 'terminate' }, which need no second proxy",
  networkProxyPort: "write routes with tls: { mode: 'terminate' }, which need no second proxy",
  port80HandlerConfig: 'its options are those of acme',
  certProvider: 'it is the option certProvisionFunction of the proxy',
  inactivityCheckInterval: 'a silent connection ends when it is due, without a check',
  extendedKeepAliveLifetime: 'maxConnectionLifetime holds for all connections',
  enableKeepAliveProbes: 'keepAlive turns them on',
  enableRandomizedTimeouts: 'connections end when they are due',
  maxPendingDataSize: 'nothing more is read than fits a ClientHello, 64 kB',
  allowSessionTicket: 'a name is read in every ClientHello, tickets or not',
  enableDetailedLogging: 'give the proxy a logger, and let that say how much it wants',
  enableTlsDebugLogging: 'give the proxy a logger, and let that say how much it wants',
  cert: 'TLS is passed through; to terminate it write a route with tls.certificate',
  key: 'TLS is passed through; to terminate it write a route with tls.certificate',
  pfx: 'TLS is passed through; to terminate it write a route with tls.certificate',
  ca: 'TLS is passed through; to terminate it write a route with tls.certificate',
};

const asBefore = ['initialDataTimeout', 'maxConnectionLifetime', 'gracefulShutdownTimeout'] as const;
const asBeforeToo = ['keepAliveInitialDelay', 'keepAliveInactivityMultiplier'] as const;
const limits = ['maxConnectionsPerIP', 'connectionRateLimitPerMinute'] as const;

function read(shape: OldShape, places: Places): ISmartProxyOptions {
  const options: ISmartProxyOptions = { routes: [] };
  for (const name of [...asBefore, ...asBeforeToo, ...limits]) {
    const value = shape.number(name);
    if (value !== undefined) options[name] = value;
  }
  for (const name of ['noDelay', 'keepAlive'] as const) {
    const value = shape.flag(name);
    if (value !== undefined) options[name] = value;
  }
  const treatment = shape.any<NonNullable<ISmartProxyOptions['keepAliveTreatment']>>('keepAliveTreatment');
  if (treatment !== undefined) options.keepAliveTreatment = treatment;
  const inactivity = readInactivity(shape, places);
  if (inactivity !== undefined) options.inactivityTimeout = inactivity;
  const acme = shape.shape('acme');
  const { settings, store, port } = readAcme(acme, places);
  if (settings !== null) options.acme = settings;
  if (store !== undefined) options.certificateStore = store;
  return { ...options, routes: readRoutes(shape, places, port) };
}

/** Both ended a connection on which nothing moved. */
function readInactivity(shape: OldShape, places: Places): number | undefined {
  const given = (['socketTimeout', 'inactivityTimeout'] as const).flatMap((name) => {
    const ms = shape.number(name);
    return ms === undefined ? [] : [{ name, ms }];
  });
  if (shape.flag('disableInactivityCheck')) return 0;
  const [least] = given.sort((a, b) => (a.ms || Number.POSITIVE_INFINITY) - (b.ms || Number.POSITIVE_INFINITY));
  if (least !== undefined) places.from('inactivityTimeout', least.name);
  return least?.ms;
}

interface ILegacyAcme {
  readonly settings: IAcmeOptions | null;
  readonly store: string | undefined;
  /** Where plain HTTP is sent to HTTPS. */
  readonly port: number;
}

function readAcme(shape: OldShape | null, places: Places): ILegacyAcme {
  if (shape === null) return { settings: null, store: undefined, port: 80 };
  const names = (['email', 'accountEmail', 'contactEmail'] as const).filter((name) => shape.has(name));
  const [email, second] = names;
  if (second !== undefined) shape.fault(second, `nothing, as ${email} is given`);
  const address = email === undefined ? undefined : shape.text(email);
  const port = shape.port('port');
  const useProduction = shape.flag('useProduction');
  const renewBeforeDays = shape.number('renewThresholdDays');
  const store = shape.text('certificateStore');
  const enabled = shape.flag('enabled') ?? true;
  if (shape.flag('autoRenew') === false) shape.fault('autoRenew', 'true: certificates are renewed');
  shape.refuse({
    skipConfiguredCerts: 'write tls.certificate into the routes that have one',
    httpsRedirectPort: 'redirectToHttps leads to the port that HTTPS listens on',
    renewCheckIntervalHours: 'a certificate is renewed when it is due, without a check',
    domainForwards: 'write a route for the path /.well-known/acme-challenge/* to that host',
  });
  shape.done();
  places.from('acme.email', shape.at(email ?? 'email'));
  places.from('acme.challengePort', shape.at('port'));
  places.from('acme.useProduction', shape.at('useProduction'));
  places.from('acme.renewBeforeDays', shape.at('renewThresholdDays'));
  places.from('certificateStore', shape.at('certificateStore'));
  const settings: IAcmeOptions = {
    ...(address === undefined ? {} : { email: address }),
    ...(port === undefined ? {} : { challengePort: port }),
    ...(useProduction === undefined ? {} : { useProduction }),
    ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
  };
  return { settings: enabled ? settings : null, store, port: port ?? 80 };
}

function readRoutes(shape: OldShape, places: Places, httpPort: number): readonly IRouteConfig[] {
  const name = shape.has('domains') ? 'domains' : 'domainConfigs';
  if (shape.has('domains') && shape.has('domainConfigs')) shape.fault('domainConfigs', 'nothing, as domains is given');
  const fromPort = shape.port('fromPort', { needed: true });
  const toPort = shape.port('toPort', { needed: true });
  const target = shape.text('targetIP') ?? 'localhost';
  const ranges = readRanges(shape, 'globalPortRanges');
  const forwardsAll = shape.flag('forwardAllGlobalRanges') ?? false;
  if (forwardsAll && ranges.length === 0) shape.fault('forwardAllGlobalRanges', 'false, or globalPortRanges');
  const routes = new LegacyRoutes({
    ...{ fromPort: fromPort ?? 1, toPort: toPort ?? 1, target, ranges, forwardsAll, httpPort, places },
    named: shape.flag('sniEnabled') ?? shape.has('sniEnabled'),
    preserves: shape.flag('preserveSourceIP') ?? false,
    allowed: shape.texts('defaultAllowedIPs'),
    blocked: shape.texts('defaultBlockedIPs'),
  });
  for (const [index, domain] of shape.shapes(name).entries()) if (domain.isObject) routes.addDomain(domain, index);
  return routes.finish(shape);
}
