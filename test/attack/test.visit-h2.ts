// The attacks by HTTP/2 on proxies of ours, with prior knowledge and agreed on by ALPN.

import { type IAttackReport, runAttacks, startAttackOrigin } from '../../ts/attack.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** A busy machine must not look like a proxy that does not answer. */
const caseMs = 15_000;

const told = ({ findings }: IAttackReport): string[] =>
  findings.map(({ name, version, why }) => `${name} (${version}): ${why}`);

tap.test('nothing gets past a proxy of ours by HTTP/2', async () => {
  await using origin = await startAttackOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { h2c: true } });
  const given = { target: { port: proxy.port }, origin, host: 'a.test', versions: ['2'] as const, caseMs };
  const report = await runAttacks({ ...given, headers: { 'X-Extra': 'y' } });
  expect(told(report)).toEqual([]);
  expect(report.notes).toEqual([]);
  expect(report.counts.refused).toBeGreaterThan(55);
  expect(report.counts.harmless).toBeGreaterThan(30);
  expect([...new Set(report.results.map(({ family }) => family))]).toEqual(['framing', 'trust', 'http2']);
});

tap.test('nothing gets past it inside TLS, where HTTP/2 is agreed on by ALPN', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startAttackOrigin();
  await using proxy = await startProxy({ routes: [makeHttpsRoute(origin.port, certificate)] });
  const target = { port: proxy.port, tls: true };
  const report = await runAttacks({
    target,
    origin,
    host: 'a.test',
    families: ['authority', 'framing'],
    versions: ['2'],
    caseMs,
  });
  expect(told(report)).toEqual([]);
  expect(report.results.map(({ version, verdict }) => `${version} ${verdict}`)).toEqual(['2 harmless', '2 harmless']);
  const first = await runAttacks({ target, origin, host: 'a.test', families: ['authority'], caseMs });
  expect(told(first)).toEqual([]);
  expect(first.counts.refused).toBeGreaterThan(20);
  expect(report.target).toMatch(/^https:\/\/a\.test\/ at 127\.0\.0\.1:\d+$/);
});

export default tap.start();
