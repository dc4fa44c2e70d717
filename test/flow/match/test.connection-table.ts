import * as fc from 'fast-check';
import type { IResolvedRoute, IResolvedTls } from '../../../ts/config/resolved.js';
import { PortTable } from '../../../ts/flow/match/port-table.js';
import { compileRule } from '../../../ts/flow/match/rule.js';
import type { IConnectionFacts, TEngine } from '../../../ts/flow/stages.js';
import { type IRouteParts, makeFacts, makeRoutes } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const makeTable = (parts: readonly IRouteParts[]) => new PortTable(makeRoutes(parts).map(compileRule));

/** Settings of TLS: `key/policy`, with client certificates if the policy says so. */
function makeTls(key = 'k', policyKey = 'p'): IResolvedTls {
  return {
    key: `${key}/${policyKey}`,
    policyKey,
    certificate: { cert: 'cert', key: 'key' },
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: null,
    honorCipherOrder: true,
    alpnIsUsual: false,
    alpn: ['http/1.1'],
    sessionTimeoutSeconds: 300,
    clientAuth: policyKey.startsWith('mutual') ? { required: true, ca: ['ca'] } : null,
  };
}

const tls = makeTls();
const handler: IResolvedRoute['action'] = { type: 'socket-handler', socketHandler: () => {} };
const shown = (engine: TEngine | null) =>
  engine === null ? 'none' : engine.kind === 'http' ? 'http' : `${engine.kind} ${engine.route.name}`;
const hello = (domain: string | null, more: Partial<IConnectionFacts> = {}) =>
  makeFacts({ protocol: 'tls', domain, tlsVersion: 'TLSv1.3', ...more });
const plain = (protocol: IConnectionFacts['protocol']) => makeFacts({ protocol });

tap.test('a hello is terminated or passed on by the best route for its name', async () => {
  const table = makeTable([
    { name: 'pass', match: { domains: ['pass.test'], protocol: 'tls' } },
    { name: 'raw', match: { domains: ['raw.test'] } },
    { name: 'end', match: { domains: ['*.test'] }, tls },
    { name: 'web', match: { domains: ['web.test'], httpOnly: true, protocol: 'http' } },
    { name: 'inside', match: { domains: ['in.test'], httpOnly: true, protocol: 'http', path: '/a' }, tls },
  ]);
  const ask = (name: string) => shown(table.engine(hello(name), false));
  expect(ask('pass.test')).toEqual('bytes pass');
  expect(ask('raw.test')).toEqual('bytes raw');
  expect(ask('in.test')).toEqual('tls inside');
  expect(ask('any.test')).toEqual('tls end');
  // What is for plain HTTP alone takes no TLS: the next best does.
  expect(ask('web.test')).toEqual('tls end');
  expect(ask('other.org')).toEqual('none');
});

tap.test(
  'requests of any version are served where no socket handler may get them, and something takes requests',
  () => {
    const table = makeTable([
      { name: 'web', match: { domains: ['web.test'] }, tls },
      { name: 'raw', match: { domains: ['raw.test'] }, tls, action: handler },
      { name: 'both', match: { domains: ['both.test'] }, tls },
      { name: 'some', match: { domains: ['both.test'], path: '/raw', httpOnly: true }, tls, action: handler },
      { name: 'bytes', match: { domains: ['bytes.test'], protocol: 'other' }, tls },
      { name: 'elsewhere', match: { domains: ['web.test'] }, tls: makeTls('other'), action: handler },
    ]);
    const ask = (name: string) => table.servesRequests(hello(name), tls);
    expect(['web.test', 'raw.test', 'both.test', 'bytes.test'].map(ask)).toEqual([true, false, false, false]);
  },
);

tap.test(
  'what is asked of the connection chooses among routes that terminate, what is asked of requests does not',
  async () => {
    const table = makeTable([
      { name: 'new', match: { domains: ['a.test'], tlsVersion: ['TLSv1.3'], protocol: 'other' }, tls },
      { name: 'old', match: { domains: ['a.test'], method: ['POST'], httpOnly: true, protocol: 'http' }, tls },
    ]);
    expect(shown(table.engine(hello('a.test'), false))).toEqual('tls new');
    expect(shown(table.engine(hello('a.test', { tlsVersion: 'TLSv1.2' }), false))).toEqual('tls old');
  },
);

