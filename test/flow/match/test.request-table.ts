import * as fc from 'fast-check';
import type { IResolvedRoute } from '../../../ts/config/resolved.js';
import { PortTable } from '../../../ts/flow/match/port-table.js';
import { compileRule } from '../../../ts/flow/match/rule.js';
import type { IRequestFacts } from '../../../ts/flow/stages.js';
import { leastCpuMs } from '../../helpers/least-cpu.js';
import { type IRouteParts, makeFacts, makeRoutes } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const makeTable = (parts: readonly IRouteParts[]) => new PortTable(makeRoutes(parts).map(compileRule));

/** A plain `GET / HTTP/1.1` with `Host: a.test`, unless told otherwise. */
const request = (parts: Partial<IRequestFacts> = {}): IRequestFacts => ({
  ...makeFacts({ protocol: 'http', domain: 'a.test' }),
  isTls: false,
  path: '/',
  query: '',
  method: 'GET',
  fields: [],
  ...parts,
});
const tls = { key: 'k', policyKey: 'p' } as NonNullable<IResolvedRoute['tls']>;
const otherTls = { key: 'k2', policyKey: 'p2' } as NonNullable<IResolvedRoute['tls']>;

tap.test(
  'host goes before path, path before the number of other criteria, that before the place in the list',
  async () => {
    const table = makeTable([
      { name: 'rest' },
      { name: 'wild', match: { domains: ['*.test'], path: '/api/users', method: ['GET'], httpOnly: true } },
      { name: 'host', match: { domains: ['a.test'] } },
      { name: 'glob', match: { domains: ['a.test'], path: '/*/users' } },
      { name: 'prefix', match: { domains: ['a.test'], path: '/api/*', method: ['GET'] } },
      { name: 'longer', match: { domains: ['a.test'], path: '/api/v1/*' } },
      { name: 'params', match: { domains: ['a.test'], path: '/api/:what' } },
      { name: 'exact', match: { domains: ['a.test'], path: '/api/me' } },
      { name: 'exact post', match: { domains: ['a.test'], path: '/api/me', method: ['POST'] } },
      { name: 'exact again', match: { domains: ['a.test'], path: '/api/me' } },
    ]);
    const ask = (path: string, more: Partial<IRequestFacts> = {}) =>
      table.matchRequest(request({ path, ...more }))?.name;
    expect(ask('/')).toEqual('host');
    expect(ask('/x/users')).toEqual('glob');
    expect(ask('/api/users')).toEqual('params');
    expect(ask('/api/a/b')).toEqual('prefix');
    expect(ask('/api/a/b', { method: 'PUT' })).toEqual('host');
    expect(ask('/api/v1/x')).toEqual('longer');
    expect(ask('/api/me')).toEqual('exact');
    expect(ask('/api/me', { method: 'POST' })).toEqual('exact post');
    expect(ask('/api/users', { domain: 'b.test' })).toEqual('wild');
    expect(ask('/api/other', { domain: 'b.test' })).toEqual('rest');
    expect(ask('/api/me', { domain: null })).toEqual('rest');
  },
);

tap.test('priority lets a less specific route win', async () => {
  const table = makeTable([
    { name: 'exact', match: { domains: ['a.test'], path: '/a' } },
    { name: 'first', priority: 1, match: { path: '/*' } },
  ]);
  expect(table.matchRequest(request({ path: '/a' }))?.name).toEqual('first');
});

tap.test('requests inside TLS are for routes that terminate it, plain ones for routes without TLS', async () => {
  const table = makeTable([
    { name: 'pass', match: { protocol: 'tls' } },
    { name: 'other', match: { protocol: 'other' } },
    { name: 'plain' },
    { name: 'inner tls', match: { protocol: 'tls' }, tls },
    { name: 'mail', match: { protocol: 'other' }, tls },
    { name: 'end', tls },
  ]);
  expect(table.matchRequest(request())?.name).toEqual('plain');
  expect(table.matchRequest(request({ isTls: true }))?.name).toEqual('end');
  expect(makeTable([{ tls }]).matchRequest(request())).toBeNull();
  expect(makeTable([{}]).matchRequest(request({ isTls: true }))).toBeNull();
});

