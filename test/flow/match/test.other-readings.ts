import * as fc from 'fast-check';
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
  return route === null ? null : (guardedOtherwise(table, facts, route)?.name ?? null);
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
  for (const path of ['/@scope%2Fname', '/api/a%2Fb;c', '/x;y', '/admin/a%2Fb', '/admin/a;b']) {
    expect([path, ask(site, path)]).toEqual([path, null]);
  }
  // The route for that host is another host's.
  expect(ask(site, '/admin%2Fusers', 'b.test')).toBeNull();
});

tap.test('no text of a path throws, and unambiguous ones are never refused', () => {
  const piece = fc.constantFrom('/', '.', '..', ';', '%2F', '%5C', '%00', 'admin', '.git', 'x', '%25', '@', '?', '#');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const path = `/${pieces.join('')}`;
      const told = ask(site, path);
      if (!/;|%2F|%5C|%00|\/\//.test(path)) expect(told).toBeNull();
    }),
    { seed: 11, numRuns: numRuns(500) },
  );
});

export default tap.start();
