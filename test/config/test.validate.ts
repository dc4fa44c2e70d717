import fc from 'fast-check';
import type { IRouteConfig } from '../../ts/config/types.js';
import { validateOptions } from '../../ts/config/validate.js';
import { makeRoute } from '../helpers/make-config.js';
import { samplePem } from '../helpers/sample-pem.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

/** Enough for the compiled form of the schema to be used. */
const many = Array.from({ length: 600 }, (_, index) => makeRoute({ name: `r${index}` }));

const faultsAt = (routes: readonly unknown[]) =>
  validateOptions({ routes }).faults.map(({ path, want, got }) => [
    path.join('.').replace(/^routes\.\d+/, 'r'),
    want,
    got,
  ]);

tap.test('many routes are judged like few', () => {
  expect(faultsAt(many)).toEqual([]);
  const part = fc.oneof(
    fc.constantFrom(undefined, 7, null, '', [], {}, { ports: 5 }, { ports: 5, x: 1 }, { type: 'block' }, { type: 'x' }),
    fc.record({ ports: fc.integer({ min: -2, max: 66_000 }), domains: fc.constantFrom('a.com', 'A', '!', ['*.b']) }),
    fc.record({
      ports: fc.constant(80),
      path: fc.constantFrom('/a', 'a'),
      headers: fc.constantFrom({ a: /b/ }, { ' ': '' }),
    }),
    fc.record({ request: fc.constantFrom({ a: '{path}', b: null }, { a: '\n' }), cors: fc.constantFrom(true, {}, 7) }),
    fc.record({ type: fc.constant('redirect'), redirect: fc.record({ to: fc.constantFrom('/', '//a', '{path}') }) }),
    fc.record({
      type: fc.constant('block'),
      tls: fc.record({
        mode: fc.constant('terminate'),
        certificate: fc.constantFrom({ ...samplePem }, 'auto', { cert: '' }),
      }),
    }),
    fc.record({
      type: fc.constant('forward'),
      target: fc.record({ host: fc.constantFrom('a', '', []), port: fc.nat(9) }),
    }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom('match', 'action', 'security', 'timeouts', 'headers', 'name', 'x'),
      part,
      (key, value) => {
        const odd = { ...makeRoute(), [key]: value };
        expect(faultsAt([...many, odd])).toEqual(faultsAt([odd]));
      },
    ),
    { seed: 17, numRuns: Math.ceil(numRuns() / 5) },
  );
});

tap.test('one fault among many routes is found at its place', () => {
  const odd = { ...makeRoute(), name: 5 } as unknown as IRouteConfig;
  const { faults } = validateOptions({ routes: [...many.slice(0, 550), odd, ...many.slice(550)] });
  expect(faults.map(({ path }) => path)).toEqual([['routes', 550, 'name']]);
});

tap.test('the logger stays the object that it is', () => {
  const logger = { debug() {}, info() {}, warn() {}, error() {}, level: { deep: true } };
  expect(validateOptions({ routes: [], logger }).options.logger).toBe(logger);
  expect(Object.isFrozen(logger.level)).toBeFalse();
});

export default tap.start();
