import { explainEngine } from '../../ts/flow/explain-match.js';
import type { IExplainStep } from '../../ts/flow/explain-types.js';
import { PortTable } from '../../ts/flow/match/port-table.js';
import { compileRule } from '../../ts/flow/match/rule.js';
import type { IConnectionFacts } from '../../ts/flow/stages.js';
import { type IRouteParts, makeFacts, makeRoutes } from '../helpers/make-route.js';
import { expect, tap } from '../helpers/tapbundle.js';

function ask(parts: readonly IRouteParts[], facts: Partial<IConnectionFacts>) {
  const steps: IExplainStep[] = [];
  const table = new PortTable(makeRoutes(parts).map(compileRule));
  const { engine, nearestMiss } = explainEngine(table, makeFacts(facts), false, steps);
  return {
    route: engine?.kind === 'bytes' ? engine.route.key : null,
    nearestMiss,
    lines: steps.map(({ ok, text }) => `${ok} ${text}`),
    steps,
  };
}

tap.test('every candidate is told with each criterion, what it wants, what it got and its verdict', async () => {
  const parts: readonly IRouteParts[] = [
    { name: 'rest' },
    { name: 'web', priority: 2, match: { domains: ['*.a.com'], clientIp: ['10.0.0.0/8'] } },
  ];
  const { route, lines, steps } = ask(parts, { domain: 'x.a.com' });
  expect(route).toEqual('rest');
  expect(lines).toEqual([
    'false route web [priority 2] does not match: domains ok (want *.a.com; got x.a.com), clientIp NO (want 10.0.0.0/8; got 192.0.2.1)',
    'true route rest matches: asks for nothing',
    'true route rest takes the connection',
  ]);
  expect(steps[0]?.detail).toEqual({
    route: { key: 'web', name: 'web', index: 1 },
    priority: 2,
    pattern: '*.a.com',
    criteria: [
      { name: 'domains', want: '*.a.com', got: 'x.a.com', ok: true },
      { name: 'clientIp', want: '10.0.0.0/8', got: '192.0.2.1', ok: false },
    ],
  });
});

tap.test('the nearest miss lacks least, and of equals has most that holds', async () => {
  const parts: readonly IRouteParts[] = [
    { name: 'far', match: { domains: ['b.com'], protocol: 'tls' } },
    { name: 'near', match: { alpn: ['h2'] } },
    { name: 'nearest', match: { alpn: ['h2'], clientIp: ['192.0.2.*'] } },
  ];
  const { route, nearestMiss, lines } = ask(parts, {});
  expect(route).toBeNull();
  expect(nearestMiss?.route.key).toEqual('nearest');
  expect(nearestMiss?.failed).toEqual([{ name: 'alpn', want: 'h2', got: 'none', ok: false }]);
  expect(lines.at(-1)).toEqual(
    'false no route matches; nearest is route nearest, which fails on alpn (want h2; got none)',
  );
});

tap.test('of very many candidates the nearest are told, the chosen one among them', async () => {
  const many = Array.from({ length: 200 }, (_, n) => ({ match: { domains: [`h${n}.com`], protocol: 'tls' as const } }));
  const { route, lines } = ask([...many, { name: 'rest' }], { domain: 'h199.com', protocol: 'tls' });
  expect(route).toEqual('route-199');
  expect(lines).toHaveLength(52);
  expect(lines.filter((line) => line.startsWith('true'))).toHaveLength(3);
  expect(lines.at(-2)).toEqual('null 151 more routes match no better');
});

export default tap.start();
