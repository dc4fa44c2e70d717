import * as fc from 'fast-check';
import type { IResolvedRoute } from '../../../ts/config/resolved.js';
import { PortTable } from '../../../ts/flow/match/port-table.js';
import { compileRule } from '../../../ts/flow/match/rule.js';
import type { IConnectionFacts } from '../../../ts/flow/stages.js';
import { leastCpuMs } from '../../helpers/least-cpu.js';
import { type IRouteParts, makeFacts, makeRoutes } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const makeTable = (parts: readonly IRouteParts[]) => new PortTable(makeRoutes(parts).map(compileRule));
const tableOf = (domains: readonly (string | null)[]) =>
  makeTable(
    domains.map((domain) => ({ name: domain ?? 'none', match: { domains: domain === null ? null : [domain] } })),
  );
const named = (domain: string) => makeFacts({ domain, protocol: 'tls' });

tap.test('the most specific pattern takes a name, wherever it stands in the list', async () => {
  const table = tableOf([null, '*', 'www.*', '*.com', '*.a.com', 'www.a.com']);
  const takes = (domain: string) => table.match(named(domain))?.name;
  expect(takes('www.a.com')).toEqual('www.a.com');
  expect(takes('x.a.com')).toEqual('*.a.com');
  expect(takes('x.y.a.com')).toEqual('*.a.com');
  expect(takes('a.com')).toEqual('*.com');
  expect(takes('www.b.com')).toEqual('*.com');
  expect(takes('www.b.org')).toEqual('www.*');
  expect(takes('b.org')).toEqual('*');
  expect(table.match(makeFacts())?.name).toEqual('none');
});

tap.test('a connection without a name, or with an impossible one, matches no domains at all', async () => {
  const table = tableOf(['*', 'a.com', '*.com', '*o*']);
  for (const domain of [null, '', `${'a.'.repeat(130)}com`]) expect(table.match(makeFacts({ domain }))).toBeNull();
  expect(tableOf(['*.com']).match(named('.com'))).toBeNull();
});

tap.test('where the best pattern fails on another criterion, the next best takes the connection', async () => {
  const table = makeTable([
    { name: 'rest', match: { domains: ['*'] } },
    { name: 'suffix', match: { domains: ['*.com'], alpn: ['h3'] } },
    { name: 'exact', match: { domains: ['a.com'], clientIp: ['10.0.0.0/8'] } },
    { name: 'exact h2', match: { domains: ['a.com'], alpn: ['h2'], tlsVersion: ['TLSv1.3'] } },
  ]);
  const takes = (parts: Partial<IConnectionFacts>) => table.match(makeFacts({ domain: 'a.com', ...parts }))?.name;
  expect(takes({ clientIp: '10.0.0.1' })).toEqual('exact');
  expect(takes({ clientIp: '10.0.0.1', alpn: ['h2'], tlsVersion: 'TLSv1.3' })).toEqual('exact h2');
  expect(takes({ alpn: ['h2'], tlsVersion: 'TLSv1.2' })).toEqual('rest');
  expect(takes({ domain: 'b.com', alpn: ['h3'] })).toEqual('suffix');
});

tap.test('priority lets a less specific route win', async () => {
  const table = makeTable([
    { name: 'exact', match: { domains: ['a.com'] } },
    { name: 'blocked', priority: 10, match: { clientIp: ['10.0.0.0/8'] } },
    { name: 'any', priority: 5, match: { domains: ['*'], alpn: ['h2'] } },
  ]);
  expect(table.match(makeFacts({ domain: 'a.com' }))?.name).toEqual('exact');
  expect(table.match(makeFacts({ domain: 'a.com', clientIp: '10.0.0.1' }))?.name).toEqual('blocked');
  expect(table.match(makeFacts({ domain: 'a.com', alpn: ['h2'] }))?.name).toEqual('any');
  expect(table.match(makeFacts({ domain: 'a.com', alpn: ['h2'], clientIp: '10.0.0.1' }))?.name).toEqual('blocked');
});