tap.test(
  'a hello without a name gets a route that asks for none, else TLS that is lent without client certificates',
  async () => {
    const named: IRouteParts[] = [
      { name: 'wild', match: { domains: ['*.test'] }, tls: makeTls('wild') },
      { name: 'mutual', match: { domains: ['m.test'] }, tls: makeTls('mutual', 'mutual') },
      { name: 'exact', match: { domains: ['a.test'] }, tls: makeTls('exact') },
      { name: 'web', match: { httpOnly: true, protocol: 'http' } },
    ];
    const ask = (more: IRouteParts[]) => shown(makeTable([...named, ...more]).engine(hello(null), false));
    expect(ask([])).toEqual('tls exact');
    expect(ask([{ name: 'raw' }])).toEqual('bytes raw');
    expect(ask([{ name: 'raw' }, { name: 'rest', tls }])).toEqual('tls rest');
    expect(ask([{ name: 'raw', priority: -1 }])).toEqual('tls exact');
    expect(ask([{ name: 'foreign', match: { protocol: 'other' } }])).toEqual('tls exact');
    const only = makeTable([{ match: { domains: ['m.test'] }, tls: makeTls('m', 'mutual') }]);
    expect(only.engine(hello(null), false)).toBeNull();
  },
);

tap.test('plain HTTP goes to the HTTP engine if the port says so, or a route asks for what only HTTP has', async () => {
  const ask = (match: NonNullable<IRouteParts['match']>, more: Partial<IRouteParts> = {}, isHttpPort = false) => {
    const table = makeTable([{ name: 'raw' }, { name: 'web', match, ...more }]);
    return shown(table.engine(plain('http'), isHttpPort));
  };
  expect(ask({})).toEqual('bytes raw');
  expect(ask({}, {}, true)).toEqual('http');
  expect(ask({ domains: ['a.test'] })).toEqual('http');
  expect(ask({ httpOnly: true, protocol: 'http' })).toEqual('http');
  expect(ask({ protocol: 'http' })).toEqual('bytes web');
  // Of TLS alone, of another protocol, of another client.
  expect(ask({ domains: ['a.test'] }, { tls })).toEqual('bytes raw');
  expect(ask({ domains: ['a.test'], protocol: 'tls' })).toEqual('bytes raw');
  expect(ask({ domains: ['a.test'], protocol: 'other' })).toEqual('bytes raw');
  expect(ask({ domains: ['a.test'], clientIp: ['10.0.0.0/8'] })).toEqual('bytes raw');
  expect(ask({ domains: ['a.test'], clientIp: ['192.0.2.0/24'] })).toEqual('http');
});

tap.test('other plain bytes go to no route that is for TLS or for HTTP', async () => {
  const table = makeTable([
    { name: 'web', match: { httpOnly: true, protocol: 'http' } },
    { name: 'end', tls },
    { name: 'named', match: { domains: ['a.test'] } },
  ]);
  expect(table.engine(plain('other'), false)).toBeNull();
  expect(table.engine(plain('other'), true)).toBeNull();
  expect(shown(makeTable([{ name: 'end', tls }, { name: 'raw' }]).engine(plain('other'), true))).toEqual('bytes raw');
  expect(shown(makeTable([{ name: 'raw' }]).engine(plain(null), false))).toEqual('bytes raw');
  expect(table.judge(plain('other')).filter(({ matches }) => matches)).toEqual([]);
});

tap.test(
  'where a route is for HTTP alone, other plain bytes go to a route that asks for them, and to no other',
  async () => {
    const web: IRouteParts = { name: 'web', match: { httpOnly: true, protocol: 'http' } };
    const raw: IRouteParts = { name: 'raw' };
    const asking: IRouteParts = { name: 'asking', match: { protocol: 'other' } };
    const ask = (parts: readonly IRouteParts[], facts = plain('other')) => {
      const table = makeTable(parts);
      const engine = shown(table.engine(facts, false));
      // What is shown says the same.
      expect(table.matchAll(facts)[0]?.name ?? 'none').toEqual(engine.replace('bytes ', ''));
      return engine;
    };
    expect(ask([raw, web])).toEqual('none');
    expect(ask([{ ...raw, action: handler }, web])).toEqual('none');
    expect(ask([{ ...raw, priority: 9 }, asking, web])).toEqual('bytes asking');
    const [missed] = makeTable([raw, web])
      .judge(plain('other'))
      .filter(({ route }) => route.name === 'raw');
    expect(missed?.verdicts).toEqual([
      { name: 'protocol', want: "http, unless it says protocol 'other'", got: 'other', ok: false },
    ]);
    // Names alone, TLS, and a route that is for HTTP of other clients or inside TLS, change nothing.
    expect(ask([raw, { match: { domains: ['a.test'] } }])).toEqual('bytes raw');
    expect(ask([raw, { ...web, tls }])).toEqual('bytes raw');
    expect(ask([raw, { match: { ...web.match, clientIp: ['10.0.0.0/8'] } }])).toEqual('bytes raw');
    expect(ask([raw, { match: { ...web.match, clientIp: ['192.0.2.0/24'] } }])).toEqual('none');
    expect(ask([raw, web], hello('a.test'))).toEqual('bytes raw');
    expect(shown(makeTable([raw]).engine(plain('other'), true))).toEqual('bytes raw');
  },
);

