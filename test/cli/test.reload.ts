import { rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { main } from '../../ts/cli/main.js';
import { changedBeside } from '../../ts/cli/reload.js';
import type { ISmartProxyOptions } from '../../ts/index.js';
import { connectTcp } from '../helpers/clients.js';
import { fakeHost } from '../helpers/fake-host.js';
import { makeFolder } from '../helpers/make-folder.js';
import { startEcho, startOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** A proxy that runs by a file, with one route on one free port. */
async function startRun(targetPort: number, more: readonly string[] = []) {
  const folder = await makeFolder();
  const file = join(folder.path, 'proxy.json');
  const host = fakeHost();
  const text = (port: number, rest: object = {}) =>
    JSON.stringify({
      listenAddress: '127.0.0.1',
      routes: [
        { name: 'a', match: { ports: 0 }, action: { type: 'forward', target: { host: '127.0.0.1', port } }, ...rest },
      ],
    });
  await writeFile(file, text(targetPort));
  const exitCode = main(['run', '--config', file, '--json', '--log-level', 'silent', ...more], host);
  const { ports } = JSON.parse(await host.line(/"listening"/)) as { ports: number[] };
  return {
    host,
    file,
    text,
    port: ports[0] ?? 0,
    events: () => host.lines.map((line) => JSON.parse(line) as { event: string; message?: string; unused?: string[] }),
    async [Symbol.asyncDispose]() {
      host.signals.emit('SIGTERM');
      host.signals.emit('SIGTERM');
      expect(await exitCode).toEqual(0);
      await folder[Symbol.asyncDispose]();
    },
  };
}

const startGreeter = (text: string) => startOrigin((socket) => socket.end(text));

async function greeting(port: number): Promise<string> {
  await using client = await connectTcp(port);
  return String(await client.end);
}

tap.test('SIGHUP puts the routes of the file into force, and keeps live connections', async () => {
  await using echo = await startEcho();
  await using greeter = await startGreeter('new');
  await using running = await startRun(echo.port);
  await using client = await connectTcp(running.port);
  client.send('x');
  await client.receive(1);
  await writeFile(running.file, running.text(greeter.port));
  running.host.signals.emit('SIGHUP');
  const told = JSON.parse(await running.host.line(/"reloaded"/)) as object;
  expect(told).toEqual({
    event: 'reloaded',
    routes: { added: [], removed: [], changed: [{ key: 'a', parts: ['action'] }] },
    connections: { stay: 1, cut: 0 },
    ports: [running.port],
    unused: [],
  });
  expect(await greeting(running.port)).toEqual('new');
  client.send('y');
  expect(await client.receive(2)).toEqual('xy');
});

tap.test('a faulty file is told, and the routes in force stay', async () => {
  await using greeter = await startGreeter('old');
  await using running = await startRun(greeter.port);
  await writeFile(running.file, '{\n  "routes": 5 }');
  running.host.signals.emit('SIGHUP');
  const { faults } = JSON.parse(await running.host.line(/"reload-failed"/)) as { faults: object[] };
  expect(faults).toEqual([{ path: 'routes', want: 'a list of routes', got: '5', line: 2, column: 3 }]);
  expect(await greeting(running.port)).toEqual('old');
  await unlink(running.file);
  running.host.signals.emit('SIGHUP');
  await running.host.line(/"reload-failed".*cannot read/);
  expect(await greeting(running.port)).toEqual('old');
});

tap.test('options beside the routes are told to need a restart', async () => {
  await using greeter = await startGreeter('old');
  await using running = await startRun(greeter.port);
  const options = { ...(JSON.parse(running.text(greeter.port)) as object), maxConnections: 5 };
  await writeFile(running.file, JSON.stringify(options));
  running.host.signals.emit('SIGHUP');
  await running.host.line(/"reloaded".*"unused":\["maxConnections"\]/);
});

tap.test('signals that come together are one reload', async () => {
  await using greeter = await startGreeter('old');
  await using running = await startRun(greeter.port);
  for (let i = 0; i < 5; i++) running.host.signals.emit('SIGHUP');
  await running.host.line(/"reloaded"/);
  await writeFile(running.file, '5');
  running.host.signals.emit('SIGHUP');
  await running.host.line(/"reload-failed"/);
  expect(running.events().map(({ event }) => event)).toEqual(['listening', 'reloaded', 'reload-failed']);
});

tap.test('--watch sees a file that is written in place, replaced by rename, or taken away and made again', async () => {
  await using first = await startGreeter('0');
  await using second = await startGreeter('1');
  await using third = await startGreeter('2');
  await using fourth = await startGreeter('3');
  await using running = await startRun(first.port, ['--watch']);
  const { file, text, port } = running;
  // A file that is written in place may be seen half done, and once more when it is complete.
  const greets = async (want: string) => {
    while ((await greeting(port)) !== want) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await greets('0');
  await writeFile(file, text(second.port));
  await greets('1');
  await writeFile(`${file}.new`, text(third.port));
  await rename(`${file}.new`, file);
  await greets('2');
  await unlink(file);
  // Long enough for the watch to see that nothing is there: that is told to nobody.
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(running.events().at(-1)?.event).toEqual('reloaded');
  await writeFile(file, text(fourth.port));
  await greets('3');
});

tap.test('without --watch a change alone does nothing', async () => {
  await using greeter = await startGreeter('old');
  await using running = await startRun(greeter.port);
  await writeFile(running.file, '5');
  // As long as the watch would have needed, twice.
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(running.events().map(({ event }) => event)).toEqual(['listening']);
});

tap.test('what differs beside the routes is found, functions and loggers left out', async () => {
  const before: ISmartProxyOptions = { routes: [], maxConnections: 5, proxyIPs: ['10.0.0.1'], noDelay: true };
  const after: ISmartProxyOptions = {
    routes: [{ match: { ports: 1 }, action: { type: 'block' } }],
    maxConnections: 6,
    proxyIPs: ['10.0.0.1'],
    keepAlive: false,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
  expect(changedBeside(before, after)).toEqual(['maxConnections', 'noDelay', 'keepAlive']);
  expect(changedBeside(before, { ...before })).toEqual([]);
});

export default tap.start();
