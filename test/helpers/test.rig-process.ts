import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { accepts, runProcess, startProcess } from './rig-process.js';
import { expect, tap } from './tapbundle.js';

tap.test('a program is there once its output says so, and gone after the block', async () => {
  let below = '';
  {
    await using running = await startProcess('sh', ['-c', 'sleep 600 & echo ready $!; wait'], { ready: /ready/ });
    below = /\d+/.exec(running.output())?.[0] ?? '';
    expect(running.isRunning()).toBeTrue();
    expect(await stateOf(below)).toMatch(/^[SR]$/);
  }
  expect(await stateOf(below)).toMatch(/^(Z|gone)$/);
});

tap.test('a program that ends before it is ready is told with its output', async () => {
  expect(await failureOf(startProcess('sh', ['-c', 'echo sorry >&2; exit 3'], { ready: /ready/ }))).toContain('sorry');
});

tap.test('a program that is not ready in time is ended', async () => {
  const failure = await failureOf(startProcess('sleep', ['600'], { ready: /ready/, withinMs: 50 }));
  expect(failure).toContain('not ready');
});

tap.test('a program that does not exist is told', async () => {
  expect(await failureOf(startProcess('/no/such/program', []))).toContain('ENOENT');
});

tap.test('a program that runs to its end gives its output, or its failure', async () => {
  expect(await runProcess('cat', [], { input: 'hello' })).toEqual('hello');
  expect(await failureOf(runProcess('sh', ['-c', 'echo no; exit 4']))).toContain('ended with 4');
  expect(await failureOf(runProcess('sleep', ['600'], { withinMs: 50 }))).toContain('SIGKILL');
});

tap.test('a port accepts only while something listens there', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await accepts(port)()).toBeTrue();
  server.close();
  await once(server, 'close');
  expect(await accepts(port)()).toBeFalse();
});

/** The letter of a process's state; a zombie (Z) waits for nothing but its burial. */
const stateOf = (pid: string): Promise<string> =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => /\) (\w)/.exec(stat)?.[1] ?? '',
    () => 'gone',
  );

const failureOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no failure',
    (error: Error) => error.message,
  );

export default tap.start();
