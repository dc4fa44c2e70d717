import { compareEntries, compileRule, greatestNeed, type IEntry } from '../../../ts/flow/match/rule.js';
import { type IRouteParts, makeRoutes } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

/** The keys of the routes, each by its first pattern, in the order in which they are asked. */
function order(parts: readonly IRouteParts[]): string[] {
  const entries = makeRoutes(parts).map((route): IEntry => {
    const rule = compileRule(route);
    return { rule, pattern: rule.patterns?.[0] ?? null, path: null, others: rule.others };
  });
  return entries.sort(compareEntries).map(({ rule }) => rule.route.key);
}

tap.test('priority goes before everything else', async () => {
  expect(
    order([
      { name: 'exact', match: { domains: ['a.com'] } },
      { name: 'first', priority: 1 },
    ]),
  ).toEqual(['first', 'exact']);
  expect(order([{ name: 'low', priority: -1 }, { name: 'none' }])).toEqual(['none', 'low']);
});

tap.test('then the more specific host pattern', async () => {
  const hosts = ['*', 'a.*', '*.com', '*.a.com', 'x.a.com'];
  const routes = hosts.map((host) => ({ name: host, match: { domains: [host] } }));
  expect(order([{ name: 'none' }, ...routes])).toEqual([...hosts].reverse().concat('none'));
});

tap.test('then the number of other criteria', async () => {
  const two = { name: 'two', match: { protocol: 'tls', clientIp: ['*'] } } as const;
  const one = { name: 'one', match: { alpn: ['h2', 'h3'] } };
  expect(order([{ name: 'none' }, one, two])).toEqual(['two', 'one', 'none']);
  expect(order([{ name: 'named', match: { domains: ['*'] } }, two])).toEqual(['named', 'two']);
});

tap.test('then the place in the list', async () => {
  expect(order([{ name: 'b' }, { name: 'a' }, { name: 'c' }])).toEqual(['b', 'a', 'c']);
});

tap.test('a rule needs the most that one of its criteria needs', async () => {
  const needs = makeRoutes([
    {},
    { match: { clientIp: ['*'] } },
    { match: { protocol: 'http', clientIp: ['*'] } },
    { match: { protocol: 'tls', alpn: ['h2'] } },
    { match: { domains: ['a.com'] } },
  ]).map((route) => compileRule(route).need);
  expect(needs).toEqual(['nothing', 'nothing', 'first-bytes', 'client-hello', 'client-hello']);
  expect(greatestNeed([])).toEqual('nothing');
});

export default tap.start();
