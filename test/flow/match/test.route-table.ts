import * as fc from 'fast-check';
import type { IPortSpan } from '../../../ts/config/types.js';
import { compileRouteTable, type RouteTable } from '../../../ts/flow/match/route-table.js';
import { leastCpuMs } from '../../helpers/least-cpu.js';
import { type IRouteParts, makeFacts, makeRoutes } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const one = (port: number): IPortSpan => ({ from: port, to: port });
const compile = (parts: readonly IRouteParts[]) => compileRouteTable(makeRoutes(parts));
const keysAt = (table: RouteTable, port: number, address: string | null = null) =>
  table.portTable(address, port)?.routes.map(({ key }) => key);

tap.test('a point has the routes of its port, in the order of the configuration', async () => {
  const table = compile([
    { name: 'wide', match: { ports: [{ from: 80, to: 90 }] } },
    { name: '80', match: { ports: [one(80)] } },
    { name: 'both', match: { ports: [one(80), one(443)] } },
  ]);
  expect(keysAt(table, 80)).toEqual(['wide', '80', 'both']);
  expect(keysAt(table, 81)).toEqual(['wide']);
  expect(keysAt(table, 90)).toEqual(['wide']);
  expect(keysAt(table, 443)).toEqual(['both']);
  expect(table.portTable(null, 91)).toBeUndefined();
  expect(table.points.map(({ port }) => port)).toEqual([80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 443]);
  expect(table.routes.map(({ key }) => key)).toEqual(['wide', '80', 'both']);
});

tap.test('ports with the same routes share one table', async () => {
  const table = compile([
    { match: { ports: [one(80), { from: 1000, to: 1010 }] } },
    { match: { ports: [{ from: 1005, to: 1020 }] } },
  ]);
  const at = (port: number) => table.portTable(null, port);
  expect(at(80) === at(1000) && at(1000) === at(1004)).toBeTrue();
  expect(at(1005) === at(1010)).toBeTrue();
  expect(at(1011) === at(1020)).toBeTrue();
  expect(new Set([at(80), at(1005), at(1011)]).size).toEqual(3);
});

tap.test('a route with its own listen address has a point of its own', async () => {
  const table = compile([{ name: 'everywhere' }, { name: 'loopback', match: { listenAddress: '127.0.0.1' } }]);
  expect(table.points).toEqual([
    { address: null, port: 443 },
    { address: '127.0.0.1', port: 443 },
  ]);
  expect(keysAt(table, 443)).toEqual(['everywhere']);
  expect(keysAt(table, 443, '127.0.0.1')).toEqual(['loopback']);
  expect(table.portTable('127.0.0.2', 443)).toBeUndefined();
});

tap.test('all routes with port 0 share one point', async () => {
  const table = compile([
    { name: 'a', match: { ports: [one(0)] } },
    { name: 'b', match: { ports: [one(0), one(1)] } },
  ]);
  expect(table.points.map(({ port }) => port)).toEqual([0, 1]);
  expect(keysAt(table, 0)).toEqual(['a', 'b']);
});

tap.test('each port needs only what its own routes need', async () => {
  const table = compile([
    { match: { ports: [one(22)] } },
    { match: { ports: [one(80)], protocol: 'http' } },
    { match: { ports: [one(443)], domains: ['a.com'] } },
  ]);
  const needs = table.points.map(({ address, port }) => table.portTable(address, port)?.need);
  expect(needs).toEqual(['nothing', 'first-bytes', 'client-hello']);
});

tap.test('no routes give no points', async () => {
  expect(compile([]).points).toEqual([]);
  expect(compile([]).portTable(null, 443)).toBeUndefined();
});

tap.test('a snapshot cannot be changed', async () => {
  const routes = makeRoutes([{}]);
  const table = compileRouteTable(routes);
  routes.pop();
  expect(table.routes).toHaveLength(1);
  for (const frozen of [table, table.routes, table.points, table.portTable(null, 443)]) {
    expect(Object.isFrozen(frozen)).toBeTrue();
  }
});

tap.test('for every port the table has the routes whose spans contain it', async () => {
  const span = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 5 }));
  const spans = fc.array(span, { minLength: 1, maxLength: 3 });
  const property = fc.property(fc.array(spans, { maxLength: 8 }), (lists) => {
    const parts = lists.map((list) => ({ match: { ports: list.map(([from, more]) => ({ from, to: from + more })) } }));
    const table = compile(parts);
    for (let port = 0; port < 40; port++) {
      const want = parts.flatMap(({ match }, index) =>
        match.ports.some(({ from, to }) => from <= port && port <= to) ? [`route-${index}`] : [],
      );
      expect(keysAt(table, port) ?? []).toEqual(want);
      expect(table.points.some((point) => point.port === port)).toEqual(want.length > 0);
    }
  });
  fc.assert(property, { seed: 14, numRuns: numRuns(300) });
});

tap.test('10 000 routes on one port are compiled, and all ports by one route, within a moment', async () => {
  const many = makeRoutes(Array.from({ length: 10_000 }, (_, n) => ({ match: { domains: [`h${n}.a.com`] } })));
  expect(leastCpuMs(() => compileRouteTable(many))).toBeLessThan(300);
  expect(
    compileRouteTable(many)
      .portTable(null, 443)
      ?.match(makeFacts({ domain: 'h9999.a.com' }))?.index,
  ).toEqual(9999);

  const every = makeRoutes([{ match: { ports: [{ from: 1, to: 65_535 }] } }, { match: { ports: [one(443)] } }]);
  expect(leastCpuMs(() => compileRouteTable(every))).toBeLessThan(100);
  const table = compileRouteTable(every);
  expect(table.points).toHaveLength(65_535);
  expect(new Set(table.points.map(({ address, port }) => table.portTable(address, port))).size).toEqual(2);
});

tap.test('spans that overlap in every way are compiled as they are needed', async () => {
  const parts = Array.from({ length: 3_000 }, (_, n) => ({ match: { ports: [{ from: n + 1, to: n + 30_000 }] } }));
  const routes = makeRoutes(parts);
  expect(leastCpuMs(() => compileRouteTable(routes))).toBeLessThan(1_000);
  expect(compileRouteTable(routes).portTable(null, 30_001)?.routes).toHaveLength(2_999);
});

export default tap.start();
