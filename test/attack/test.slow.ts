// Slow clients: ended in time by a proxy with deadlines, found where there are none.

import { type IAttackReport, runAttacks, startAttackOrigin } from '../../ts/attack.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const caseMs = 15_000;

const told = ({ findings }: IAttackReport): string[] => findings.map(({ name, why }) => `${name}: ${why}`);

tap.test('slow clients are ended in time, and cost nobody else anything', async () => {
  const names: string[] = [];
  await using origin = await startAttackOrigin();
  const http = { headersTimeout: 300, requestTimeout: 600 };
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http, initialDataTimeout: 300 });
  const given = { target: { port: proxy.port }, origin, host: 'a.test', caseMs, families: ['slow'] as const };
  const report = await runAttacks({ ...given, slowMs: 15_000, onResult: ({ name }) => names.push(name) });
  expect(told(report)).toEqual([]);
  expect(report.counts.refused).toEqual(5);
  expect(names).toEqual(report.results.map(({ name }) => name));
});
tap.test('slow clients that are held are findings', async () => {
  await using origin = await startAttackOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const given = { target: { port: proxy.port }, origin, host: 'a.test', caseMs, families: ['slow'] as const };
  const report = await runAttacks({ ...given, slowMs: 300 });
  expect(report.counts.finding).toEqual(5);
  expect(report.findings[0]?.why).toEqual('its connection was held for 300 ms, and had not been ended then');
});

export default tap.start();