tap.test('every header, every parameter and the method count and must hold', async () => {
  const pair = (name: string, want: string | RegExp) => ({ name, want });
  const table = makeTable([
    { name: 'two', match: { headers: [pair('x-a', '1'), pair('x-b', /^v\d/)] } },
    { name: 'three', match: { headers: [pair('x-a', '1')], query: [pair('q', '1'), pair('r', '2')] } },
    { name: 'rest' },
  ]);
  const ask = (fields: readonly string[], query = '') => table.matchRequest(request({ fields, query }))?.name;
  expect(ask(['X-A', '1', 'x-B', 'v2'])).toEqual('two');
  expect(ask(['X-A', '1', 'x-B', 'v2'], 'r=2&q=1')).toEqual('three');
  expect(ask(['X-A', '1', 'x-B', 'w2'])).toEqual('rest');
  expect(ask(['X-A', '1', 'X-A', '1', 'x-B', 'v2'])).toEqual('rest');
});

tap.test('the same host and path give the same route only where nothing else of a request is judged', async () => {
  const isByPath = (match: NonNullable<IRouteParts['match']>) => makeTable([{}, { match }]).byPathOnly;
  expect(isByPath({ path: '/a', domains: ['a.test'], clientIp: ['*'] })).toBeTrue();
  expect(isByPath({ method: ['GET'] })).toBeFalse();
  expect(isByPath({ headers: [{ name: 'a', want: 'b' }] })).toBeFalse();
  expect(isByPath({ query: [{ name: 'a', want: 'b' }] })).toBeFalse();
});

tap.test('who requests may be admitted by is told once for each set of rules, those without rules first', async () => {
  const none = { requests: null, basic: null, asks: null };
  const strict = { lists: [{ allow: null, block: null }], maxConnections: null, ...none };
  const open = { lists: [], maxConnections: 1, ...none };
  const table = makeTable([
    { name: 'a', security: strict },
    { name: 'b', security: strict },
    { name: 'c', security: open },
    { name: 'd', security: open, tls },
    { name: 'e', tls: otherTls },
    { name: 'f', match: { protocol: 'other' }, tls },
  ]);
  const names = (of: typeof tls | null) => table.routesFor(of).map(({ name }) => name);
  expect(names(null)).toEqual(['c', 'a']);
  expect(names(tls)).toEqual(['d']);
  expect(names(otherTls)).toEqual(['e']);
  expect(table.routesFor(tls)).toBe(table.routesFor(tls));
});

tap.test('judging a request tells every criterion, TLS, host and path among them', async () => {
  const [judged] = makeTable([
    {
      match: {
        domains: ['a.test'],
        path: '/a/*',
        method: ['POST'],
        headers: [{ name: 'x', want: /y/ }],
        query: [{ name: 'q', want: '1' }],
        clientIp: ['10.0.0.0/8'],
        protocol: 'http',
      },
      tls,
    },
  ]).judgeRequest(request({ path: '/b', query: 'q=2' }));
  expect(judged?.matches).toBeFalse();
  expect(judged?.verdicts.map(({ name, want, got, ok }) => `${name} ${want}: ${got} ${ok}`)).toEqual([
    'tls terminate: none false',
    'domains a.test: a.test true',
    'path /a/*: /b false',
    'protocol http: http true',
    'clientIp 10.0.0.0/8: 192.0.2.1 false',
    'method POST: GET false',
    'headers x: /y/: no x false',
    'query q=1: q=2 false',
  ]);
  const [alien] = makeTable([{ match: { protocol: 'other' } }]).judgeRequest(request());
  expect(alien?.verdicts.map(({ name, ok }) => `${name} ${ok}`)).toEqual(['tls true', 'protocol false']);
});

