// Client certificates are a duty of a route, and a session of one route is worth nothing at another.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import type { IResolvedTls } from '../../../ts/config/resolved.js';
import { makeCertificate } from '../../helpers/certificates.js';
import { needs } from '../../helpers/debian.js';
import { makeFolder } from '../../helpers/make-folder.js';
import { makeTls, startTerminator } from '../../helpers/make-tls.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

const run = promisify(execFile);
const own = await makeCertificate({ names: ['a.test', 'b.test', 'open.test'] });
const friend = await makeCertificate({ names: ['friend'], authority: 'friends' });
const stranger = await makeCertificate({ names: ['friend'], authority: 'strangers' });

const required = makeTls({ certificate: own, clientAuth: { required: true, ca: [friend.ca] } });
const optional = makeTls({ certificate: own, clientAuth: { required: false, ca: [friend.ca] } });
const open = makeTls({ certificate: own });

interface IVisit {
  /** What the server answered to one byte; '' if it refused. */
  readonly answer: string;
  readonly reused: boolean;
  readonly session: Buffer | null;
}

/** One visit: handshake, a byte, its echo, the end. Refusals of TLS 1.3 come after the client's own handshake is done. */
function visit(port: number, options: tls.ConnectionOptions): Promise<IVisit> {
  return new Promise((resolve) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    let session: Buffer | null = null;
    let answer = '';
    let reused = false;
    socket.on('session', (fresh) => {
      session = fresh;
    });
    socket.on('secureConnect', () => {
      reused = socket.isSessionReused();
      socket.write('x');
    });
    socket.on('data', (chunk) => {
      answer += chunk;
      socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ answer, reused, session }));
  });
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const limits = { minVersion: version, maxVersion: version } as const;
  const rows: readonly (readonly [string, IResolvedTls, tls.ConnectionOptions, boolean])[] = [
    ['a valid certificate where one is required', required, friend, true],
    ['a certificate of strangers where one is required', required, stranger, false],
    ['no certificate where one is required', required, {}, false],
    ['a valid certificate where one may be shown', optional, friend, true],
    ['a certificate of strangers where one may be shown', optional, stranger, false],
    ['no certificate where one may be shown', optional, {}, true],
    ['a certificate of strangers where nobody asks', open, stranger, true],
  ];
  for (const [what, settings, identity, served] of rows) {
    tap.test(`${version}: ${what} is ${served ? 'served' : 'refused'}`, async () => {
      await using world = await startTerminator({ tls: { 'a.test': settings } });
      const { cert, key } = identity;
      const { answer } = await visit(world.port, { servername: 'a.test', ...(cert ? { cert, key } : {}), ...limits });
      expect(answer).toEqual(served ? 'x' : '');
      expect(await world.ends()).toEqual([served ? 'client_closed' : 'tls_error']);
    });
  }

  tap.test(`${version}: a refused stranger's session does not let it in later`, async () => {
    for (const settings of [required, optional]) {
      await using world = await startTerminator({ tls: { 'a.test': settings } });
      const { cert, key } = stranger;
      const first = await visit(world.port, { servername: 'a.test', cert, key, ...limits });
      const session = first.session === null ? {} : { session: first.session };
      const second = await visit(world.port, { servername: 'a.test', cert, key, ...session, ...limits });
      expect([first.answer, second.answer]).toEqual(['', '']);
      expect(await world.ends(2)).toEqual(['tls_error', 'tls_error']);
    }
  });

  tap.test(`${version}: a session is resumed where it was made, client certificate included`, async () => {
    await using world = await startTerminator({ tls: { 'a.test': required } });
    const { cert, key } = friend;
    const first = await visit(world.port, { servername: 'a.test', cert, key, ...limits });
    if (first.session === null) throw new Error('no session');
    const second = await visit(world.port, { servername: 'a.test', session: first.session, cert, key, ...limits });
    expect([first.reused, second.reused, second.answer]).toEqual([false, true, 'x']);
    await world.ends(2);
  });

  tap.test(
    `${version}: a session of an open route is no entry to one with client certificates (pitfall 28)`,
    async () => {
      await using world = await startTerminator({ tls: { 'open.test': open, 'a.test': required } });
      const first = await visit(world.port, { servername: 'open.test', ...limits });
      if (first.session === null) throw new Error('no session');
      // The same name: the client is as sure as it can be that the session belongs there.
      for (const servername of ['a.test', 'open.test']) {
        const { session } = first;
        const { answer, reused } = await visit(world.port, { servername, session, ...limits });
        expect([servername, reused, answer]).toEqual(
          servername === 'a.test' ? ['a.test', false, ''] : ['open.test', true, 'x'],
        );
      }
      await world.ends(3);
    },
  );

  tap.test(`${version}: a session time-out of 0 resumes nothing`, async () => {
    const never = makeTls({ certificate: own, sessionTimeoutSeconds: 0 });
    await using world = await startTerminator({ tls: { 'a.test': never } });
    const first = await visit(world.port, { servername: 'a.test', ...limits });
    const session = first.session === null ? {} : { session: first.session };
    const second = await visit(world.port, { servername: 'a.test', ...session, ...limits });
    expect([second.reused, second.answer]).toEqual([false, 'x']);
    await world.ends(2);
  });
}

