// TLS over a socket: what is below it, and how both are reset.

import net from 'node:net';
import tls from 'node:tls';
import { isSecure, layOver, rawOf, resetSocket } from '../../ts/flow/secure-socket.js';
import { makeCertificate } from '../helpers/certificates.js';
import { startTlsOrigin } from '../helpers/origins.js';
import { makeSocketPair } from '../helpers/socket-pair.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('a plain socket is its own raw one, and reset as it is', async () => {
  await using pair = await makeSocketPair();
  expect([isSecure(pair.near), rawOf(pair.near) === pair.near]).toEqual([false, true]);
  const broken = new Promise<NodeJS.ErrnoException>((resolve) => pair.far.once('error', resolve));
  resetSocket(pair.near);
  expect((await broken).code).toEqual('ECONNRESET');
  // Again, and on what is gone: nothing happens.
  resetSocket(pair.near);
});

tap.test('a reset of a TLS socket resets the raw one and ends both', async () => {
  await using origin = await startTlsOrigin(await makeCertificate({ names: ['a.test'] }), 'hello');
  const raw = net.connect({ port: origin.port, host: '127.0.0.1' });
  await new Promise((resolve) => raw.once('connect', resolve));
  const secure = tls.connect({ socket: raw, rejectUnauthorized: false });
  layOver(secure, raw);
  expect([isSecure(secure), rawOf(secure) === raw]).toEqual([true, true]);
  await new Promise((resolve) => secure.once('data', resolve));
  const broken = new Promise<NodeJS.ErrnoException>((resolve) => origin.sockets[0]?.once('error', resolve));
  const closed = Promise.all([raw, secure].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  resetSocket(secure);
  expect((await broken).code).toEqual('ECONNRESET');
  await closed;
});

tap.test('a reset within the callbacks of a handshake ends the connection, not the process', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startTlsOrigin(certificate, 'hello');
  for (const event of ['secureConnect', 'session']) {
    for (const bytes of [0, 3_000_000]) {
      const raw = net.connect({ port: origin.port, host: '127.0.0.1' });
      const secure = tls.connect({ socket: raw, rejectUnauthorized: false });
      secure.on('error', () => {}).on('data', () => {});
      layOver(secure, raw);
      const closed = new Promise((resolve) => secure.once('close', resolve));
      secure.once(event, () => {
        if (bytes > 0) secure.write(Buffer.alloc(bytes));
        resetSocket(secure);
      });
      await closed;
      expect([raw.destroyed, secure.destroyed]).toEqual([true, true]);
    }
  }
});

tap.test('a socket that is still connecting is not waited for', () => {
  const socket = net.connect({ port: 1, host: '127.0.0.1' });
  socket.on('error', () => {});
  resetSocket(socket);
  expect(socket.destroyed).toEqual(true);
});

export default tap.start();
