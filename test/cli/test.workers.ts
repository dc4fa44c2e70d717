// `run --workers`: several processes behind one command.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { workerCount } from '../../ts/cli/workers.js';
import { fetchThrough } from '../helpers/http-clients.js';
import { makeFolder } from '../helpers/make-folder.js';
import { runCli, startCli } from '../helpers/run-cli.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

// Each process that is started takes a starved machine many seconds.
tap.timeout(150_000);

tap.test('a number or auto; anything else is the user’s fault', async () => {
  expect([workerCount(undefined), workerCount('1'), workerCount('16')]).toEqual([1, 1, 16]);
  expect(workerCount('auto')).toBeGreaterThan(0);
  for (const wrong of ['0', '-1', 'two', '257', '']) expect(() => workerCount(wrong)).toThrow(/want auto or 1 to 256/);
  const { code, err } = await runCli(['run', '--config', 'x.yaml', '--workers', 'many']);
  expect([code, /--workers: want auto/.test(err)]).toEqual([1, true]);
});

const code = (
  body: string,
) => `export default () => ({ listenAddress: '127.0.0.1', routes: [{ match: { ports: 0, domains: 'a.test' },
  action: { type: 'http-handler', httpHandler: () => new Response('${body}') } }] });`;

tap.test('code runs in each worker, SIGHUP reloads all, SIGTERM to the group ends all', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'proxy.mjs');
  await writeFile(file, code('one'));
  await using running = await startCli(['run', '--config', file, '--workers', '2']);
  const ask = async () => String((await fetchThrough(running.port, '/', { headers: { Host: 'a.test' } })).body);
  expect(await ask()).toEqual('one');
  await writeFile(file, code('two'));
  running.signal('SIGHUP');
  await until(
    () => /^reloaded: routes: 0 added, 1 changed/m.test(running.output()),
    10_000,
    () => running.output(),
  );
  const answers = await Promise.all(Array.from({ length: 8 }, ask));
  expect(new Set(answers)).toEqual(new Set(['two']));
  expect(running.output()).toMatch(/"worker":2/);
  process.kill(-running.pid, 'SIGTERM');
  expect(await running.ended).toEqual(0);
  expect(running.output()).toMatch(/^stopped$/m);
});

tap.test('one admin interface for all workers, which the commands for running proxies ask', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'proxy.yaml');
  const data = (body: string) => `listenAddress: 127.0.0.1
routes:
  - name: page
    match: { ports: 0, domains: a.test }
    action: { type: respond, respond: { status: 200, body: ${body} } }
`;
  await writeFile(file, data('one'));
  await using running = await startCli(['run', '--config', file, '--workers', '2', '--admin', '127.0.0.1:0']);
  const place = /^admin interface on http:\/\/(127\.0\.0\.1:\d+)\//m;
  await until(
    () => place.test(running.output()),
    10_000,
    () => running.output(),
  );
  const admin = ['--admin', place.exec(running.output())?.[1] ?? ''];
  const good = async (...args: string[]) => {
    const { code, out, err } = await runCli([...args, ...admin]);
    if (code !== 0) throw new Error(`${args[0]}: ${code}: ${err}`);
    return out;
  };
  expect(await good('status')).toMatch(
    /: running for .*\n1 route; [\s\S]*worker 1 in process \d+: 0 connections, [\s\S]*worker 2/,
  );
  expect(await good('connections')).toMatch(/^0 live connections, 0 shown/);
  expect(await good('metrics')).toMatch(/^smartproxy_ready 1$/m);
  await writeFile(file, data('two'));
  expect(await good('plan', '--config', file)).toMatch(/~ route page: action/);
  expect(await good('reload')).toMatch(/0 added, 1 changed/);
  expect(String((await fetchThrough(running.port, '/', { headers: { Host: 'a.test' } })).body)).toEqual('two');
  await good('stop');
  expect(await running.ended).toEqual(0);
});

export default tap.start();
