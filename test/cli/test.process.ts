// The command as it is installed: processes, real signals, real files.

import { cp, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectTcp } from '../helpers/clients.js';
import { makeFolder } from '../helpers/make-folder.js';
import { startEcho, startOrigin } from '../helpers/origins.js';
import { runProcess, startProcess } from '../helpers/rig-process.js';
import { runCli, startCli } from '../helpers/run-cli.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const says = (running: { output(): string }, pattern: RegExp) =>
  until(
    () => pattern.test(running.output()),
    10_000,
    () => `${pattern}; it wrote:\n${running.output()}`,
  );

const yaml = (targetPort: number) => `listenAddress: 127.0.0.1
routes:
  - name: a
    match: { ports: 0 }
    action: { type: forward, target: { host: 127.0.0.1, port: ${targetPort} } }
`;

tap.test('SIGTERM waits for a live connection; a second one does not', async () => {
  await using echo = await startEcho();
  for (const second of [false, true]) {
    await using running = await startCli(['forward', '127.0.0.1:0', `127.0.0.1:${echo.port}`]);
    await using client = await connectTcp(running.port);
    client.send('x');
    await client.receive(1);
    running.signal('SIGTERM');
    await says(running, /^stopping: 1 connection may finish/m);
    client.send('y');
    expect(await client.receive(2)).toEqual('xy');
    expect(running.isRunning()).toBeTrue();
    if (second) running.signal('SIGTERM');
    else client.socket.end();
    expect(await running.ended).toEqual(0);
    expect(running.output()).toMatch(/^stopped$/m);
  }
});

tap.test('SIGHUP and --watch reload while a connection lives on', async () => {
  await using echo = await startEcho();
  await using greeter = await startOrigin((socket) => socket.end('new'));
  await using folder = await makeFolder();
  const file = join(folder.path, 'proxy.yaml');
  await writeFile(file, yaml(echo.port));
  await using running = await startCli(['run', '--config', 'proxy.yaml', '--watch'], { cwd: folder.path });
  await using client = await connectTcp(running.port);
  client.send('x');
  await client.receive(1);
  await writeFile(`${file}.new`, yaml(greeter.port));
  await rename(`${file}.new`, file);
  await says(running, /^reloaded: routes: 0 added, 1 changed, 0 removed; .*; 1 connection kept$/m);
  await using late = await connectTcp(running.port);
  expect(String(await late.end)).toEqual('new');
  await writeFile(file, `${yaml(greeter.port)}rout: 1\n`);
  await says(running, /not reloaded, the routes in force stay: 1 fault in proxy\.yaml:\n {2}proxy\.yaml:6:1: rout: /);
  running.signal('SIGHUP');
  await says(running, /(not reloaded[\s\S]*){2}/);
  client.send('y');
  expect(await client.receive(2)).toEqual('xy');
});

tap.test('each kind of configuration file is run', async () => {
  await using greeter = await startOrigin((socket) => socket.end('hello'));
  await using folder = await makeFolder();
  const route = `{ match: { ports: 0 }, action: { type: 'forward', target: { host: '127.0.0.1', port: ${greeter.port} } } }`;
  const options = `{ listenAddress: '127.0.0.1', routes: [${route}] }`;
  const handler = "{ type: 'socket-handler', socketHandler: (socket) => void socket.end('hello') }";
  const code = options.replace(/\{ type: 'forward'.*?\} \}/, handler);
  const files: Record<string, string> = {
    'a.json': options.replace(/(\w+):/g, '"$1":').replaceAll("'", '"'),
    'b.yaml': yaml(greeter.port),
    'c.yml': options,
    'd.mjs': `export default async () => (${code});`,
    'e.js': `module.exports = ${code};`,
    'f.ts': `import type { Socket } from 'node:net';\nexport default ${code.replace('(socket)', '(socket: Socket)')};`,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder.path, name), text);
    await using running = await startCli(['run', '--config', name], { cwd: folder.path });
    await using client = await connectTcp(running.port);
    expect([name, String(await client.end)]).toEqual([name, 'hello']);
    running.signal('SIGINT');
    expect(await running.ended).toEqual(0);
  }
});

tap.test('the exit code says whose fault it is', async () => {
  await using echo = await startEcho();
  const taken = await runCli(['forward', `127.0.0.1:${echo.port}`, '127.0.0.1:1']);
  expect(taken.code).toEqual(2);
  expect(taken.err).toContain('EADDRINUSE');
  expect((await runCli(['forward', 'x', 'y'])).code).toEqual(1);
  expect((await runCli(['schema'])).code).toEqual(0);
});

tap.test('code that keeps a timer does not keep a command from its end', async () => {
  await using folder = await makeFolder();
  await writeFile(join(folder.path, 'a.mjs'), 'setInterval(() => {}, 1000);\nexport default { routes: [] };');
  const { code, out } = await runCli(['check', '--config', 'a.mjs'], { cwd: folder.path });
  expect([code, out]).toEqual([0, 'a.mjs is good: 0 routes\n']);
});

tap.test('logs are lines of JSON on standard error, from the chosen level on', async () => {
  await using echo = await startEcho();
  const levels = async (level: string) => {
    await using running = await startCli([
      ...['forward', '127.0.0.1:0', `127.0.0.1:${echo.port}`, '--log-level', level],
    ]);
    await using client = await connectTcp(running.port);
    client.socket.end();
    await client.end;
    running.signal('SIGTERM');
    await running.ended;
    const lines = running
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    return lines.map((line) => (JSON.parse(line) as { level: string; msg: string }).level);
  };
  expect(await levels('silent')).toEqual([]);
  expect(new Set(await levels('debug'))).toEqual(new Set(['info', 'debug']));
});

tap.test('a reader that leaves early is no failure', async () => {
  const output = await runProcess('sh', ['-c', '"$0" cli.js schema | head -n 1', process.execPath], { cwd: root });
  expect(output).toEqual('{\n');
});

tap.test('the demonstration ends by itself and shows both TLS origins', async () => {
  const { code, out, err } = await runCli(['demo']);
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('"hello from apple"');
  expect(out).toContain('"hello from pear"');
});

tap.test('the demonstration that is kept ends by Ctrl-C', async () => {
  const args = [`${root}cli.js`, 'demo', '--keep'];
  await using running = await startProcess(process.execPath, args, { ready: /Ctrl-C ends it/ });
  running.signal('SIGINT');
  expect(await running.ended).toEqual(0);
});

tap.test('a clone that was not built says so', async () => {
  await using folder = await makeFolder();
  await cp(`${root}cli.js`, join(folder.path, 'cli.mjs'));
  await using running = await startProcess(process.execPath, ['cli.mjs', '--help'], { cwd: folder.path });
  expect(await running.ended).toEqual(2);
  expect(running.output()).toContain('not built yet');
});

export default tap.start();
