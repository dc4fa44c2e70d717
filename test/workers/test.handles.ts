// Ports that are bound and not accepted from, connections that pass through unread.

import { once } from 'node:events';
import net from 'node:net';
import { bindPort, socketOf, takeHandle } from '../../ts/workers/handles.js';
import { connectTcp } from '../helpers/clients.js';
import { expect, tap } from '../helpers/tapbundle.js';

const codeOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
  return 'nothing';
};

tap.test('a bound port is listened on by whoever gets it', async () => {
  const { handle, port } = bindPort('127.0.0.1', 0);
  const server = net.createServer((socket) => socket.end('hello'));
  server.listen(handle);
  await once(server, 'listening');
  expect((server.address() as net.AddressInfo).port).toEqual(port);
  await using client = await connectTcp(port);
  expect(String(await client.end)).toEqual('hello');
  server.close();
  await once(server, 'close');
});

tap.test('a port that is taken, or an address that is not ours, is told by its code', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  expect(codeOf(() => bindPort('127.0.0.1', port))).toEqual('EADDRINUSE');
  expect(codeOf(() => bindPort('192.0.2.1', 0))).toEqual('EADDRNOTAVAIL');
  server.close();
  await once(server, 'close');
});

tap.test('a connection that is taken out of its socket loses nothing, and its socket is closed', async () => {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrived = once(server, 'connection');
  await using client = await connectTcp((server.address() as net.AddressInfo).port);
  client.send('ping');
  const [socket] = (await arrived) as [net.Socket];
  const closed = once(socket, 'close');
  const handle = takeHandle(socket);
  if (handle === null) throw new Error('there is no handle');
  await closed;
  expect(takeHandle(socket)).toBe(null);
  const again = socketOf(handle);
  const [bytes] = (await once(again, 'data')) as [Buffer];
  expect(String(bytes)).toEqual('ping');
  again.end('pong');
  expect(String(await client.end)).toEqual('pong');
  again.destroy();
  server.close();
});

export default tap.start();
