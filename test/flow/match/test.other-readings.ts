import * as fc from 'fast-check';
import type { IResolvedSecurity } from '../../../ts/config/resolved.js';
import { guardedOtherwise } from '../../../ts/flow/match/other-readings.js';
import { PortTable } from '../../../ts/flow/match/port-table.js';
import { compileRule } from '../../../ts/flow/match/rule.js';
import type { IRequestFacts } from '../../../ts/flow/stages.js';
import { type IRouteParts, makeAddresses, makeFacts, makeRoutes } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const lists = [{ allow: makeAddresses(['10.0.0.0/8']), block: null }];
const open: IRouteParts['action'] = { type: 'respond', status: 200, headers: [], body: new Uint8Array() };

function ask(parts: readonly IRouteParts[], path: string, domain = 'a.test'): string | null {
  const table = new PortTable(makeRoutes(parts).map(compileRule));
  const facts: IRequestFacts = {
    ...makeFacts({ protocol: 'http', domain }),
    isTls: false,
    path,
    query: '',
    method: 'GET',
    fields: [],
  };
  const route = table.matchRequest(facts);
  const other = route === null ? null : guardedOtherwise(table, facts, route);
  return other === 'unclear' ? other : (other?.name ?? null);
}

const site: readonly IRouteParts[] = [
  {
    name: 'admin',
    match: { domains: ['a.test'], path: '/admin/*' },
    security: { lists, maxConnections: null, basic: null, asks: null },
  },
  { name: 'hidden', match: { path: '/.git/*' } },
  { name: 'api', match: { path: '/api/*' }, action: open },
  { name: 'rest', action: open },
];

tap.test('what another reading of its path would lead past the rules of a route is told', () => {
  const cases: readonly (readonly [path: string, by: string])[] = [
    ['/admin%2Fusers', 'admin'],
    ['/%2Fadmin/users', 'admin'],
    ['/x/..%2Fadmin/users', 'admin'],
    ['/..%2Fadmin/users', 'admin'],
    ['/x/..%5Cadmin%5Cusers', 'admin'],
    ['/api%2F..%2F..%2F..%2Fadmin%2Fusers', 'admin'],
    ['/admin;v=1/users', 'admin'],
    ['/x/..;/admin/users', 'admin'],
    ['/admin%2Fx%2F..;%2F..%2Fopen', 'admin'],
    ['/admin/%00', ''],
    ['/.git%2Fconfig', 'hidden'],
    ['/%2561dmin/users', 'admin'],
    ['/%252561dmin/users', 'admin'],
    ['/x/%C0%AE%C0%AE/admin/users', 'admin'],
    ['/%C1%A1dmin/users', 'admin'],
    ['/x/..%C0%AFadmin/users', 'admin'],
    ['/admin./users', 'admin'],
    ['/admin%20/users', 'admin'],
    ['/admin%20.%09/users', 'admin'],
    ['/admin%3Bx/users', 'admin'],
    ['/a;x%2Fb/..%2Fadmin%2Fusers', 'admin'],
    ['/admin/%3Fx', ''],
    // Those who take no case into account are told by the documentation.
    ['/ADMIN/users', ''],
  ];
  for (const [path, by] of cases) expect([path, ask(site, path) ?? '']).toEqual([path, by]);
});

tap.test('two slashes, which many targets take for one, lead past no rules of a route either', () => {
  const deep: readonly IRouteParts[] = [
    {
      name: 'deep',
      match: { path: '/api/admin/*' },
      security: { lists, maxConnections: null, basic: null, asks: null },
    },
    { name: 'rest', action: open },
  ];
  for (const path of ['/api//admin/users', '/api///admin/users', '/api/admin//users']) {
    expect([path, ask(deep, path)]).toEqual([path, path === '/api/admin//users' ? null : 'deep']);
  }
  for (const path of ['/api//users', '/x//y']) expect([path, ask(deep, path)]).toEqual([path, null]);
});

tap.test('where no rule depends on it, or the route has it as it is, an encoded slash is a character', () => {
  for (const path of [
    '/caf%C3%A9.%20x',
    '/100%25',
    '/a%20b',
    '/v1.',
    '/@scope%2Fname',
    '/api/a%2Fb;c',
    '/x;y',
    '/admin/a%2Fb',
    '/admin/a;b',
  ]) {
    expect([path, ask(site, path)]).toEqual([path, null]);
  }
  // The route for that host is another host's.
  expect(ask(site, '/admin%2Fusers', 'b.test')).toBeNull();
});

