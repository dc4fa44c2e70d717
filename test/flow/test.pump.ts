// Bulk transfers read into one buffer and still lose, repeat and mix nothing.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { pump } from '../../ts/flow/pump.js';
import { readInto } from '../../ts/flow/read-into.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp, connectTls } from '../helpers/clients.js';
import { startOrigin } from '../helpers/origins.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const piece = randomBytes(1_000_003);
const pieces = 40;
const digest = createHash('sha256');
for (let count = 0; count < pieces; count++) digest.update(piece);
const expected = digest.digest('hex');

/** Offers all pieces at once, then the FIN. */
function sendAll(socket: Socket): void {
  for (let count = 0; count < pieces; count++) socket.write(piece);
  socket.end();
}

/** The digest of what comes, read in pauses of `pauseMs` after every `perPause` bytes. */
function digestOf(socket: Socket, pauseMs: number, perPause: number): Promise<string> {
  const hash = createHash('sha256');
  let taken = 0;
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk) => {
      hash.update(chunk);
      taken += chunk.length;
      if (pauseMs === 0 || taken < perPause) return;
      taken = 0;
      socket.pause();
      setTimeout(() => socket.resume(), pauseMs);
    });
    socket.on('end', () => resolve(hash.digest('hex')));
    socket.on('error', reject);
  });
}

for (const [how, pauseMs] of [
  ['fast', 0],
  ['slow', 5],
] as const) {
  tap.test(`forty megabytes each way arrive whole at a ${how} reader`, async () => {
    let upload: Promise<string> = Promise.resolve('');
    await using origin = await startOrigin((socket) => {
      upload = digestOf(socket, pauseMs, 700_000);
      sendAll(socket);
    });
    await using world = await startProxy({ routes: [makeForwardRoute(origin.port)], settleMs: 10_000 });
    await using client = await connectTcp(world.port, { allowHalfOpen: true });
    client.socket.removeAllListeners('data');
    const download = digestOf(client.socket, pauseMs, 500_000);
    sendAll(client.socket);
    expect(await download).toEqual(expected);
    expect(await upload).toEqual(expected);
    await world.ends();
    const { bytesReceived, bytesSent } = world.ended[0]?.connection ?? {};
    expect([bytesReceived, bytesSent]).toEqual([piece.length * pieces, piece.length * pieces]);
  });
}

tap.test('eight bulk transfers at a time do not mix', async () => {
  await using echo = await startOrigin((socket) => socket.pipe(socket));
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port)], settleMs: 10_000 });
  await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const own = Buffer.alloc(8_000_000, `client ${index} `);
      await using client = await connectTcp(world.port, { allowHalfOpen: true });
      client.socket.end(own);
      expect((await client.end).equals(own)).toBeTrue();
    }),
  );
});

tap.test('this Node lets an accepted socket and a dialed one read into memory of ours', async () => {
  const seen: string[] = [];
  const readers: Socket[] = [];
  await using origin = await startOrigin((socket) => {
    readers.push(socket);
    expect(readInto(socket, Buffer.alloc(4), (chunk) => void seen.push(chunk.toString()))).toBeTrue();
    socket.resume();
  });
  await using client = await connectTcp(origin.port, { allowHalfOpen: true });
  client.socket.end('123456789');
  await new Promise((resolve) => readers[0]?.on('end', resolve));
  expect(seen.join('')).toEqual('123456789');
  expect(seen.length > 2).toBeTrue();
});

tap.test('a socket that already reads into memory, or has no handle, is left alone', async () => {
  await using origin = await startOrigin((socket) => socket.resume());
  await using client = await connectTcp(origin.port);
  expect(readInto(client.socket, Buffer.alloc(4), () => {})).toBeTrue();
  expect(readInto(client.socket, Buffer.alloc(4), () => {})).toBeFalse();
  client.socket.destroy();
  await client.closed;
  expect(readInto(client.socket, Buffer.alloc(4), () => {})).toBeFalse();
});

tap.test('who else listens to a socket keeps hearing all of it, and may keep what it hears', async () => {
  await using sink = await startOrigin((socket) => socket.resume());
  await using source = await startOrigin((socket) => void socket.once('data', () => sendAll(socket)));
  await using from = await connectTcp(source.port);
  await using to = await connectTcp(sink.port);
  pump(from.socket, to.socket, (chunk) => chunk);
  from.socket.write('go');
  const heard = await from.end;
  expect(createHash('sha256').update(heard).digest('hex')).toEqual(expected);
});

tap.test('a slow reader gets a TLS stream whole: its decrypted records come on after a pause', async () => {
  const server = tls.createServer(await makeCertificate({ names: ['a.test'] }), sendAll).listen(0, '127.0.0.1');
  await once(server, 'listening');
  let slow: Promise<string> = Promise.resolve('');
  await using sink = await startOrigin((socket) => {
    slow = digestOf(socket, 5, 700_000);
  });
  await using from = await connectTls((server.address() as AddressInfo).port);
  from.socket.removeAllListeners('data');
  await using to = await connectTcp(sink.port);
  pump(from.socket, to.socket, (chunk) => chunk);
  from.socket.on('end', () => to.socket.end());
  await new Promise((resolve) => from.socket.on('end', resolve));
  expect(await slow).toEqual(expected);
  await new Promise((resolve) => server.close(resolve));
});

tap.test('a reader that is gone does not stop its sender from being read to the end', async () => {
  await using target = await startOrigin((socket) => void socket.once('data', () => socket.resetAndDestroy()));
  await using source = await startOrigin((socket) => void socket.once('data', () => sendAll(socket)));
  await using from = await connectTcp(source.port);
  await using to = await connectTcp(target.port);
  from.socket.removeAllListeners('data');
  let passed = 0;
  pump(from.socket, to.socket, (chunk) => {
    passed += chunk.length;
    return chunk;
  });
  to.socket.on('close', () => from.socket.resume());
  from.socket.write('go');
  await new Promise((resolve) => from.socket.on('end', resolve));
  expect(passed).toEqual(piece.length * pieces);
});

tap.test('other bytes go on in place of a chunk, in bulk too, and none where nothing is given', async () => {
  let told: Promise<string> = Promise.resolve('');
  await using sink = await startOrigin((socket) => {
    told = text(socket);
  });
  await using source = await startOrigin((socket) => void socket.once('data', () => sendAll(socket)));
  await using from = await connectTcp(source.port);
  from.socket.removeAllListeners('data');
  await using to = await connectTcp(sink.port);
  let heard = 0;
  pump(from.socket, to.socket, (chunk) => {
    heard += chunk.length;
    return heard === piece.length * pieces ? Buffer.from('all') : Buffer.alloc(0);
  });
  from.socket.on('end', () => to.socket.end());
  from.socket.write('go');
  await new Promise((resolve) => from.socket.on('end', resolve));
  expect(await told).toEqual('all');
  expect(heard).toEqual(piece.length * pieces);
});

export default tap.start();
