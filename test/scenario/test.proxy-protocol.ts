// The PROXY header: believed from those who are listed, read whole however it comes, written before everything else.

import { decodeProxyHeader, encodeProxyHeader } from '../../ts/codec/proxy-protocol.js';
import type { IRouteConfig } from '../../ts/index.js';
import { connectTcp, type IClient } from '../helpers/clients.js';
import { makeClientHello, sniOf } from '../helpers/make-client-hello.js';
import { startEcho, startOrigin } from '../helpers/origins.js';
import { type IStartedProxy, type IStartOptions, makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const source = { address: '203.0.113.7', port: 4711 };
const destination = { address: '198.51.100.1', port: 443 };
const v1 = Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n');
const v2 = encodeProxyHeader({ version: 2, source, destination, tlvs: { authority: 'a.test' }, checksum: true });
const headers = { 'version 1': v1, 'version 2': v2 };
const hello = makeClientHello({ extensions: [sniOf('a.test')] });

/** 127.0.0.2 is a trusted proxy; 127.0.0.1 is anybody. */
const fromProxy = { localAddress: '127.0.0.2' };
const trusting = { acceptProxyProtocol: true, proxyIPs: ['127.0.0.2'] };

const startTrusting = (routes: IRouteConfig[], more: IStartOptions = {}): Promise<IStartedProxy> =>
  startProxy({ ...trusting, ...more, routes });

/** The client as the first live connection shows it. */
function shownClient({ proxy }: IStartedProxy): string {
  const [live] = proxy.getConnections();
  return `${live?.clientIp} ${live?.clientPort} to ${live?.serverIp} ${live?.serverPort}`;
}

async function finish(client: IClient): Promise<void> {
  client.socket.end();
  await client.end;
}

for (const [name, header] of Object.entries(headers)) {
  tap.test(`a listed proxy's header of ${name} states the client, and what follows is the client's`, async () => {
    await using echo = await startEcho();
    await using world = await startTrusting([makeForwardRoute(echo.port)]);
    await using client = await connectTcp(world.port, fromProxy);
    client.send(Buffer.concat([header, Buffer.from('hello')]));
    expect(await client.receive(5)).toEqual('hello');
    expect(shownClient(world)).toEqual('203.0.113.7 4711 to 198.51.100.1 443');
    await finish(client);
    expect(await world.ends()).toEqual(['client_closed']);
    expect(client.received.toString()).toEqual('hello');
  });

  tap.test(`a header of ${name} may come byte by byte, and a ClientHello with it or behind it`, async () => {
    await using echo = await startEcho();
    const route = makeForwardRoute(echo.port, { match: { ports: 0, domains: 'a.test' } });
    await using world = await startTrusting([route]);
    await using whole = await connectTcp(world.port, fromProxy);
    whole.send(Buffer.concat([header, hello]));
    await whole.receive(hello.length);
    expect(whole.received).toEqual(hello);
    expect(world.proxy.getConnections()[0]?.sni).toEqual('a.test');
    await finish(whole);

    await using dribbling = await connectTcp(world.port, { ...fromProxy, noDelay: true });
    for (const byte of Buffer.concat([header, hello])) {
      dribbling.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await dribbling.receive(hello.length);
    expect(shownClient(world)).toEqual('203.0.113.7 4711 to 198.51.100.1 443');
    await finish(dribbling);
    expect(await world.ends(2)).toEqual(['client_closed', 'client_closed']);
  });

  tap.test(`from a peer that is not listed a header of ${name} is plain data`, async () => {
    await using echo = await startEcho();
    await using world = await startTrusting([makeForwardRoute(echo.port)]);
    await using client = await connectTcp(world.port);
    client.send(header);
    await client.receive(header.length);
    expect(client.received).toEqual(header);
    expect(world.proxy.getConnections()[0]?.clientIp).toEqual('127.0.0.1');
    await finish(client);
  });

  tap.test(`after a header of ${name} a second one is data`, async () => {
    await using echo = await startEcho();
    await using world = await startTrusting([makeForwardRoute(echo.port)]);
    await using client = await connectTcp(world.port, fromProxy);
    client.send(Buffer.concat([header, v1]));
    await client.receive(v1.length);
    expect(client.received).toEqual(v1);
    await finish(client);
  });

  tap.test(
    `a socket handler behind a header of ${name} sees what follows, in the same segment or a later one`,
    async () => {
      const handler: IRouteConfig = {
        match: { ports: 0 },
        action: {
          type: 'socket-handler',
          socketHandler: (socket, { clientIp }) => void socket.on('data', (data) => socket.end(`${clientIp} ${data}`)),
        },
      };
      await using world = await startTrusting([handler]);
      await using together = await connectTcp(world.port, fromProxy);
      together.send(Buffer.concat([header, Buffer.from('x')]));
      expect((await together.end).toString()).toEqual('203.0.113.7 x');
      await using apart = await connectTcp(world.port, fromProxy);
      apart.send(header);
      await until(
        () => world.proxy.getConnections().some(({ phase }) => phase === 'transfer'),
        2_000,
        () => 'the handler runs',
      );
      apart.send('y');
      expect((await apart.end).toString()).toEqual('203.0.113.7 y');
    },
  );
}

tap.test('LOCAL and UNKNOWN leave the peer its own address', async () => {
  await using echo = await startEcho();
  await using world = await startTrusting([makeForwardRoute(echo.port)]);
  const local = encodeProxyHeader({ version: 2, command: 'local', source: null, destination: null });
  for (const header of [local, Buffer.from('PROXY UNKNOWN\r\n'), Buffer.from('PROXY UNKNOWN ::1 ::2 1 2\r\n')]) {
    await using client = await connectTcp(world.port, fromProxy);
    client.send(Buffer.concat([header, Buffer.from('x')]));
    expect(await client.receive(1)).toEqual('x');
    expect(world.proxy.getConnections()[0]?.clientIp).toEqual('127.0.0.2');
    await finish(client);
    await world.ends();
  }
});

tap.test('a listed proxy must send a header that can be read, or its connection ends', async () => {
  await using echo = await startEcho();
  await using world = await startTrusting([makeForwardRoute(echo.port)]);
  const damaged = Buffer.from(v2);
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  const none = Buffer.from('GET / HTTP/1.1\r\n\r\n');
  const broken = [
    none,
    hello,
    Buffer.from('PROXY TCP4 nonsense\r\n'),
    Buffer.from(`PROXY ${'x'.repeat(200)}`),
    damaged,
  ];
  for (const bytes of broken) {
    await using client = await connectTcp(world.port, fromProxy);
    client.send(bytes);
    expect(await world.ends()).toEqual(['proxy_protocol_error']);
    await client.closed;
    expect(client.received.length).toEqual(0);
  }
  expect(echo.sockets).toHaveLength(0);
});

tap.test(
  'a listed proxy that leaves, breaks or dawdles before its header is complete ends with a word for each',
  async () => {
    await using echo = await startEcho();
    await using world = await startTrusting([makeForwardRoute(echo.port)]);
    await using strict = await startTrusting([makeForwardRoute(echo.port)], { initialDataTimeout: 150 });
    for (const part of [0, 20]) {
      await using leaving = await connectTcp(world.port, fromProxy);
      leaving.socket.end(v2.subarray(0, part));
      expect(await world.ends()).toEqual(['closed_before_data']);
      await using breaking = await connectTcp(world.port, fromProxy);
      breaking.send(v2.subarray(0, part));
      await until(
        () => world.proxy.getConnections().length > 0,
        2_000,
        () => 'the connection is there',
      );
      breaking.socket.resetAndDestroy();
      expect(['client_error', 'closed_before_data']).toContain((await world.ends())[0]);
      await using slow = await connectTcp(strict.port, fromProxy);
      slow.send(v2.subarray(0, part));
      expect(await strict.ends()).toEqual(['initial_data_timeout']);
    }
    expect(echo.sockets).toHaveLength(0);
  },
);

tap.test('targets get a header of either version before everything that was peeked', async () => {
  for (const version of [1, 2] as const) {
    const got: Buffer[] = [];
    await using origin = await startOrigin((socket) => {
      socket.on('data', (chunk) => got.push(chunk));
      socket.on('end', () => socket.end());
    });
    const { action, ...route } = makeForwardRoute(origin.port, { match: { ports: 0, domains: 'a.test' } });
    await using world = await startProxy({
      routes: [{ ...route, action: { ...action, type: 'forward', sendProxyProtocol: version } } as IRouteConfig],
    });
    await using client = await connectTcp(world.port);
    client.send(hello);
    await until(
      () => Buffer.concat(got).length > hello.length,
      2_000,
      () => 'all is with the target',
    );
    await finish(client);
    const bytes = Buffer.concat(got);
    const read = decodeProxyHeader(bytes);
    if (read.kind !== 'done') throw new Error(`the header is ${read.kind}`);
    expect(bytes.subarray(read.used)).toEqual(hello);
    const { source: from, destination: to, tlvs } = read.value;
    expect(from).toEqual({ address: '127.0.0.1', port: world.ended[0]?.connection.clientPort ?? 0 });
    expect(to).toEqual({ address: '127.0.0.1', port: world.port });
    expect(read.value.version).toEqual(version);
    if (version === 2) expect(tlvs.authority).toEqual('a.test');
  }
});

tap.test('a header is followed by nothing where the target speaks first', async () => {
  await using origin = await startOrigin((socket) => {
    socket.once('data', (header) => socket.end(`${header.length} bytes, welcome`));
  });
  await using world = await startProxy({ sendProxyProtocol: 1, routes: [makeForwardRoute(origin.port)] });
  await using client = await connectTcp(world.port);
  expect((await client.end).toString()).toMatch(/^\d+ bytes, welcome$/);
});

tap.test('behind another proxy the inner one sees and limits the real clients', async () => {
  await using echo = await startEcho();
  await using inner = await startProxy({
    acceptProxyProtocol: true,
    proxyIPs: ['127.0.0.1'],
    maxConnectionsPerIP: 1,
    routes: [makeForwardRoute(echo.port)],
  });
  await using outer = await startProxy({ sendProxyProtocol: 2, routes: [makeForwardRoute(inner.port)] });
  const addresses = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
  const clients: IClient[] = [];
  for (const localAddress of addresses) {
    const client = await connectTcp(outer.port, { localAddress });
    clients.push(client);
    client.send('x');
    expect(await client.receive(1)).toEqual('x');
  }
  expect(inner.proxy.getConnections().map(({ clientIp }) => clientIp)).toEqual(addresses);
  const ports = outer.proxy.getConnections().map(({ clientPort }) => clientPort);
  expect(inner.proxy.getConnections().map(({ clientPort }) => clientPort)).toEqual(ports);

  await using second = await connectTcp(outer.port, { localAddress: '127.0.0.11' });
  expect(await inner.ends()).toEqual(['connection_limit']);
  await second.closed;
  for (const client of clients) await finish(client);
  await using again = await connectTcp(outer.port, { localAddress: '127.0.0.11' });
  again.send('y');
  expect(await again.receive(1)).toEqual('y');
  await finish(again);
});

tap.test('a header is not counted as bytes of the client, whatever serves the connection', async () => {
  await using echo = await startEcho();
  const handled: IRouteConfig = {
    name: 'handled',
    match: { ports: 0, protocol: 'http' },
    action: { type: 'socket-handler', socketHandler: (socket) => void socket.pipe(socket) },
  };
  const question = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
  for (const routes of [[handled], [makeForwardRoute(echo.port)]]) {
    await using world = await startTrusting(routes);
    await using client = await connectTcp(world.port, fromProxy);
    client.send(Buffer.concat([v2, Buffer.from(question)]));
    await client.receive(question.length);
    expect(world.proxy.getConnections()[0]?.bytesReceived).toEqual(question.length);
    await finish(client);
    await world.ends();
    const { bytesReceived, bytesSent } = world.ended[0]?.connection ?? {};
    expect([bytesReceived, bytesSent]).toEqual([question.length, question.length]);
  }
});

tap.test('address rules see the address that the header states', async () => {
  await using echo = await startEcho();
  const blocking = makeForwardRoute(echo.port, { security: { ipBlockList: ['203.0.113.0/24'] } });
  await using world = await startTrusting([blocking]);
  await using client = await connectTcp(world.port, fromProxy);
  client.send(v1);
  expect(await world.ends()).toEqual(['route_ip_blocked']);
});

export default tap.start();
