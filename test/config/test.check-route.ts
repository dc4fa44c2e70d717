import { faultPaths, faultsOf } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };
const computed = { host: () => 'a.test', port: 80 };

/** Faults of one route with a `forward` action, with these parts of match and action; places relative to the route. */
const paths = (match: object, action: object, options: object = {}): string[] =>
  faultPaths({
    ...options,
    routes: [{ match: { ports: 443, ...match }, action: { type: 'forward', ...action } }],
  }).map((path) => path.replace('routes[0].', ''));

tap.test('a forward action needs a target from somewhere', () => {
  expect(paths({}, {})).toEqual(['action.target']);
  expect(paths({}, { target })).toEqual([]);
  expect(paths({}, { targets: [target] })).toEqual([]);
  expect(paths({}, {}, { defaults: { target } })).toEqual([]);
  expect(paths({}, {}, { defaults: { target: { host: 'a' } } })).toEqual(['defaults.target.port']);
  expect(faultPaths({ routes: [{ match: { ports: 1 }, action: { type: 'block' } }] })).toEqual([]);
});

tap.test('target and targets exclude each other', () => {
  expect(paths({}, { target, targets: [target] })).toEqual(['action.targets']);
});

tap.test("a target's priority is for targets with a match", () => {
  expect(paths({}, { target: { ...target, priority: 1 } })).toEqual(['action.target.priority']);
  expect(paths({}, { targets: [target, { ...target, priority: 1, match: {} }] })).toEqual([
    'action.targets[1].priority',
  ]);
  expect(paths({}, { target: { ...target, priority: 1, match: { ports: 443 } } })).toEqual([]);
  expect(paths({}, { target: { ...target, priority: 1, match: { path: '/a' } } })).toEqual([]);
});

tap.test('a key is for hashing', () => {
  expect(paths({}, { target, loadBalancing: { key: 'ip' } })).toEqual(['action.loadBalancing.key']);
  expect(paths({}, { target, loadBalancing: { key: 'ip', algorithm: 'ip-hash' } })).toEqual([
    'action.loadBalancing.key',
  ]);
  expect(paths({}, { target, loadBalancing: { key: 'ip', algorithm: 'consistent-hash' } })).toEqual([]);
});

tap.test('an ejection may not begin above its maximum', () => {
  const passive = (part: object) => paths({}, { target, healthCheck: { passive: part } });
  expect(passive({ ejectTime: 400_000 })).toEqual(['action.healthCheck.passive.ejectTime']);
  expect(passive({ maxEjectTime: 5 })).toEqual(['action.healthCheck.passive.maxEjectTime']);
  expect(passive({ ejectTime: 400_000, maxEjectTime: 400_000 })).toEqual([]);
});

tap.test('probes that are asked for need a target that is known without a client', () => {
  const preserved = { host: 'a.test', port: 'preserve' };
  expect(paths({}, { target: computed, healthCheck: { interval: 1000 } })).toEqual(['action.healthCheck']);
  expect(paths({}, { target: preserved, healthCheck: { timeout: 1000 } })).toEqual(['action.healthCheck']);
  expect(paths({}, { target: computed, healthCheck: { interval: 0, timeout: 5 } })).toEqual([]);
  expect(paths({}, { target: computed, healthCheck: { passive: {} } })).toEqual([]);
  expect(paths({}, { targets: [computed, target], healthCheck: { interval: 1000 } })).toEqual([]);
  expect(paths({}, { healthCheck: { interval: 5 } }, { defaults: { target: computed } })).toEqual([
    'action.healthCheck',
  ]);
});

tap.test('how options go together is judged beside faults elsewhere in the same route', () => {
  const faults = faultsOf({
    routes: [
      {
        name: '',
        match: { ports: 'x', alpn: ['h2'], protocol: 'http' },
        action: { type: 'forward', loadBalancing: { key: 'ip' }, healthCheck: { interval: -1 } },
      },
    ],
  });
  expect(faults.map(({ path }) => path).sort()).toEqual([
    'routes[0].action.healthCheck.interval',
    'routes[0].action.loadBalancing.key',
    'routes[0].action.target',
    'routes[0].match.ports',
    'routes[0].match.protocol',
    'routes[0].name',
  ]);
});

export default tap.start();
