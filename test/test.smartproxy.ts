// The proxy as its users first meet it: forwarding, SNI, concurrency, chaining, time-outs.

import { SmartProxy } from '../ts/index.js';
import { makeCertificate } from './helpers/certificates.js';
import { connectTcp, connectTls } from './helpers/clients.js';
import { closedPort, startEcho, startOrigin, startTlsOrigin } from './helpers/origins.js';
import { makeForwardRoute, startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';
import { until } from './helpers/until.js';

tap.test('forwards TCP both ways and says how it ended', async () => {
  await using echo = await startEcho();
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port)] });
  await using client = await connectTcp(world.port);
  client.send('hello');
  expect(await client.receive(5)).toEqual('hello');
  const [live] = world.proxy.getConnections();
  expect(live?.target).toEqual({ host: '127.0.0.1', port: echo.port });
  expect(live?.phase).toEqual('transfer');
  client.socket.end();
  await client.end;
  expect(await world.ends()).toEqual(['client_closed']);
  expect(world.ended[0]?.connection.bytesReceived).toEqual(5);
  expect(world.ended[0]?.connection.bytesSent).toEqual(5);
});

tap.test('passes TLS through to the origin that the SNI names', async () => {
  const [a, b] = await Promise.all([makeCertificate({ names: ['a.test'] }), makeCertificate({ names: ['b.test'] })]);
  await using originA = await startTlsOrigin(a, 'I am A');
  await using originB = await startTlsOrigin(b, 'I am B');
  const passthrough = { mode: 'passthrough' } as const;
  await using world = await startProxy({
    routes: [
      {
        name: 'a',
        match: { ports: 0, domains: 'a.test' },
        action: { type: 'forward', target: { host: '127.0.0.1', port: originA.port }, tls: passthrough },
      },
      {
        name: 'b',
        match: { ports: 0, domains: '*.b.test' },
        action: { type: 'forward', target: { host: '127.0.0.1', port: originB.port }, tls: passthrough },
      },
    ],
  });
  await using toA = await connectTls(world.port, {
    servername: 'A.test',
    ca: a.ca,
    checkServerIdentity: () => undefined,
  });
  await using toB = await connectTls(world.port, { servername: 'x.y.b.test' });
  expect(await toA.receive(7)).toEqual('I am A\n');
  expect(await toB.receive(7)).toEqual('I am B\n');
  const names = world.proxy.getConnections().map(({ sni }) => sni);
  expect(names).toEqual(['a.test', 'x.y.b.test']);
  let refused: unknown;
  await connectTls(world.port, { servername: 'c.test' }).catch((error) => {
    refused = error;
  });
  expect(refused instanceof Error).toBeTrue();
  expect(await world.ends()).toEqual(['no_route']);
});

tap.test('serves many connections at a time without mixing them', async () => {
  await using echo = await startEcho();
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port)] });
  const clients = await Promise.all(Array.from({ length: 200 }, () => connectTcp(world.port)));
  await Promise.all(
    clients.map(async (client, index) => {
      const message = `client ${index} `.repeat(500);
      client.send(message);
      expect((await client.receive(message.length)) === message).toBeTrue();
      client.socket.end();
      await client.end;
    }),
  );
  expect((await world.ends(200)).every((end) => end === 'client_closed')).toBeTrue();
});

tap.test('one proxy in front of another forwards through both', async () => {
  await using echo = await startEcho();
  await using inner = await startProxy({ routes: [makeForwardRoute(echo.port)] });
  await using outer = await startProxy({ routes: [makeForwardRoute(inner.port)] });
  await using client = await connectTcp(outer.port);
  client.send('through both');
  expect(await client.receive(12)).toEqual('through both');
  client.socket.end();
  await client.end;
  expect(await outer.ends()).toEqual(['client_closed']);
  expect(await inner.ends()).toEqual(['client_closed']);
});

tap.test('a target that speaks first is heard before the client has sent a byte', async () => {
  await using origin = await startOrigin((socket) => socket.end('220 ready\r\n'));
  await using world = await startProxy({ routes: [makeForwardRoute(origin.port)] });
  await using client = await connectTcp(world.port);
  expect((await client.end).toString()).toEqual('220 ready\r\n');
  expect(await world.ends()).toEqual(['target_closed']);
});