needs('openssl')('openssl: tickets stay with the route that gave them, client by client (pitfall 28)', async () => {
  await using folder = await makeFolder();
  await using world = await startTerminator({
    tls: { 'a.test': open, 'b.test': makeTls({ certificate: own, alpn: [] }) },
  });
  for (const version of ['-tls1_2', '-tls1_3']) {
    const file = join(folder.path, `session${version}.pem`);
    // In TLS 1.3 tickets come after the handshake: what is to be kept must have come before the client leaves.
    const untilKept = `until [ -s ${file} ] || [ $((i+=1)) -gt 200 ]; do sleep 0.05; done`;
    const reused = async (name: string, ...more: string[]): Promise<boolean> => {
      const script = `{ i=0; printf x; ${more[0] === '-sess_out' ? untilKept : 'sleep 0.3'}; } | openssl s_client -connect 127.0.0.1:${world.port} -servername ${name} ${version} ${more.join(' ')}`;
      const { stdout } = await run('sh', ['-c', `${script} 2>&1`]);
      return /^Reused, TLS/m.test(stdout);
    };
    expect(await reused('a.test', '-sess_out', file)).toEqual(false);
    expect(await readFile(file, 'utf8')).toMatch(/SSL SESSION/);
    expect(await reused('b.test', '-sess_in', file)).toEqual(false);
    expect(await reused('a.test', '-sess_in', file)).toEqual(true);
  }
  await world.ends(6);
});

needs('openssl')('openssl: a client cannot renegotiate, nor compress (pitfall 30)', async () => {
  await using world = await startTerminator({ tls: { 'a.test': open } });
  const to = ['-connect', `127.0.0.1:${world.port}`, '-servername', 'a.test', '-tls1_2'];
  const client = spawn('openssl', ['s_client', ...to], { stdio: 'pipe' });
  const gone = once(client, 'close');
  let stdout = '';
  for (const stream of [client.stdout, client.stderr]) {
    stream.on('data', (chunk) => {
      stdout += chunk;
    });
  }
  client.stdin.on('error', () => {});
  // At the beginning of what is read in one, R is a command.
  client.stdin.write('echoed\n');
  await until(
    () => stdout.includes('\nechoed\n'),
    5_000,
    () => `the echo in ${stdout}`,
  );
  client.stdin.write('R\n');
  await until(
    () => stdout.includes('no renegotiation') || client.exitCode !== null,
    5_000,
    () => `an answer to the wish in ${stdout}`,
  );
  client.stdin.end();
  await gone;
  expect(stdout).toMatch(/RENEGOTIATING/);
  expect(stdout).toMatch(/no renegotiation/);
  expect(stdout).toMatch(/Compression: NONE/);
  await world.ends();
});

export default tap.start();
