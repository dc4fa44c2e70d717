// The face of a connection for code that thinks in sockets.

import type { Socket } from 'node:net';
import { ConfigError, ProxyError } from '../../../ts/base/errors.js';
import { WrappedSocket } from '../../../ts/flow/peek/wrapped-socket.js';
import { connectTcp, type IClient } from '../../helpers/clients.js';
import { makeConnection } from '../../helpers/make-connection.js';
import { type IOrigin, startOrigin } from '../../helpers/origins.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

const header = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n';

/** Both ends of a connection; `near` is the one that was accepted and is not read by anybody. */
interface IPair extends AsyncDisposable {
  readonly near: Socket;
  readonly far: IClient;
}

async function makePair(): Promise<IPair> {
  const origin: IOrigin = await startOrigin(() => {});
  const far = await connectTcp(origin.port);
  await until(
    () => origin.sockets.length > 0,
    2_000,
    () => 'the connection is accepted',
  );
  return {
    near: origin.sockets[0] as Socket,
    far,
    async [Symbol.asyncDispose]() {
      await far[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

tap.test('a trusted peer states the client; the bytes behind its header stay to be read', async () => {
  await using pair = await makePair();
  const wrapped = new WrappedSocket(pair.near);
  pair.far.send(`${header}and more`);
  expect(await wrapped.parseProxyProtocol(['10.0.0.1', '127.0.0.0/8'])).toBeTrue();
  expect(wrapped.isFromTrustedProxy).toBeTrue();
  expect([wrapped.remoteAddress, wrapped.remotePort]).toEqual(['203.0.113.7', 4711]);
  expect([wrapped.realClientIP, wrapped.realClientPort]).toEqual(['203.0.113.7', 4711]);
  expect([wrapped.proxyIP, wrapped.proxyPort]).toEqual(['127.0.0.1', pair.far.socket.localPort]);
  const { realClientIP, realClientPort, proxyIP, isTLS } = wrapped.metadata;
  expect([realClientIP, realClientPort, proxyIP, isTLS]).toEqual(['203.0.113.7', 4711, '127.0.0.1', false]);
  const rest = await new Promise((resolve) => wrapped.on('data', (data: Buffer) => resolve(data.toString())));
  expect(rest).toEqual('and more');
});

tap.test('of a peer that is not trusted nothing is read and nothing believed', async () => {
  await using pair = await makePair();
  const wrapped = new WrappedSocket(pair.near);
  pair.far.send(header);
  expect(await wrapped.parseProxyProtocol(['10.0.0.1'])).toBeFalse();
  expect(wrapped.isFromTrustedProxy).toBeFalse();
  expect(wrapped.remoteAddress).toEqual('127.0.0.1');
  const data = await new Promise((resolve) => wrapped.on('data', (chunk: Buffer) => resolve(chunk.toString())));
  expect(data).toEqual(header);
});

tap.test('what is no header, no whole header or no list is refused by name', async () => {
  const cases: readonly (readonly [string, boolean, string])[] = [
    ['GET / HTTP/1.1\r\n', false, 'PROXY_HEADER_INVALID'],
    ['PROXY TCP4 nonsense\r\n', false, 'PROXY_HEADER_INVALID'],
    ['PROXY TCP4 203.0', true, 'CLIENT_LEFT'],
    ['', true, 'CLIENT_LEFT'],
  ];
  for (const [bytes, leaves, code] of cases) {
    await using pair = await makePair();
    pair.far.send(bytes);
    if (leaves) pair.far.socket.end();
    const error = await new WrappedSocket(pair.near).parseProxyProtocol(['127.0.0.1']).catch((cause) => cause);
    expect(error instanceof ProxyError).toBeTrue();
    expect(error.code).toEqual(code);
    expect(pair.near.listenerCount('readable')).toEqual(0);
  }
  await using pair = await makePair();
  const error = await new WrappedSocket(pair.near).parseProxyProtocol(['127.0.0.1', 'nobody']).catch((cause) => cause);
  expect(error instanceof ConfigError).toBeTrue();
  expect(error.faults[0].path).toEqual('trusted[1]');
});

tap.test('a socket that is destroyed while its header is awaited rejects the waiting', async () => {
  await using pair = await makePair();
  const wrapped = new WrappedSocket(pair.near);
  const parsed = wrapped.parseProxyProtocol(['127.0.0.1']).catch((cause) => cause);
  wrapped.destroy();
  expect((await parsed).code).toEqual('CLIENT_LEFT');
});

tap.test('writing counts bytes, not characters', async () => {
  await using pair = await makePair();
  const wrapped = new WrappedSocket(pair.near);
  wrapped.write('grün');
  wrapped.write(Buffer.alloc(7));
  expect(wrapped.bytesSent).toEqual(12);
  await pair.far.receive(12);
  pair.far.send('four');
  await new Promise((resolve) => wrapped.on('data', resolve));
  expect(wrapped.bytesReceived).toEqual(4);
  expect([wrapped.connectionId, wrapped.lastActivity, wrapped.isTLS]).toEqual([null, 0, false]);
});

tap.test('with a record every fact is that of the record', async () => {
  await using pair = await makePair();
  const record = makeConnection({ incoming: pair.near });
  const wrapped = new WrappedSocket(pair.near, record);
  pair.far.send(header);
  expect(await wrapped.parseProxyProtocol(['127.0.0.1'])).toBeTrue();
  expect([record.clientIp, record.clientPort]).toEqual(['203.0.113.7', 4711]);
  expect([record.serverIp, record.serverPort]).toEqual(['198.51.100.1', 443]);
  expect(record.proxyIp).toEqual('127.0.0.1');
  wrapped.write('four');
  record.isTLS = true;
  record.bytesReceived = 3;
  expect([record.bytesSent, wrapped.bytesSent, wrapped.bytesReceived]).toEqual([4, 4, 3]);
  expect([wrapped.connectionId, wrapped.isTLS, wrapped.lastActivity]).toEqual([record.id, true, record.lastActivityMs]);
});

export default tap.start();