tap.test('of a route with several patterns the one that matched counts', async () => {
  const table = makeTable([
    { name: 'both', match: { domains: ['*', 'a.com'] } },
    { name: 'suffix', match: { domains: ['*.com'] } },
  ]);
  expect(table.match(named('a.com'))?.name).toEqual('both');
  expect(table.match(named('b.com'))?.name).toEqual('suffix');
  expect(table.match(named('b.org'))?.name).toEqual('both');
});

tap.test('a port needs what the most curious of its routes needs', async () => {
  const needOf = (...matches: readonly NonNullable<IRouteParts['match']>[]) =>
    makeTable(matches.map((match) => ({ match }))).need;
  expect(needOf({})).toEqual('nothing');
  expect(needOf({ clientIp: ['*'] }, {})).toEqual('nothing');
  expect(needOf({}, { protocol: 'other' })).toEqual('first-bytes');
  expect(needOf({ protocol: 'other' }, { domains: ['a.com'] })).toEqual('client-hello');
  for (const match of [{ tlsVersion: ['TLSv1.3'] as const }, { alpn: ['h2'] }, { ja4: ['x'] }]) {
    expect(needOf({}, match)).toEqual('client-hello');
  }
});

tap.test('judge lists every route in the order of preference with each criterion and its verdict', async () => {
  const table = makeTable([
    { name: 'rest' },
    { name: 'wild', match: { domains: ['*', '*.com', '*.a.com'], protocol: 'tls' } },
    { name: 'exact', match: { domains: ['a.com'], clientIp: ['10.0.0.0/8'] } },
  ]);
  const facts = named('b.com');
  const shown = table.judge(facts).map(({ route, matches, pattern, verdicts }) => ({
    route: route.name,
    matches,
    pattern,
    verdicts: verdicts.map(({ name, want, got, ok }) => `${name} ${want}: ${got} ${ok}`),
  }));
  expect(shown).toEqual([
    {
      route: 'exact',
      matches: false,
      pattern: null,
      verdicts: ['domains a.com: b.com false', 'clientIp 10.0.0.0/8: 192.0.2.1 false'],
    },
    {
      route: 'wild',
      matches: true,
      pattern: '*.com',
      verdicts: ['domains *, *.com, *.a.com: b.com true', 'protocol tls: tls true'],
    },
    { route: 'rest', matches: true, pattern: null, verdicts: [] },
  ]);
  expect(table.matchAll(facts).map(({ name }) => name)).toEqual(['wild', 'rest']);
});

// --- the obvious matcher ---