// --- the obvious matcher ---

const hostRank = (pattern: string) => (pattern === '*' ? 1 : pattern.startsWith('*.') ? 1_000 + pattern.length : 5_000);
const hostFits = (pattern: string, host: string) =>
  pattern === '*' ||
  (pattern.startsWith('*.') ? host.length > pattern.length - 1 && host.endsWith(pattern.slice(1)) : host === pattern);
const pathRegex = (pattern: string) =>
  new RegExp(`^${pattern.replace(/\/\*$/, '/(?:.*)').replace(/:\w/g, '[^/]+').replace(/\*\.c/, '[^/]*\\.c')}$`);
function pathRank(pattern: string): number {
  if (pattern.includes('*.')) return 1_000;
  if (pattern.endsWith('/*')) return 2_000 + pattern.length;
  return pattern.includes(':') ? 3_000 + pattern.replace(/:\w/g, '').length : 4_000;
}

/** Tries every route. */
function obviousRequest(routes: readonly IResolvedRoute[], facts: IRequestFacts): IResolvedRoute | null {
  const found = routes.flatMap((route) => {
    const { domains, path, method, headers, query, protocol, clientIp } = route.match;
    const { domain } = facts;
    const hosts = (domains ?? []).filter((one) => domain !== null && hostFits(one, domain)).map(hostRank);
    const ok =
      (route.tls !== null) === facts.isTls &&
      (protocol ?? 'http') === 'http' &&
      (domains === null || hosts.length > 0) &&
      (path === null || pathRegex(path).test(facts.path)) &&
      (method === null || method.includes(facts.method)) &&
      (clientIp === null || clientIp.matches(facts.clientIp)) &&
      (headers ?? []).every(({ name, want }) =>
        facts.fields.some((one, i) => one === name && facts.fields[i + 1] === want),
      ) &&
      (query ?? []).every(({ name, want }) =>
        new URLSearchParams(facts.query).getAll(name).some((one) => one === want),
      );
    const single = [method, protocol, clientIp].filter((one) => one !== null).length;
    const count = single + (headers?.length ?? 0) + (query?.length ?? 0);
    const order = [-route.priority, -Math.max(0, ...hosts), path === null ? 0 : -pathRank(path), -count, route.index];
    return ok ? [{ route, order }] : [];
  });
  found.sort((a, b) => a.order.reduce((order, mine, i) => order || mine - (b.order[i] ?? 0), 0));
  return found[0]?.route ?? null;
}

const some = <T>(value: fc.Arbitrary<T>) => fc.uniqueArray(value, { minLength: 1, maxLength: 2 });
const maybe = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: value });
const host = fc.constantFrom('a.test', 'x.a.test', 'b.test');
const pairs = fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b'), want: fc.constantFrom('1', '2') }), {
  minLength: 1,
  maxLength: 2,
  selector: ({ name }) => name,
});
const path = fc.constantFrom('/a', '/a/b', '/a/*', '/*', '/a/b/*', '/:x', '/a/:x', '/:x/b', '/*.c', '/a/*.c');
const route = fc.record({
  priority: fc.constantFrom(0, 0, 0, 0, 1),
  tls: fc.constantFrom(null, null, null, tls),
  match: fc.record({
    domains: fc.option(some(fc.oneof(host, fc.constantFrom('*', '*.test', '*.a.test')))),
    path: fc.option(path),
    method: maybe(some(fc.constantFrom('GET', 'POST'))),
    headers: maybe(pairs),
    query: maybe(pairs),
    protocol: maybe(fc.constantFrom('http' as const, 'other' as const)),
    clientIp: maybe(some(fc.constantFrom('10.0.0.0/8', '192.0.2.1'))),
  }),
});
const asked = fc.record({
  domain: fc.option(host, { freq: 6 }),
  path: fc.constantFrom('/', '/a', '/b', '/a/', '/a/b', '/b/b', '/a/b/c', '/x.c', '/a/x.c'),
  method: fc.constantFrom('GET', 'POST'),
  fields: fc.constantFrom([], ['a', '1'], ['b', '2'], ['a', '1', 'b', '2']),
  query: fc.constantFrom('', 'a=1', 'b=2&a=1', 'a=2&a=1', '%61=%31'),
  isTls: fc.constantFrom(false, false, true),
  clientIp: fc.constantFrom('10.0.0.1', '192.0.2.1'),
});