tap.test('each time limit ends its connection with its own word', async () => {
  await using silent = await startOrigin(() => {});
  const short = { inactivityTimeout: 60, initialDataTimeout: 60, halfOpenTimeout: 60, maxConnectionLifetime: 0 };
  await using world = await startProxy({ routes: [makeForwardRoute(silent.port)], ...short });
  await using idle = await connectTcp(world.port);
  expect(await world.ends()).toEqual(['inactivity_timeout']);
  await idle.end;

  await using peeking = await startProxy({
    ...short,
    routes: [makeForwardRoute(silent.port, { match: { ports: 0, domains: 'a.test' } })],
  });
  await using mute = await connectTcp(peeking.port);
  expect(await peeking.ends()).toEqual(['initial_data_timeout']);
  await mute.end;

  await using half = await startProxy({ ...short, inactivityTimeout: 0, routes: [makeForwardRoute(silent.port)] });
  await using halfClosed = await connectTcp(half.port);
  halfClosed.socket.end('question');
  expect(await half.ends()).toEqual(['half_open_timeout']);

  await using aged = await startProxy({ maxConnectionLifetime: 80, routes: [makeForwardRoute(silent.port)] });
  await using old = await connectTcp(aged.port);
  expect(await aged.ends()).toEqual(['max_lifetime']);
  await old.end;
});

tap.test('extended and immortal connections outlive the inactivity limit', async () => {
  await using silent = await startOrigin(() => {});
  await using world = await startProxy({
    inactivityTimeout: 60,
    routes: [
      makeForwardRoute(silent.port, { timeouts: { keepAliveTreatment: 'extended', keepAliveInactivityMultiplier: 3 } }),
    ],
  });
  await using _client = await connectTcp(world.port);
  expect(await world.ends()).toEqual(['inactivity_timeout']);
  const { connection } = world.ended[0] ?? {};
  expect(Date.now() - (connection?.since ?? 0) >= 175).toBeTrue();
});

tap.test('a refused dial tries the next target and keeps the client unaware', async () => {
  await using echo = await startEcho();
  const dead = await closedPort();
  await using world = await startProxy({
    routes: [
      {
        name: 'two',
        match: { ports: 0 },
        action: {
          type: 'forward',
          targets: [
            { host: '127.0.0.1', port: dead },
            { host: '127.0.0.1', port: echo.port },
          ],
        },
      },
    ],
  });
  for (let round = 0; round < 4; round++) {
    await using client = await connectTcp(world.port);
    client.send('x');
    expect(await client.receive(1)).toEqual('x');
    client.socket.end();
    await client.end;
  }
  expect(await world.ends(4)).toEqual(['client_closed', 'client_closed', 'client_closed', 'client_closed']);
});

tap.test('stop lets connections finish within the grace and leaves nothing', async () => {
  await using echo = await startEcho();
  const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: [makeForwardRoute(echo.port)] });
  await proxy.start();
  const [port = 0] = proxy.getListeningPorts();
  await using client = await connectTcp(port);
  client.send('a');
  await client.receive(1);
  const stopped = proxy.stop({ graceMs: 5_000 });
  let refused = false;
  await connectTcp(port).catch(() => {
    refused = true;
  });
  expect(refused).toBeTrue();
  client.send('b');
  expect(await client.receive(2)).toEqual('ab');
  client.socket.end();
  await stopped;
  expect(proxy.getConnections()).toEqual([]);
  expect(proxy.getMetrics().ends.client_closed).toEqual(1);
});

tap.test('stop cuts what is left after the grace', async () => {
  await using silent = await startOrigin(() => {});
  const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: [makeForwardRoute(silent.port)] });
  await proxy.start();
  await using client = await connectTcp(proxy.getListeningPorts()[0] ?? 0);
  await until(
    () => proxy.getConnections().length === 1,
    5_000,
    () => 'the connection is there',
  );
  await proxy.stop({ graceMs: 30 });
  await client.end;
  expect(proxy.getMetrics().ends.shutdown).toEqual(1);
});

export default tap.start();
