import type { IResolvedForward, IResolvedRoute } from '../../ts/config/resolved.js';
import type {
  IForwardAction,
  IRouteConfig,
  IRouteTimeouts,
  ISmartProxyOptions,
  ITarget,
} from '../../ts/config/types.js';
import { makeRoute, resolveRoutes } from '../helpers/make-config.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target: ITarget = { host: '10.0.0.1', port: 80 };

function resolveOne(route: Partial<IRouteConfig>, options: Omit<ISmartProxyOptions, 'routes'> = {}): IResolvedRoute {
  const [resolved] = resolveRoutes([makeRoute(route)], options).routes;
  if (!resolved) throw new Error('no route');
  return resolved;
}

function forwardOf(
  action: Partial<IForwardAction>,
  options: Omit<ISmartProxyOptions, 'routes'> = {},
): IResolvedForward {
  const resolved = resolveOne({ action: { type: 'forward', ...action } }, options).action;
  if (resolved.type !== 'forward') throw new Error(resolved.type);
  return resolved;
}

tap.test('a plain target gets its defaults, no probes and no ejection', () => {
  expect(forwardOf({ target })).toEqual({
    type: 'forward',
    targets: [
      { host: ['10.0.0.1'], port: 80, matchPorts: null, priority: 0, weight: 1, backup: false, sendProxyProtocol: 0 },
    ],
    algorithm: 'round-robin',
    healthCheck: { active: null, passive: null },
  });
});

tap.test('what is written of a target is kept', () => {
  const host = () => 'a';
  const port = () => 1;
  const full: ITarget = { host, port, match: { ports: [2, 1] }, priority: 3, weight: 4, backup: true };
  expect(forwardOf({ targets: [full] }).targets).toEqual([
    { host, port, matchPorts: [{ from: 1, to: 2 }], priority: 3, weight: 4, backup: true, sendProxyProtocol: 0 },
  ]);
});

tap.test('hosts are written as the network takes them', () => {
  const hosts = ['[::1]', 'A.Test.', '10.0.0.1', 'BÜCHER.example', 'fe80::1%eth0', 'a.test'];
  const want = ['::1', 'a.test', '10.0.0.1', 'xn--bcher-kva.example', 'fe80::1%eth0', 'a.test'];
  expect(forwardOf({ target: { host: hosts, port: 'preserve' } }).targets[0]?.host).toEqual(want);
});

tap.test('the target decides over the PROXY header, then the action, then the global option', () => {
  const version = (own?: ITarget['sendProxyProtocol'], action?: 1 | 2 | boolean, global?: 1 | 2 | boolean) =>
    forwardOf(
      {
        target: own === undefined ? target : { ...target, sendProxyProtocol: own },
        ...(action === undefined ? {} : { sendProxyProtocol: action }),
      },
      global === undefined ? {} : { sendProxyProtocol: global },
    ).targets[0]?.sendProxyProtocol;
  expect(version()).toEqual(0);
  expect(version(undefined, undefined, 2)).toEqual(2);
  expect(version(undefined, true, 2)).toEqual(1);
  expect(version(undefined, false, 2)).toEqual(0);
  expect(version(2, false, 1)).toEqual(2);
  expect(version(false, 2, 2)).toEqual(0);
});

tap.test('the default target serves routes without one only', () => {
  const defaults = { target: { host: 'fallback', port: 9 } };
  expect(forwardOf({}, { defaults }).targets[0]?.host).toEqual(['fallback']);
  expect(forwardOf({ target }, { defaults }).targets).toHaveLength(1);
  expect(forwardOf({ target }, { defaults }).targets[0]?.host).toEqual(['10.0.0.1']);
});

const usual = { failures: 3, ejectTimeMs: 10_000, maxEjectTimeMs: 300_000 };

tap.test('ejection is on where there is something else to choose, unless it is switched', () => {
  expect(forwardOf({ targets: [target, { ...target, port: 81 }] }).healthCheck.passive).toEqual(usual);
  expect(forwardOf({ target: { ...target, host: ['a', 'b'] } }).healthCheck.passive).toEqual(usual);
  expect(forwardOf({ target: { ...target, host: () => 'a' } }).healthCheck.passive).toEqual(usual);
  expect(forwardOf({ target: { ...target, host: ['a'] } }).healthCheck.passive).toBeNull();
  expect(forwardOf({ target, healthCheck: { passive: {} } }).healthCheck.passive).toEqual(usual);
  expect(forwardOf({ target, healthCheck: { passive: { failures: 9, ejectTime: 5 } } }).healthCheck.passive).toEqual({
    ...usual,
    failures: 9,
    ejectTimeMs: 5,
  });
  expect(
    forwardOf({ targets: [target, { ...target, port: 81 }], healthCheck: { passive: false } }).healthCheck.passive,
  ).toBeNull();
});

