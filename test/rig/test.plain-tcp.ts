// Plain TCP with programs that are particular about it: who speaks first, who closes first, and how much is sent.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needs, pathOf } from '../helpers/debian.js';
import { makeFolder } from '../helpers/make-folder.js';
import { closedPort, startEcho, startOrigin } from '../helpers/origins.js';
import { accepts, runProcess, startProcess } from '../helpers/rig-process.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

needs('sshd', 'ssh')('a server that speaks first does, and the key exchange of ssh succeeds', async () => {
  await using folder = await makeFolder();
  const key = join(folder.path, 'host');
  await runProcess('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const port = await closedPort();
  const options = [`Port ${port}`, 'ListenAddress 127.0.0.1', `PidFile ${folder.path}/pid`, `HostKey ${key}`];
  await writeFile(join(folder.path, 'config'), `${options.join('\n')}\n`);
  // As root it wants this folder, which its service would make.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
  await using _sshd = await startProcess(pathOf('sshd'), ['-D', '-e', '-f', join(folder.path, 'config')], {
    ready: accepts(port),
  });
  await using started = await startProxy({ routes: [makeForwardRoute(port)] });
  const seen = await runProcess('ssh-keyscan', ['-T', '10', '-t', 'ed25519', '-p', String(started.port), '127.0.0.1']);
  const [type, text] = (await readFile(`${key}.pub`, 'utf8')).split(' ');
  expect(seen).toContain(`${type} ${text}`);
});

needs('nc')('a client that asks, closes its side and waits gets its answer', async () => {
  // Answers only when the question is complete, as its FIN says.
  await using origin = await startOrigin((socket) => {
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('end', () => socket.end(createHash('sha256').update(Buffer.concat(parts)).digest('hex')));
  });
  await using started = await startProxy({ routes: [makeForwardRoute(origin.port)] });
  // The short one is over, FIN and all, before a target can have been reached.
  for (const question of ['?', 'question '.repeat(50_000)]) {
    const answer = await runProcess('nc', ['-N', '127.0.0.1', String(started.port)], { input: question });
    expect(answer).toEqual(createHash('sha256').update(question).digest('hex'));
  }
});

needs('socat')('64 MB there and back are the same bytes', async () => {
  await using folder = await makeFolder();
  const [there, back] = [join(folder.path, 'there'), join(folder.path, 'back')];
  const bytes = randomBytes(64 << 20);
  await writeFile(there, bytes);
  await using origin = await startEcho();
  await using started = await startProxy({ routes: [makeForwardRoute(origin.port)] });
  const files = `OPEN:${there},rdonly!!OPEN:${back},creat,wronly`;
  await runProcess('socat', ['-t', '20', files, `TCP:127.0.0.1:${started.port}`]);
  expect(digest(await readFile(back))).toEqual(digest(bytes));
  const [record] = started.ended;
  expect(record?.connection.bytesReceived).toEqual(bytes.length);
  expect(record?.connection.bytesSent).toEqual(bytes.length);
});

for (const [title, options] of [
  ['towards the target', []],
  ['towards the client', ['--reverse']],
  ['in four streams', ['--parallel', '4']],
] as const) {
  needs('iperf3')(`iperf3 measures to its end: ${title}`, async () => {
    const port = await closedPort();
    // Not asked whether it accepts: it would take the question for its one test.
    const server = ['--server', '--one-off', '--forceflush', '--bind', '127.0.0.1', '--port', String(port)];
    await using _server = await startProcess('iperf3', server, { ready: /Server listening/ });
    await using started = await startProxy({ routes: [makeForwardRoute(port)] });
    const client = ['--client', '127.0.0.1', '--port', String(started.port), '--bytes', '256M', '--json', ...options];
    const { end } = JSON.parse(await runProcess('iperf3', client)) as IIperfReport;
    expect(end.sum_sent.bytes).toBeGreaterThan((256 << 20) - 1);
    // A receiver stops counting when the sender says so on another connection, and misses what is still on its way.
    expect(end.sum_received.bytes).toBeGreaterThan(0.8 * (256 << 20));
    expect(end.sum_received.bytes).toBeLessThan(end.sum_sent.bytes + 1);
  });
}

interface IIperfReport {
  readonly end: { readonly sum_sent: { readonly bytes: number }; readonly sum_received: { readonly bytes: number } };
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

export default tap.start();