tap.test('a port reads what the choice of an engine needs', async () => {
  const needOf = (parts: IRouteParts) => makeTable([{}, parts]).need;
  expect(needOf({ tls })).toEqual('client-hello');
  expect(needOf({ match: { httpOnly: true } })).toEqual('first-bytes');
  expect(needOf({ match: { domains: ['a.test'] } })).toEqual('client-hello');
  expect(needOf({})).toEqual('nothing');
  expect(makeTable([{}]).needOn(true)).toEqual('first-bytes');
  expect(makeTable([{}]).needOn(false)).toEqual('nothing');
  expect(makeTable([{ tls }]).needOn(true)).toEqual('client-hello');
});

tap.test('inside TLS, HTTP goes to the HTTP engine unless a socket handler wants the bytes as they are', async () => {
  const ask = (parts: readonly IRouteParts[], protocol: IConnectionFacts['protocol'] = 'http') =>
    shown(makeTable(parts).engineInside(hello('a.test', { protocol }), tls));
  const named = { domains: ['a.test'] };
  expect(ask([{ name: 'web', match: named, tls }])).toEqual('http');
  expect(ask([{ name: 'fn', match: named, tls, action: handler }])).toEqual('bytes fn');
  expect(
    ask([
      { name: 'fn', match: named, tls, action: handler },
      { match: { ...named, httpOnly: true }, tls },
    ]),
  ).toEqual('http');
  expect(
    ask([
      { name: 'fn', tls, action: handler },
      { name: 'web', match: named, tls },
    ]),
  ).toEqual('http');
  expect(ask([{ name: 'fn', match: { ...named, protocol: 'other' }, tls, action: handler }])).toEqual('http');
  // Of other TLS settings nothing counts.
  const foreign = { match: { ...named, httpOnly: true }, tls: makeTls('other') };
  expect(ask([{ name: 'fn', match: named, tls, action: handler }, foreign])).toEqual('bytes fn');
});

tap.test('inside TLS, other bytes go to the best route with the same settings that is not for HTTP', async () => {
  const parts: IRouteParts[] = [
    { name: 'web', match: { domains: ['a.test'], httpOnly: true, protocol: 'http' }, tls },
    { name: 'mail', match: { domains: ['*.test'], protocol: 'other' }, tls },
    { name: 'any', match: { domains: ['*'] }, tls },
    { name: 'alien', match: { domains: ['b.test'] }, tls: makeTls('other') },
  ];
  const ask = (domain: string | null, protocol: IConnectionFacts['protocol']) =>
    shown(makeTable(parts.slice(1)).engineInside(hello(domain, { protocol }), tls));
  expect(ask('a.test', 'other')).toEqual('bytes mail');
  expect(ask('a.test', 'tls')).toEqual('bytes any');
  expect(ask('b.test', 'other')).toEqual('bytes mail');
  expect(ask('a.org', 'other')).toEqual('bytes any');
  // Without a name all that have the same policy are asked.
  expect(ask(null, 'other')).toEqual('bytes alien');
  const web = makeTable(parts.slice(0, 1));
  expect(web.engineInside(hello('a.test', { protocol: 'other' }), tls)).toBeNull();
});

