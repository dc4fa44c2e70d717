// The ready-made socket handlers, on real connections.

import { SocketHandlers, type TSocketHandler } from '../../../ts/index.js';
import { connectTcp } from '../../helpers/clients.js';
import { closedPort, startEcho, startOrigin } from '../../helpers/origins.js';
import { startProxy } from '../../helpers/start-proxy.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

const start = (socketHandler: TSocketHandler) =>
  startProxy({ routes: [{ match: { ports: 0 }, action: { type: 'socket-handler', socketHandler } }] });

tap.test('echo sends back what comes and ends with the client', async () => {
  await using world = await start(SocketHandlers.echo());
  await using client = await connectTcp(world.port);
  client.socket.end('there and back');
  expect((await client.end).toString()).toEqual('there and back');
});

tap.test('proxy forwards to its address', async () => {
  await using echo = await startEcho();
  await using world = await start(SocketHandlers.proxy('127.0.0.1', echo.port));
  await using client = await connectTcp(world.port);
  client.socket.end('by hand');
  expect((await client.end).toString()).toEqual('by hand');
});

tap.test('proxy closes the client when its address refuses', async () => {
  await using world = await start(SocketHandlers.proxy('127.0.0.1', await closedPort()));
  await using client = await connectTcp(world.port);
  await client.closed;
  expect(await world.ends()).toEqual(['normal']);
});

tap.test('proxy lets a reset of the client look like one to its address', async () => {
  const seen: string[] = [];
  await using origin = await startOrigin((socket) => {
    socket.write('go on');
    socket.resume();
    socket.on('end', () => seen.push('end'));
    socket.on('error', () => seen.push('error'));
  });
  await using world = await start(SocketHandlers.proxy('127.0.0.1', origin.port));
  await using client = await connectTcp(world.port);
  client.send('the first half');
  await client.receive(5);
  client.socket.resetAndDestroy();
  expect(await world.ends()).toEqual(['client_error']);
  await until(
    () => origin.open === 0 || seen.length > 0,
    2_000,
    () => 'an end at the origin',
  );
  expect(seen).toEqual(['error']);
});

tap.test('lineProtocol gives line after line, however they are cut', async () => {
  await using world = await start(
    SocketHandlers.lineProtocol(async (line, socket) => {
      socket.write(`<${line}>`);
    }),
  );
  await using client = await connectTcp(world.port);
  client.send('one\r\ntw');
  await client.receive(5);
  client.send('o\n\nthree');
  client.send('\n');
  expect(await client.receive(19)).toEqual('<one><two><><three>');
  client.socket.end();
});

tap.test('lineProtocol ends a connection whose line never ends', async () => {
  await using world = await start(SocketHandlers.lineProtocol(() => {}));
  await using client = await connectTcp(world.port);
  client.send('x'.repeat(200_000));
  await client.closed;
  expect(await world.ends()).toEqual(['handler_error']);
});

tap.test('block says its message and closes, also while the client is sending', async () => {
  await using world = await start(SocketHandlers.block('not here\n'));
  await using client = await connectTcp(world.port);
  client.send('x'.repeat(100_000));
  expect((await client.end).toString()).toEqual('not here\n');
});

export default tap.start();