tap.test('the compiled matcher and an obvious one agree on every request', async () => {
  let taken = 0;
  const check = (lists: fc.Arbitrary<unknown[]>, runs: number) => {
    const property = fc.property(lists, fc.array(asked, { minLength: 1, maxLength: 8 }), (parts, visits) => {
      const routes = makeRoutes(parts as IRouteParts[]);
      const table = new PortTable(routes.map(compileRule));
      for (const parts of visits) {
        const facts = request(parts);
        const found = table.matchRequest(facts);
        taken += found === null ? 0 : 1;
        expect(found?.index).toEqual(obviousRequest(routes, facts)?.index);
        expect(table.matchAllRequest(facts)[0]?.index).toEqual(found?.index);
      }
    });
    fc.assert(property, { seed: 22, numRuns: numRuns(runs) });
  };
  check(fc.array(route, { maxLength: 10 }), 800);
  // Many routes of few hosts: their paths are indexed.
  check(fc.array(route, { minLength: 30, maxLength: 60 }), 150);
  expect(taken).toBeGreaterThan(1_000);
});

tap.test('a route among 1 000 of one host is found in no time', async () => {
  const shapes = [
    (n: number) => `/a/p${n}`,
    (n: number) => `/b${n}/x/*`,
    (n: number) => `/c/:id/f${n}`,
    (n: number) => `/d/*.${n}`,
  ];
  const visits = [
    (n: number) => `/a/p${n}`,
    (n: number) => `/b${n}/x/y`,
    (n: number) => `/c/7/f${n}`,
    (n: number) => `/d/x.${n}`,
  ];
  const parts = Array.from({ length: 1_000 }, (_, n) => ({
    match: { domains: ['a.test'], path: shapes[n % 4]?.(n) ?? '' },
  }));
  const table = makeTable(parts);
  const facts = parts.map((_, n) => request({ path: visits[n % 4]?.(n) ?? '' }));
  const all = () => facts.map((each) => table.matchRequest(each)?.index);
  expect(all()).toEqual(parts.map((_, n) => n));
  expect(leastCpuMs(all)).toBeLessThan(20);
});

tap.test('hostile paths and queries are looked up in no time', async () => {
  const parts = Array.from({ length: 300 }, (_, n) => ({
    match: { domains: ['a.test'], path: `/${'a/'.repeat(n)}*` },
  }));
  const queries = Array.from({ length: 50 }, (_, n) => ({ match: { query: [{ name: `q${n}`, want: '1' }] } }));
  const table = makeTable([...parts, ...queries, { match: { path: '/**/*a*a*a*b' } }]);
  table.matchRequest(request());
  for (const path of ['/a'.repeat(32_768), `/${'a'.repeat(65_535)}`, '/'.repeat(65_536)]) {
    expect(leastCpuMs(() => void table.matchRequest(request({ path })))).toBeLessThan(5);
  }
  // Read once for all routes that ask for parameters: fifty times would be far beyond this.
  for (const query of ['a&'.repeat(8_192), '%'.repeat(16_384), 'a=b'.repeat(5_000)]) {
    expect(leastCpuMs(() => void table.matchRequest(request({ path: '/x', query })))).toBeLessThan(20);
  }
});

export default tap.start();