const rate = (maxRequests: number) => ({
  place: 'route' as const,
  maxRequests,
  windowMs: 60_000,
  keyBy: 'ip' as const,
  headerName: '',
  burst: null,
  status: 429,
  failOpen: false,
  storeTimeoutMs: 1_000,
});
const limits = (parts: Partial<NonNullable<IResolvedSecurity['requests']>>) => ({
  requests: { maxInFlight: null, maxBodyBytes: null, rates: [], ...parts },
});

tap.test('every rule that keeps requests out counts, if the route that was found lacks it', () => {
  const login = (
    security: IRouteParts['security'],
    own: IRouteParts['security'] = {},
    action: IRouteParts['action'] = open,
  ) =>
    ask(
      [
        { name: 'login', match: { path: '/login' }, action, ...(security === undefined ? {} : { security }) },
        { name: 'rest', action: open, ...(own === undefined ? {} : { security: own }) },
      ],
      '/login;x',
    );
  expect(login({})).toBeNull();
  expect(login(limits({ rates: [rate(5)] }))).toEqual('login');
  expect(login(limits({ rates: [rate(5)] }), limits({ rates: [rate(50)] }))).toEqual('login');
  expect(login(limits({ rates: [rate(5)] }), limits({ rates: [rate(5), rate(50)] }))).toBeNull();
  expect(login(limits({ maxInFlight: 2 }), limits({ maxInFlight: 9 }))).toEqual('login');
  expect(login(limits({ maxInFlight: 9 }), limits({ maxInFlight: 2 }))).toBeNull();
  expect(login(limits({ maxBodyBytes: 100 }))).toEqual('login');
  expect(login(limits({ maxBodyBytes: 0 }))).toBeNull();
  expect(login({ maxConnections: 3 })).toEqual('login');
  expect(login({ maxConnections: 3 }, { maxConnections: 3 })).toBeNull();
  // The very same rules: who passes one passes the other.
  const shared = { lists };
  expect(login(shared, shared)).toBeNull();
  expect(login(shared, { lists })).toEqual('login');
  const gone: IRouteParts['action'] = { type: 'respond', status: 404, headers: [], body: new Uint8Array() };
  expect([login({}, {}, gone), login({}, {}, { type: 'block', status: 403, message: '' })]).toEqual(['login', 'login']);
});

tap.test('a refusal for a path hides it; one for all that no other route takes hides nothing', () => {
  const gone: IRouteParts['action'] = { type: 'respond', status: 404, headers: [], body: new Uint8Array() };
  const of = (...paths: readonly (string | null)[]): readonly IRouteParts[] => [
    { name: 'queues', match: { path: '/queues/:host/:name' }, action: open },
    ...paths.map((path) => ({ name: `gone ${path}`, match: { path }, action: gone })),
  ];
  for (const path of [null, '/*']) expect(ask(of(path), '/queues/%2F/x')).toBeNull();
  expect(ask(of('/*', '/.git/*'), '/queues/..%2F..%2F.git%2Fx/y')).toEqual('gone /.git/*');
});

tap.test('a path of too many readings is not judged, and costs nothing where no route keeps anybody out', () => {
  const odd = `/x;%2F%2500%C0%AE.${'%2F;a'.repeat(3_000)}`;
  expect(ask(site, odd)).toEqual('unclear');
  const open1: readonly IRouteParts[] = [
    { name: 'api', match: { path: '/api/*' }, action: open },
    { name: 'rest', action: open },
  ];
  expect(ask(open1, odd)).toBeNull();
  expect(ask(site, `/x${'%2F'.repeat(5_000)}`)).toBeNull();
  expect(ask(site, `/x${'%2F..'.repeat(3_000)}%2Fadmin%2Fy`)).toEqual('admin');
});

tap.test('no text of a path throws, and unambiguous ones are never refused', () => {
  const piece = fc.constantFrom('/', '.', '..', ';', '%2F', '%5C', '%00', 'admin', '.git', 'x', '%25', '@', '?', '#');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const path = `/${pieces.join('')}`;
      const told = ask(site, path);
      if (!/[;%]|\/\/|\.(?:\/|$)/.test(path)) expect(told).toBeNull();
    }),
    { seed: 11, numRuns: numRuns(500) },
  );
});

export default tap.start();
