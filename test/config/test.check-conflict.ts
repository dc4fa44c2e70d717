import fc from 'fast-check';
import { faultPaths, faultsOf } from '../helpers/config-faults.js';
import { otherPem, samplePem } from '../helpers/sample-pem.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };
const terminated = { mode: 'terminate', certificate: samplePem };
const otherwise = { mode: 'terminate', certificate: otherPem };
const passthrough = { mode: 'passthrough' };

interface IPart {
  readonly match?: object;
  readonly tls?: object;
  readonly [name: string]: unknown;
}

/** Routes that differ in priority, so that none shadows another. */
const config = (...parts: IPart[]) => ({
  routes: parts.map(({ match, tls, ...rest }, index) => ({
    priority: index,
    match: { ports: 443, ...match },
    action: { type: 'forward', target, ...(tls ? { tls } : {}) },
    ...rest,
  })),
});

tap.test('two routes that no ClientHello tells apart have the same settings, whatever else they differ in', () => {
  expect(faultPaths(config({ tls: terminated, match: { path: '/a' } }, { tls: otherwise }))).toEqual([
    'routes[1].action.tls',
  ]);
  expect(faultPaths(config({ tls: terminated, match: { path: '/a' } }, { tls: { ...terminated } }))).toEqual([]);
  const strict = { ...terminated, clientAuth: { mode: 'require', ca: samplePem.cert } };
  expect(faultPaths(config({ tls: terminated, match: { protocol: 'other' } }, { tls: strict }))).toEqual([
    'routes[1].action.tls',
  ]);
});

tap.test('the fault names both and the port', () => {
  const [fault] = faultsOf(
    config(
      { tls: otherwise, match: { ports: [80, 8443] } },
      { tls: passthrough, match: { ports: { from: 8000, to: 9000 } } },
    ),
  );
  expect(fault?.path).toEqual('routes[1].action.tls');
  expect(fault?.want).toContain('routes[0]');
  expect(fault?.want).toContain('port 8443');
  expect(fault?.got).toEqual('terminates it there, passes TLS through here');
});

tap.test('protocol tls passes it through as well', () => {
  expect(faultPaths(config({ match: { protocol: 'tls' } }, { tls: terminated }))).toEqual(['routes[1].action.tls']);
  expect(faultPaths(config({ match: { protocol: 'tls' } }, { tls: passthrough }))).toEqual([]);
});

tap.test('what the ClientHello tells, the port, the address or being switched off makes a difference', () => {
  const others: IPart[] = [
    { match: { domains: 'b.com' } },
    { match: { domains: ['a.com', 'b.com'] } },
    { match: { ports: 444 } },
    { match: { alpn: ['x'] } },
    { match: { tlsVersion: ['TLSv1.3'] } },
    { match: { clientIp: ['10.0.0.0/8'] } },
    { match: { ports: 445, listenAddress: '127.0.0.1' } },
    { enabled: false },
  ];
  const base = { tls: terminated, match: { domains: 'a.com' } };
  for (const { match = {}, ...other } of others) {
    const second = { ...other, tls: otherwise, match: { ...base.match, ...match } };
    expect([match, faultPaths(config(base, second))]).toEqual([match, []]);
  }
});

tap.test('a route for plain bytes is no rival of one that terminates', () => {
  expect(faultPaths(config({ tls: terminated }, {}))).toEqual([]);
  expect(faultPaths(config({ tls: terminated }, { match: { path: '/' } }))).toEqual([]);
});

tap.test('a conflict is found if and only if two claims on a port differ', () => {
  const settings = [terminated, otherwise, passthrough];
  const part = fc.record({
    from: fc.integer({ min: 1, max: 30 }),
    length: fc.integer({ min: 0, max: 8 }),
    setting: fc.nat(settings.length - 1),
  });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const routes = parts.map(({ from, length, setting }) => ({
        match: { ports: { from, to: from + length } },
        tls: settings[setting] ?? {},
      }));
      const differ = parts.some((a, i) =>
        parts.some(
          (b, j) => i < j && a.setting !== b.setting && a.from <= b.from + b.length && b.from <= a.from + a.length,
        ),
      );
      expect(faultPaths(config(...routes)).length > 0).toEqual(differ);
    }),
    { seed: 182, numRuns: numRuns(300) },
  );
});

export default tap.start();
