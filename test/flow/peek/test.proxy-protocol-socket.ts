// A socket together with the client that a trusted proxy says is behind it.

import { Socket } from 'node:net';
import { ProxyProtocolSocket } from '../../../ts/flow/peek/proxy-protocol-socket.js';
import { connectTcp } from '../../helpers/clients.js';
import { startEcho } from '../../helpers/origins.js';
import { expect, tap } from '../../helpers/tapbundle.js';

tap.test('what the proxy states comes before what the socket says', async () => {
  await using echo = await startEcho();
  await using client = await connectTcp(echo.port);
  const stated = new ProxyProtocolSocket(client.socket, '203.0.113.7', 4711);
  expect(stated.remoteAddress).toEqual('203.0.113.7');
  expect(stated.remotePort).toEqual(4711);
});

tap.test('without a statement the socket is asked', async () => {
  await using echo = await startEcho();
  await using client = await connectTcp(echo.port);
  const plain = new ProxyProtocolSocket(client.socket);
  expect(plain.remoteAddress).toEqual('127.0.0.1');
  expect(plain.remotePort).toEqual(echo.port);
  expect(plain.realClientIP).toBeUndefined();
});

tap.test('a socket that knows nothing gives an empty address and port 0', async () => {
  const unopened = new ProxyProtocolSocket(new Socket());
  expect(unopened.remoteAddress).toEqual('');
  expect(unopened.remotePort).toEqual(0);
});

export default tap.start();