tap.test('inside TLS with which requests may be for a route of HTTP alone, other bytes must be asked for', async () => {
  const web: IRouteParts = { name: 'web', match: { domains: ['web.test'], httpOnly: true, protocol: 'http' }, tls };
  const raw: IRouteParts = { name: 'raw', match: { domains: ['a.test'] }, tls };
  const asking: IRouteParts = { name: 'asking', match: { domains: ['*.test'], protocol: 'other' }, tls };
  const ask = (parts: readonly IRouteParts[], domain: string | null = 'a.test') => {
    const table = makeTable(parts);
    const facts = hello(domain, { protocol: 'other' });
    const engine = shown(table.engineInside(facts, tls));
    const [first] = table.judgeInside(facts, tls).filter(({ matches }) => matches);
    expect(first?.route.name ?? 'none').toEqual(engine.replace('bytes ', ''));
    return engine;
  };
  expect(ask([raw])).toEqual('bytes raw');
  expect(ask([raw, web])).toEqual('none');
  expect(ask([raw, web, asking])).toEqual('bytes asking');
  expect(ask([raw, { ...web, match: { ...web.match, domains: ['a.test'] } }])).toEqual('none');
  // With other settings of TLS no request gets there; by the same policy, if no name was given.
  expect(ask([raw, { ...web, tls: makeTls('z') }])).toEqual('bytes raw');
  expect(ask([raw, { ...web, tls: makeTls('z') }], null)).toEqual('none');
  // A handler that gets HTTP as bytes gets everything.
  expect(ask([{ ...raw, action: handler }, web])).toEqual('bytes raw');
  expect(ask([{ ...raw, match: { domains: ['web.test'] }, action: handler }, web], 'web.test')).toEqual('none');
  // No protocol of ALPN but those of HTTP can be agreed on.
  expect(makeTable([raw, web]).engineInside(hello('a.test', { protocol: null }), tls)).toBeNull();
});

tap.test('decrypted bytes are waited for only where they decide something', async () => {
  const needOf = (...parts: IRouteParts[]) =>
    makeTable(parts.map((part) => ({ tls, ...part }))).needInside(hello('a.test'), tls);
  expect(needOf({})).toEqual('first-bytes');
  expect(needOf({ match: { protocol: 'other' } })).toEqual('nothing');
  expect(needOf({ match: { protocol: 'http' }, action: handler })).toEqual('first-bytes');
  expect(needOf({ action: handler })).toEqual('nothing');
  expect(needOf({ action: handler }, { match: { httpOnly: true, protocol: 'http', path: '/x' } })).toEqual(
    'first-bytes',
  );
  expect(needOf({}, { action: handler })).toEqual('first-bytes');
  expect(needOf({ priority: 1, match: { protocol: 'other' } }, {})).toEqual('nothing');
  const unread = makeTable([{ name: 'mail', tls, match: { protocol: 'other' } }]);
  expect(shown(unread.engineInside(hello('a.test', { protocol: null }), tls))).toEqual('bytes mail');
});

tap.test('behind a trusted proxy the address is judged once a request; what is no HTTP has no other', async () => {
  const clientIp = ['203.0.113.0/24'];
  const table = makeTable([
    { name: 'raw', match: { clientIp } },
    { name: 'web', match: { domains: ['a.test'], clientIp, httpOnly: true, protocol: 'http' } },
    { name: 'pass', match: { domains: ['pass.test'], clientIp } },
    { name: 'end', match: { domains: ['end.test'], clientIp }, tls },
  ]);
  const ask = (facts: IConnectionFacts) =>
    [false, true].map((fromTrusted) => shown(table.engine({ ...facts, fromTrusted }, false)));
  expect(ask(plain('http'))).toEqual(['none', 'http']);
  expect(ask(plain('other'))).toEqual(['none', 'none']);
  expect(ask(hello('pass.test'))).toEqual(['none', 'none']);
  expect(ask(hello('end.test'))).toEqual(['none', 'tls end']);
  const inside = (protocol: 'http' | 'other') =>
    shown(table.engineInside(hello('end.test', { protocol, fromTrusted: true }), tls));
  expect([inside('http'), inside('other')]).toEqual(['http', 'none']);
});

// --- the obvious matcher ---

const rank = (pattern: string) => (pattern === '*' ? 1 : pattern.startsWith('*.') ? 1_000 + pattern.length : 5_000);
const fits = (pattern: string, host: string) =>
  pattern === '*' ||
  (pattern.startsWith('*.') ? host.length >= pattern.length && host.endsWith(pattern.slice(1)) : host === pattern);