const patternRank = (pattern: string): number => {
  if (pattern === '*') return 1;
  if (!/[*?[]/.test(pattern)) return 4000;
  return /^\*\.[^*?[]+$/.test(pattern) ? 3000 + pattern.length : 2000 + pattern.replace(/\[.*?\]|[*?]/g, '').length;
};
const patternTest = (pattern: string, host: string) =>
  new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('?', '.').replaceAll('*', '.*')}$`).test(host);
const contains = <T>(list: readonly T[] | null, item: T | null) =>
  list === null || (item !== null && list.includes(item));

/** Tries every route with every pattern. */
function obviousMatch(routes: readonly IResolvedRoute[], facts: IConnectionFacts): IResolvedRoute | null {
  const found = routes.flatMap((route) => {
    const { domains, clientIp, tlsVersion, alpn, ja4, protocol } = route.match;
    const asked = [clientIp, tlsVersion, alpn, ja4, protocol].filter((criterion) => criterion !== null).length;
    const ok =
      (clientIp === null || clientIp.matches(facts.clientIp)) &&
      contains(tlsVersion, facts.tlsVersion) &&
      (alpn === null || facts.alpn.some((offered) => alpn.includes(offered))) &&
      contains(ja4, facts.hello?.ja4 ?? null) &&
      contains(protocol === null ? null : [protocol], facts.protocol);
    const hosts = domains?.filter((pattern) => facts.domain !== null && patternTest(pattern, facts.domain));
    const host = hosts === undefined ? 0 : Math.max(-1, ...hosts.map(patternRank));
    return ok && host >= 0 ? [{ route, order: [-route.priority, -host, -asked, route.index] }] : [];
  });
  found.sort((a, b) => a.order.reduce((order, mine, i) => order || mine - (b.order[i] ?? 0), 0));
  return found[0]?.route ?? null;
}

const label = fc.constantFrom('a', 'b', 'ab', 'com');
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const pattern = fc.oneof(
  host,
  host.map((rest) => `*.${rest}`),
  host.map((rest) => `${rest}.*`),
  host.map((rest) => `*.${rest}.*`),
  host.map((rest) => `*.${rest}*`),
  host.map((rest) => `${rest}?`),
  fc.constant('*'),
);
const maybe = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: value });
const versions = fc.constantFrom('TLSv1.2' as const, 'TLSv1.3' as const);
const protocols = fc.constantFrom('tls' as const, 'http' as const, 'other' as const);
const some = <T>(value: fc.Arbitrary<T>, maxLength = 2) => fc.uniqueArray(value, { minLength: 1, maxLength });

const matches = fc.record({
  domains: fc.option(some(pattern, 3), { freq: 4 }),
  clientIp: maybe(some(fc.constantFrom('10.0.0.0/8', '10.0.0.1', '192.168.*'))),
  tlsVersion: maybe(some(versions)),
  alpn: maybe(some(fc.constantFrom('h2', 'http/1.1'))),
  ja4: maybe(some(fc.constantFrom('x', 'y'))),
  protocol: maybe(protocols),
});
const connections = fc.record({
  port: fc.constant(443),
  domain: fc.option(host, { freq: 6 }),
  clientIp: fc.constantFrom('10.0.0.1', '10.0.0.2', '192.168.0.1', '8.8.8.8'),
  tlsVersion: fc.option(versions),
  alpn: fc.uniqueArray(fc.constantFrom('h2', 'http/1.1'), { maxLength: 2 }),
  hello: fc.option(fc.record({ ja4: fc.constantFrom('x', 'y') })),
  protocol: fc.option(protocols),
});
const lists = fc.array(fc.record({ match: matches, priority: fc.constantFrom(0, 0, 0, 1, -1) }), { maxLength: 12 });

tap.test('the compiled matcher and an obvious one agree on every connection', async () => {
  let taken = 0;
  const property = fc.property(lists, fc.array(connections, { minLength: 1, maxLength: 5 }), (parts, visits) => {
    const routes = makeRoutes(parts);
    const table = new PortTable(routes.map(compileRule));
    for (const facts of visits) {
      const route = table.match(facts);
      taken += route === null ? 0 : 1;
      expect(route?.index).toEqual(obviousMatch(routes, facts)?.index);
      expect(table.matchAll(facts)[0]?.index).toEqual(route?.index);
    }
  });
  fc.assert(property, { seed: 13, numRuns: numRuns() });
  expect(taken).toBeGreaterThan(500);
});

tap.test('hostile names are looked up in no time', async () => {
  const domains = Array.from({ length: 1000 }, (_, n) => [
    `h${n}.a.com`,
    `*.s${n}.a.com`,
    `*.a${'.a'.repeat(n % 120)}`,
  ]);
  const table = tableOf([...new Set(domains.flat()), 'a.*', '*.a.*', '*a*a*a*a*b*', '?[ab]*a*a?']);
  const hosts = ['a'.repeat(65_536), 'a.'.repeat(32_768), '.'.repeat(65_536), '.'.repeat(253), `a${'.a'.repeat(126)}`];
  table.match(named('a.com'));
  for (const domain of hosts) {
    expect(leastCpuMs(() => void table.match(named(domain)))).toBeLessThan(5);
  }
});

export default tap.start();
