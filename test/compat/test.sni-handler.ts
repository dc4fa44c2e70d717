// The name in a ClientHello: of recorded ones of real clients, whole and in pieces.

import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { SniHandler } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeClientHello, sniOf } from '../helpers/make-client-hello.js';
import { expect, tap } from '../helpers/tapbundle.js';

const { cert, key } = await makeCertificate({ names: ['a.test'] });
const hello = makeClientHello({ extensions: [sniOf('A.test')] });
const from = { sourceIp: '10.0.0.1', sourcePort: 1, destIp: '10.0.0.2', destPort: 443 };

/** What a client of Node's begins with. */
async function recordHello(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tls.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

tap.test('the name is found in its normal form, and only where there is one', async () => {
  expect(SniHandler.extractSNI(hello)).toEqual('a.test');
  expect(SniHandler.extractSNI(await recordHello({ servername: 'shop.test' }))).toEqual('shop.test');
  expect(SniHandler.extractSNI(await recordHello({}))).toEqual(undefined);
  for (const other of ['', 'GET / HTTP/1.1\r\n', '\x16\x03\x01']) {
    expect(SniHandler.extractSNI(Buffer.from(other, 'latin1'))).toEqual(undefined);
  }
  for (let cut = 0; cut < hello.length; cut++) {
    expect(SniHandler.extractSNI(hello.subarray(0, cut))).toEqual(undefined);
  }
});

tap.test('the first byte tells a handshake, six a ClientHello', () => {
  expect([1, 5, 6].map((bytes) => SniHandler.isTlsHandshake(hello.subarray(0, bytes)))).toEqual([true, true, true]);
  expect([1, 5, 6].map((bytes) => SniHandler.isClientHello(hello.subarray(0, bytes)))).toEqual([false, false, true]);
  expect([SniHandler.isTlsHandshake(Buffer.alloc(0)), SniHandler.isClientHello(Buffer.from('GET /'))]).toEqual([
    false,
    false,
  ]);
});

tap.test('pieces are put together, of each connection its own', () => {
  const other = { ...from, sourcePort: 2 };
  const cut = 20;
  expect(SniHandler.processTlsPacket(hello.subarray(0, cut), from)).toEqual(undefined);
  expect(SniHandler.processTlsPacket(hello, other)).toEqual('a.test');
  expect(SniHandler.processTlsPacket(hello.subarray(cut), from)).toEqual('a.test');
  expect(SniHandler.processTlsPacket(hello.subarray(cut), from)).toEqual(undefined);
  expect(SniHandler.processTlsPacket(Buffer.from('no TLS'), from, 'known.test')).toEqual('known.test');
});

tap.test('a hello that comes byte by byte is put together', () => {
  for (const byte of hello.subarray(0, -1)) {
    expect(SniHandler.processTlsPacket(Buffer.of(byte), from)).toEqual(undefined);
  }
  expect(SniHandler.processTlsPacket(hello.subarray(-1), from)).toEqual('a.test');
});

tap.test('whoever never finishes is forgotten when others come, and when the connection is over', () => {
  expect(SniHandler.handleFragmentedClientHello(hello.subarray(0, 9), 'slow')).toEqual(undefined);
  for (let count = 0; count < 300; count++) SniHandler.handleFragmentedClientHello(hello.subarray(0, 9), `${count}`);
  expect(SniHandler.handleFragmentedClientHello(hello.subarray(9), 'slow')).toEqual(undefined);
  expect(SniHandler.handleFragmentedClientHello(hello.subarray(9), '299')).toEqual(hello);
  SniHandler.forget('298');
  expect(SniHandler.handleFragmentedClientHello(hello.subarray(9), '298')).toEqual(undefined);
  for (let count = 0; count < 300; count++) SniHandler.forget(`${count}`);
  const endless = Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0, 1, 1, 0, 0]), Buffer.alloc(100_000)]);
  expect(SniHandler.handleFragmentedClientHello(endless, 'endless')).toEqual(undefined);
});

tap.test('a client that comes back says so', async () => {
  expect(SniHandler.hasSessionResumption(hello)).toEqual({ isResumption: false, hasSNI: true });
  const server = tls.createServer({ cert, key }, (socket) => void socket.end('x')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', servername: 'a.test', rejectUnauthorized: false });
  client.resume();
  const [session] = (await once(client, 'session')) as [Buffer];
  client.destroy();
  server.close();
  const again = await recordHello({ servername: 'a.test', session });
  expect(SniHandler.hasSessionResumption(again)).toEqual({ isResumption: true, hasSNI: true });
});

export default tap.start();