/** Tries every route: the best that takes the connection, and then which engine that means. */
function obviousEngine(routes: readonly IResolvedRoute[], facts: IConnectionFacts, isHttpPort: boolean): string {
  const { protocol, domain } = facts;
  const holds = ({ match }: IResolvedRoute) =>
    (match.clientIp?.matches(facts.clientIp) ?? true) && (match.alpn?.some((one) => facts.alpn.includes(one)) ?? true);
  const isTls = ({ tls, match }: IResolvedRoute) => tls !== null || match.protocol === 'tls';
  const forHttp = routes.filter((one) => !isTls(one) && one.match.protocol !== 'other' && holds(one));
  if (protocol === 'http' && (isHttpPort || forHttp.some(({ match }) => match.httpOnly || match.domains)))
    return 'http';

  const unnamed = protocol === 'tls' && domain === null;
  const isForeign = protocol === 'other' && forHttp.some(({ match }) => match.httpOnly);
  const found = routes.flatMap((route) => {
    const { match, tls, priority, index } = route;
    const asks = tls === null ? match.protocol : 'tls';
    if (isForeign && asks !== 'other') return [];
    if ((asks ?? protocol) !== protocol || (tls === null && match.httpOnly) || !holds(route)) return [];
    const ranks = (match.domains ?? []).filter((one) => domain !== null && fits(one, domain)).map(rank);
    const lent = unnamed && match.domains !== null && tls !== null && tls.clientAuth === null;
    if (match.domains !== null && ranks.length === 0 && !lent) return [];
    const host = lent ? Math.max(...match.domains.map(rank)) : Math.max(0, ...ranks);
    const count = [match.alpn, match.clientIp, asks].filter((one) => one !== null).length;
    return [{ route, order: [-priority, lent ? 1 : 0, -host, -count, index] }];
  });
  found.sort((a, b) => a.order.reduce((order, mine, i) => order || mine - (b.order[i] ?? 0), 0));
  const best = found[0]?.route;
  return best === undefined ? 'none' : `${best.tls === null ? 'bytes' : 'tls'} ${best.name}`;
}

const some = <T>(value: fc.Arbitrary<T>) => fc.uniqueArray(value, { minLength: 1, maxLength: 2 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 1 });
const host = fc.constantFrom('a.test', 'b.test', 'x.a.test');
const protocols = fc.constantFrom('tls' as const, 'http' as const, 'other' as const);
const route = fc.record({
  priority: fc.constantFrom(0, 0, 0, 1),
  tls: fc.constantFrom(null, null, makeTls('a'), makeTls('b'), makeTls('m', 'mutual')),
  httpOnly: fc.boolean(),
  match: fc.record({
    domains: fc.option(some(fc.oneof(host, fc.constantFrom('*', '*.test', '*.a.test')))),
    clientIp: maybe(some(fc.constantFrom('10.0.0.0/8', '192.0.2.1'))),
    alpn: maybe(some(fc.constantFrom('h2', 'http/1.1'))),
    protocol: maybe(protocols),
  }),
});
const visit = fc.record({
  protocol: protocols,
  domain: fc.option(host, { freq: 3 }),
  clientIp: fc.constantFrom('10.0.0.1', '192.0.2.1'),
  alpn: fc.subarray(['h2', 'http/1.1']),
});

tap.test('the compiled table and an obvious matcher choose the same engine', async () => {
  const seen = new Map<string, number>();
  const property = fc.property(
    fc.array(route, { maxLength: 8 }),
    fc.array(visit, { minLength: 1, maxLength: 6 }),
    fc.boolean(),
    (list, visits, isHttpPort) => {
      const routes = makeRoutes(
        list.map(({ httpOnly, match, ...more }, n) => {
          return {
            ...more,
            name: `r${n}`,
            match: { ...match, httpOnly, protocol: httpOnly ? 'http' : match.protocol },
          };
        }),
      );
      const table = new PortTable(routes.map(compileRule));
      for (const { domain, ...more } of visits) {
        const facts = makeFacts({ ...more, domain: more.protocol === 'tls' ? domain : null });
        const engine = shown(table.engine(facts, isHttpPort));
        expect(engine).toEqual(obviousEngine(routes, facts, isHttpPort));
        const kind = engine.split(' ')[0] ?? '';
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
    },
  );
  fc.assert(property, { seed: 21, numRuns: numRuns(1_500) });
  for (const kind of ['http', 'bytes', 'tls', 'none']) expect(seen.get(kind) ?? 0).toBeGreaterThan(100);
});

export default tap.start();