tap.test('probes run where they are asked for and possible', () => {
  const probes = { intervalMs: 10_000, timeoutMs: 2000, healthyThreshold: 2, unhealthyThreshold: 3 };
  expect(forwardOf({ target, healthCheck: {} }).healthCheck.active).toEqual(probes);
  expect(forwardOf({ target, healthCheck: { interval: 5, timeout: 6 } }).healthCheck.active).toEqual({
    ...probes,
    intervalMs: 5,
    timeoutMs: 6,
  });
  expect(forwardOf({ target, healthCheck: { interval: 0 } }).healthCheck.active).toBeNull();
  expect(forwardOf({ target: { ...target, host: () => 'a' }, healthCheck: {} }).healthCheck.active).toBeNull();
});

tap.test('handlers and blocks are what they are', () => {
  const socketHandler = () => {};
  expect(resolveOne({ action: { type: 'socket-handler', socketHandler } }).action).toEqual({
    type: 'socket-handler',
    socketHandler,
  });
  expect(resolveOne({ action: { type: 'block' } }).action).toEqual({ type: 'block' });
});

tap.test('security of route and action both apply, with the smaller limit', () => {
  const { lists, maxConnections } = resolveOne({
    security: { ipAllowList: ['10.0.0.0/8'], maxConnections: 9 },
    action: { type: 'forward', target, security: { ipBlockList: ['10.0.0.1'], maxConnections: 5 } },
  }).security;
  expect(maxConnections).toEqual(5);
  expect(lists.map(({ allow, block }) => [allow?.patterns, block?.patterns])).toEqual([
    [['10.0.0.0/8'], undefined],
    [undefined, ['10.0.0.1']],
  ]);
});

tap.test('default security adds lists to all and a limit to those without one', () => {
  const defaults = { security: { ipBlockList: ['10.0.0.9'], maxConnections: 7 } };
  const config = resolveRoutes([makeRoute(), makeRoute({ match: { ports: 1 }, security: { maxConnections: 70 } })], {
    defaults,
  });
  expect(config.defaultLists?.block?.matches('10.0.0.9')).toBeTrue();
  expect(config.routes.map(({ security }) => security)).toEqual([
    { lists: [], maxConnections: 7 },
    { lists: [], maxConnections: 70 },
  ]);
  expect(resolveRoutes([], { defaults: { security: { maxConnections: 7 } } }).defaultLists).toBeNull();
});

tap.test('an empty block list is none', () => {
  expect(resolveOne({ security: { ipBlockList: [] } }).security).toEqual({ lists: [], maxConnections: null });
});

const timeoutsOf = (own: IRouteTimeouts, global: IRouteTimeouts = {}) => resolveOne({ timeouts: own }, global).timeouts;

tap.test('a route has the global timeouts but for its own', () => {
  const usualTimeouts = {
    connectionTimeoutMs: 10_000,
    inactivityTimeoutMs: 14_400_000,
    maxConnectionLifetimeMs: 0,
    halfOpenTimeoutMs: 30_000,
    stallTimeoutMs: 60_000,
    enableHalfOpen: false,
  };
  expect(resolveOne({}).timeouts).toEqual(usualTimeouts);
  const mixed = timeoutsOf({ stallTimeout: 1, enableHalfOpen: true }, { stallTimeout: 2, connectionTimeout: 3 });
  expect(mixed).toEqual({ ...usualTimeouts, stallTimeoutMs: 1, enableHalfOpen: true, connectionTimeoutMs: 3 });
});

tap.test('the treatment is applied to the inactivity limit', () => {
  const inactivity = (own: IRouteTimeouts, global: IRouteTimeouts = {}) => timeoutsOf(own, global).inactivityTimeoutMs;
  expect(inactivity({ keepAliveTreatment: 'extended' })).toEqual(6 * 14_400_000);
  expect(
    inactivity({ inactivityTimeout: 10, keepAliveInactivityMultiplier: 1.25 }, { keepAliveTreatment: 'extended' }),
  ).toEqual(13);
  expect(inactivity({ keepAliveTreatment: 'immortal' })).toEqual(0);
  expect(inactivity({ keepAliveTreatment: 'standard' }, { keepAliveTreatment: 'immortal' })).toEqual(14_400_000);
  expect(inactivity({ keepAliveTreatment: 'extended', inactivityTimeout: 0 })).toEqual(0);
  const most = 315_360_000_000;
  expect(inactivity({ keepAliveTreatment: 'extended', inactivityTimeout: most })).toEqual(most);
});

export default tap.start();
