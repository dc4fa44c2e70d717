// All attacks on a proxy of ours with rules that attackers like to get past; and what `runAttacks` refuses.

import {
  attackFamilies,
  formatAttackReport,
  type IAttackReport,
  runAttacks,
  startAttackOrigin,
} from '../../ts/attack.js';
import type { IRouteConfig } from '../../ts/index.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startOrigin } from '../helpers/origins.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** A busy machine must not look like a proxy that does not answer. */
const caseMs = 15_000;

const told = ({ findings }: IAttackReport): string[] =>
  findings.map(({ name, version, why }) => `${name} (${version}): ${why}`);

/** A path for anybody, paths for some, a host by pattern, a path that is rewritten. */
const tricky = (port: number): IRouteConfig[] => [
  makeHttpRoute(port, { match: { ports: 0, domains: ['*.a.test', 'a.test'] } }),
  makeHttpRoute(port, {
    name: 'admin',
    match: { ports: 0, domains: 'a.test', path: '/admin/*' },
    security: { authentication: { type: 'basic', credentials: [{ username: 'a', password: 'b' }] } },
  }),
  makeHttpRoute(port, {
    name: 'inside',
    match: { ports: 0, domains: 'a.test', path: '/inside/reports' },
    security: { ipAllowList: ['192.0.2.0/24'] },
  }),
  { name: 'closed', match: { ports: 0, domains: 'a.test', path: '/closed/*' }, action: { type: 'block' } },
];

/** Answers whatever comes, as servers do that judge nothing. */
const startTolerant = () =>
  startOrigin((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'));
  });

tap.test(
  'nothing gets past it where a route for anybody asks for nothing, seen by the answers alone or at the target',
  async () => {
    const site = (port: number): IRouteConfig[] => [
      { name: 'site', match: { ports: 0 }, action: { type: 'forward', target: { host: '127.0.0.1', port } } },
      makeHttpRoute(port, {
        name: 'admin',
        match: { ports: 0, path: '/admin' },
        security: { basicAuth: { users: { a: 'b' } } },
      }),
    ];
    const asked = { protectedPaths: ['/admin'], families: ['head', 'path'], versions: ['1.1'], caseMs } as const;
    await using tolerant = await startTolerant();
    await using unseen = await startProxy({ routes: site(tolerant.port) });
    const report = await runAttacks({ target: { port: unseen.port }, ...asked });
    expect(told(report)).toEqual([]);
    expect(report.counts.refused).toBeGreaterThan(80);
    await using origin = await startAttackOrigin();
    await using seen = await startProxy({ routes: site(origin.port) });
    const observed = await runAttacks({ target: { port: seen.port }, origin, ...asked });
    expect(told(observed)).toEqual([]);
    expect(observed.isObserved).toBeTrue();
  },
);

tap.test('nothing gets past a proxy of ours by HTTP/1.1', async () => {
  await using origin = await startAttackOrigin();
  await using proxy = await startProxy({ routes: tricky(origin.port) });
  const versions = ['1.1'] as const;
  const protectedPaths = ['/admin/secret', '/inside/reports', '/closed/x'];
  const report = await runAttacks({
    target: { port: proxy.port },
    origin,
    host: 'a.test',
    protectedPaths,
    versions,
    caseMs,
  });
  expect(told(report)).toEqual([]);
  expect(report.isObserved).toBeTrue();
  expect(report.notes).toEqual([]);
  const { refused, harmless, finding, skipped } = report.counts;
  expect([finding, skipped]).toEqual([0, 0]);
  expect(refused).toBeGreaterThan(200);
  expect(harmless).toBeGreaterThan(60);
  const tried = new Set(report.results.map(({ family }) => family));
  expect([...tried].sort()).toEqual(attackFamilies.filter((family) => !/slow|http2/.test(family)).sort());
  const names = report.results.map(({ family, name, version, about }) => `${family} ${name} ${version} ${about}`);
  expect(new Set(names).size).toEqual(names.length);
  for (const { name, about, clause } of report.results) {
    if (about.length < 10 || !/^RFC \d{4} §\d|^RFC \d{4}/.test(clause)) throw new Error(`${name}: ${about}; ${clause}`);
  }
});

tap.test('without the target behind it, answers alone are judged', async () => {
  await using origin = await startAttackOrigin();
  await using proxy = await startProxy({ routes: tricky(origin.port) });
  const families = ['chunks', 'path'] as const;
  const given = {
    target: { port: proxy.port },
    host: 'a.test',
    families,
    caseMs,
    protectedPaths: ['/admin/secret', '/open'],
  };
  const report = await runAttacks(given);
  expect(told(report)).toEqual([]);
  expect(report.isObserved).toBeFalse();
  expect(report.notes).toEqual([
    'HTTP/2 is not spoken there, and was not tried',
    '/open is not protected: it is answered by 200',
  ]);
  expect(formatAttackReport(report, { all: true })).toMatch(/refused +HTTP\/1\.1 +trailer: "X : y": 400/);
});

tap.test('a target that is not on this machine is left alone', async () => {
  await expect(runAttacks({ target: { host: '192.0.2.1', port: 80 } })).rejects.toThrow(
    /target: want .*got 192\.0\.2\.1/,
  );
  await expect(runAttacks({ target: { host: '::ffff:192.0.2.1', port: 80 } })).rejects.toThrow(/of this machine/);
});

tap.test('a target that does not answer is no target', async () => {
  await using origin = await startAttackOrigin();
  const { port } = origin;
  await origin[Symbol.asyncDispose]();
  await expect(runAttacks({ target: { host: 'localhost', port } })).rejects.toThrow(
    /not answered: connect ECONNREFUSED/,
  );
});

export default tap.start();
