// Handshakes with real clients, hostile ones included.

import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { makeCertificate } from '../../helpers/certificates.js';
import { connectTcp, connectTls } from '../../helpers/clients.js';
import { makeFakeClock } from '../../helpers/fake-clock.js';
import { alpnOf, browserHello, makeClientHello, sniOf } from '../../helpers/make-client-hello.js';
import { makeTls, startTerminator } from '../../helpers/make-tls.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

const own = await makeCertificate({ names: ['a.test'] });
const settings = makeTls({ certificate: own });

/** What a client writes first, whole. */
async function helloOf(options: tls.ConnectionOptions = {}): Promise<Buffer> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) =>
      socket.once('data', (chunk) => {
        resolve(chunk);
        socket.destroy();
      }),
    );
  });
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', servername: 'a.test', ...options });
  client.on('error', () => {});
  const hello = await accepted;
  server.close();
  return hello;
}

/** Lies between a client and a server, and passes on what the client sends as `cut` tells: in these pieces. */
async function startCutter(target: number, cut: (bytes: Buffer) => Buffer[], first = true) {
  const sockets: net.Socket[] = [];
  const server = net.createServer((client) => {
    const upstream = net.connect({ port: target, host: '127.0.0.1', noDelay: true });
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    upstream.pipe(client);
    let queue = Promise.resolve();
    let cutting = true;
    client.on('data', (chunk) => {
      const pieces = cutting ? cut(chunk) : [chunk];
      cutting = !first;
      for (const piece of pieces) {
        queue = queue.then(() => new Promise((resolve) => upstream.write(piece, () => setImmediate(resolve))));
      }
    });
    client.on('end', () => void queue.then(() => upstream.end()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const bytewise = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]));

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  tap.test(`${version} is terminated, and what follows is read and answered decrypted`, async () => {
    await using world = await startTerminator({ tls: { 'a.test': settings } });
    {
      await using client = await connectTls(world.port, {
        servername: 'a.test',
        ca: own.ca,
        minVersion: version,
        maxVersion: version,
        ALPNProtocols: ['http/1.1'],
      });
      expect((client.socket as tls.TLSSocket).alpnProtocol).toEqual('http/1.1');
      client.send('hello');
      expect(await client.receive(5)).toEqual('hello');
      client.socket.end();
      expect((await client.end).toString()).toEqual('hello');
    }
    expect(await world.ends()).toEqual(['client_closed']);
    const { connection } = world.ended[0] ?? {};
    expect(connection?.tlsVersion).toEqual(version);
    expect(connection?.alpn).toEqual(['http/1.1']);
    // As they are meant: neither the handshake nor the records' own bytes count.
    expect([connection?.bytesReceived, connection?.bytesSent]).toEqual([5, 5]);
  });

  tap.test(`a ${version} handshake that comes byte by byte is terminated (pitfall 25)`, async () => {
    await using world = await startTerminator({ tls: { 'a.test': settings } });
    await using cutter = await startCutter(world.port, bytewise, false);
    {
      const limits = { minVersion: version, maxVersion: version };
      await using client = await connectTls(cutter.port, { servername: 'a.test', ca: own.ca, ...limits });
      client.send('hello');
      expect(await client.receive(5)).toEqual('hello');
      client.socket.end();
      await client.end;
    }
    expect(await world.ends()).toEqual(['client_closed']);
  });
}

tap.test('a ClientHello of post-quantum size in several segments is terminated (pitfall 25)', async () => {
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  const cutAt = (bytes: Buffer): Buffer[] => [
    bytes.subarray(0, 1_200),
    bytes.subarray(1_200, 1_500),
    bytes.subarray(1_500),
  ];
  await using cutter = await startCutter(world.port, cutAt);
  // ALPN names fill it up to what a hello with an ML-KEM key share has.
  const padding = Array.from({ length: 8 }, (_, index) => `${index}`.padEnd(200, 'x'));
  {
    await using client = await connectTls(cutter.port, {
      servername: 'a.test',
      ca: own.ca,
      ALPNProtocols: [...padding, 'http/1.1'],
    });
    expect((client.socket as tls.TLSSocket).alpnProtocol).toEqual('http/1.1');
    client.send('hello');
    expect(await client.receive(5)).toEqual('hello');
  }
  await world.ends();
});

tap.test('bytes that come right behind the handshake are there for whoever reads later', async () => {
  let given: tls.TLSSocket | null = null;
  await using world = await startTerminator({
    tls: { 'a.test': settings },
    serve: (secure, connection, connections) => {
      given = secure;
      secure.on('end', () => connections.cleanupConnection(connection, 'client_closed'));
    },
  });
  await using client = await connectTls(world.port, { servername: 'a.test' });
  client.socket.write('early');
  await until(
    () => (given?.readableLength ?? 0) === 5,
    3_000,
    () => 'five bytes that wait',
  );
  const secure = given as unknown as tls.TLSSocket;
  expect(secure.readableFlowing).toEqual(null);
  expect(String(await new Promise((resolve) => secure.once('data', resolve)))).toEqual('early');
  client.socket.destroy();
  await world.ends();
});

tap.test('many handshakes at once over one server lead to their own connections', async () => {
  await using world = await startTerminator({
    tls: { 'a.test': settings },
    serve: (secure, connection, connections) => {
      secure.end(`${connection.clientPort}`, () => connections.cleanupConnection(connection, 'normal'));
    },
  });
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      await using client = await connectTls(world.port, { servername: 'a.test' });
      expect((await client.end).toString()).toEqual(`${client.socket.localPort ?? ''}`);
    }),
  );
  expect(new Set(await world.ends(40))).toEqual(new Set(['normal']));
});

tap.test('versions below the floor are refused by an alert (pitfall 30)', async () => {
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
  await expect(connectTls(world.port, { servername: 'a.test', ...old })).rejects.toThrow(/alert protocol version/);
  expect(await world.ends()).toEqual(['tls_error']);
});

tap.test('a route that asks for old versions alone gets them', async () => {
  const old = makeTls({ certificate: own, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' });
  await using world = await startTerminator({ tls: { 'a.test': old } });
  {
    const limits = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    await using client = await connectTls(world.port, { servername: 'a.test', ...limits });
    expect((client.socket as tls.TLSSocket).getProtocol()).toEqual('TLSv1.1');
  }
  await world.ends();
});

tap.test('without a certificate the client gets an alert, never a placeholder', async () => {
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  world.source.contextFor = () => null;
  await expect(connectTls(world.port, { servername: 'a.test' })).rejects.toThrow(/alert number 112/);
  expect(await world.ends()).toEqual(['no_certificate']);
});

tap.test(
  'a client whose protocols are none of ours is refused, or served without one where bytes go on as they are',
  async () => {
    const ALPNProtocols = ['postgresql'];
    {
      await using world = await startTerminator({ tls: { 'a.test': settings } });
      const attempt = connectTls(world.port, { servername: 'a.test', ALPNProtocols });
      await expect(attempt).rejects.toThrow(/alert no application protocol/);
      expect(await world.ends()).toEqual(['tls_error']);
    }
    await using world = await startTerminator({ tls: { 'a.test': settings }, alpnOptional: true });
    {
      await using client = await connectTls(world.port, { servername: 'a.test', ALPNProtocols });
      expect((client.socket as tls.TLSSocket).alpnProtocol).toEqual(false);
      client.send('hello');
      expect(await client.receive(5)).toEqual('hello');
    }
    await world.ends();
    expect(world.ended[0]?.connection.alpn).toEqual([]);
  },
);

tap.test('where HTTP/2 must not be agreed on, the other protocols are', async () => {
  const both = makeTls({ certificate: own, alpn: ['h2', 'http/1.1'] });
  const agreedOn = async (port: number, ...ALPNProtocols: string[]) => {
    await using client = await connectTls(port, { servername: 'a.test', ALPNProtocols });
    return (client.socket as tls.TLSSocket).alpnProtocol;
  };
  {
    await using world = await startTerminator({ tls: { 'a.test': both }, withoutH2: true });
    expect(await agreedOn(world.port, 'h2', 'http/1.1')).toEqual('http/1.1');
    await expect(agreedOn(world.port, 'h2')).rejects.toThrow(/alert no application protocol/);
    expect(await world.ends(2)).toContain('tls_error');
  }
  await using world = await startTerminator({ tls: { 'a.test': both }, withoutH2: true, alpnOptional: true });
  expect(await agreedOn(world.port, 'h2')).toEqual(false);
  await world.ends();
});

tap.test("our order of protocols decides, not the client's", async () => {
  const both = makeTls({ certificate: own, alpn: ['h2', 'http/1.1'] });
  await using world = await startTerminator({ tls: { 'a.test': both } });
  {
    await using client = await connectTls(world.port, { servername: 'a.test', ALPNProtocols: ['http/1.1', 'h2'] });
    expect((client.socket as tls.TLSSocket).alpnProtocol).toEqual('h2');
  }
  await world.ends();
});

tap.test('garbage after the ClientHello is answered by an alert (pitfall 29)', async () => {
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  await using client = await connectTcp(world.port);
  client.send(await helloOf({ maxVersion: 'TLSv1.2' }));
  await client.receive(100);
  const before = client.received.length;
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await client.closed;
  const alert = client.received.subarray(-7);
  expect([alert[0], alert[5], client.received.length > before]).toEqual([21, 2, true]);
  expect(await world.ends()).toEqual(['tls_error']);
});

tap.test('a second record that is no handshake, right behind the ClientHello, ends by an alert', async () => {
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  await using client = await connectTcp(world.port);
  client.send(Buffer.concat([await helloOf(), Buffer.from([23, 3, 3, 0, 4, 1, 2, 3, 4])]));
  await client.closed;
  expect(await world.ends()).toEqual(['tls_error']);
});

tap.test(
  'a client that leaves during the handshake ends its connection, whatever way it leaves (pitfall 56)',
  async () => {
    await using world = await startTerminator({ tls: { 'a.test': settings } });
    const hello = await helloOf({ maxVersion: 'TLSv1.2' });
    const leave: readonly (readonly [string, (socket: net.Socket) => void])[] = [
      ['closed_before_data', (socket) => socket.end()],
      ['client_error', (socket) => socket.resetAndDestroy()],
    ];
    for (const [end, go] of leave) {
      await using client = await connectTcp(world.port, { allowHalfOpen: true });
      client.send(hello);
      await client.receive(100);
      go(client.socket);
      expect(await world.ends()).toEqual([end]);
      await client.closed;
    }
    // The FIN is there together with the hello.
    await using client = await connectTcp(world.port, { allowHalfOpen: true });
    client.socket.end(hello);
    expect(await world.ends()).toEqual(['closed_before_data']);
    client.socket.destroy();
  },
);

tap.test('a client that is cut off somewhere in its ClientHello leaves nothing behind (pitfall 56)', async () => {
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  const hello = await helloOf();
  const cuts = [6, 50, 200, hello.length - 1, hello.length];
  await Promise.all(
    cuts.map(async (cut) => {
      await using client = await connectTcp(world.port, { allowHalfOpen: true });
      client.socket.end(hello.subarray(0, cut));
      await client.closed;
    }),
  );
  expect(new Set(await world.ends(cuts.length))).toEqual(new Set(['closed_before_data']));
});

/** Passes on so many bytes of the client, then leaves in the client's place. Tells how many bytes the client had sent. */
async function startQuitter(target: number, limit: number, leave: (socket: net.Socket) => void) {
  let sent = 0;
  let left = false;
  const server = net.createServer((client) => {
    const upstream = net.connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    for (const socket of [client, upstream]) socket.on('error', () => {});
    upstream.on('data', (chunk) => client.write(chunk));
    upstream.on('close', () => client.destroy());
    client.on('data', (chunk) => {
      const part = chunk.subarray(0, limit - sent);
      sent += chunk.length;
      if (!left && part.length > 0) upstream.write(part);
      if (sent < limit || left) return;
      left = true;
      setImmediate(leave, upstream);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    sent: () => sent,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  tap.test(
    `a ${version} client that is gone at any point of its handshake leaves nothing behind (pitfall 56)`,
    async () => {
      await using world = await startTerminator({ tls: { 'a.test': settings } });
      const leave = [(socket: net.Socket) => socket.end(), (socket: net.Socket) => void socket.resetAndDestroy()];
      const handshake = async (limit: number, go: (socket: net.Socket) => void): Promise<number> => {
        await using quitter = await startQuitter(world.port, limit, go);
        const limits = { minVersion: version, maxVersion: version };
        const client = tls.connect({
          port: quitter.port,
          host: '127.0.0.1',
          servername: 'a.test',
          rejectUnauthorized: false,
          ...limits,
        });
        client.on('error', () => {});
        client.on('secureConnect', () => setImmediate(() => client.end()));
        client.resume();
        await new Promise((resolve) => client.once('close', resolve));
        return quitter.sent();
      };
      const whole = await handshake(Number.POSITIVE_INFINITY, () => {});
      await world.ends();
      const step = numRuns(100) > 100 ? 1 : 29;
      const ends = new Set<string>();
      for (let limit = 6; limit < whole; limit += step) {
        for (const go of leave) {
          await handshake(limit, go);
          for (const end of await world.ends()) ends.add(end);
        }
      }
      // A reset that arrives together with bytes looks like an end. In TLS 1.3 the last bytes already say that the client closes.
      const possible = ['closed_before_data', 'client_error', 'client_closed'];
      expect([...ends].filter((end) => !possible.includes(end))).toEqual([]);
      expect(ends.has('closed_before_data')).toEqual(true);
      expect(world.connections.size).toEqual(0);
    },
  );
}

tap.test('a handshake that takes too long ends by its own limit (pitfall 55)', async () => {
  const clock = makeFakeClock();
  clock.advance(1);
  await using world = await startTerminator({ tls: { 'a.test': settings }, clock, handshakeTimeoutMs: 3_000 });
  await using client = await connectTcp(world.port);
  client.send(await helloOf({ maxVersion: 'TLSv1.2' }));
  await client.receive(100);
  clock.advance(2_999);
  expect(world.connections.size).toEqual(1);
  clock.advance(2);
  expect(await world.ends()).toEqual(['handshake_timeout']);
  await client.closed;
});

tap.test('the limit of the handshake is gone when it is done', async () => {
  const clock = makeFakeClock();
  clock.advance(1);
  await using world = await startTerminator({ tls: { 'a.test': settings }, clock, handshakeTimeoutMs: 3_000 });
  {
    await using client = await connectTls(world.port, { servername: 'a.test' });
    client.send('x');
    await client.receive(1);
    clock.advance(60_000);
    expect(world.connections.size).toEqual(1);
  }
  await world.ends();
});

tap.test('an orderly end says close_notify, a broken one resets, and an end is heard once', async () => {
  const endings: readonly (readonly ['normal' | 'target_error', RegExp | null])[] = [
    ['normal', null],
    ['target_error', /ECONNRESET/],
  ];
  for (const [end, failure] of endings) {
    await using world = await startTerminator({
      tls: { 'a.test': settings },
      serve: (secure, connection, connections) => {
        secure.write('said');
        secure.once('data', () => connections.cleanupConnection(connection, end));
      },
    });
    await using client = await connectTls(world.port, { servername: 'a.test' });
    // Read first: a reset that arrives together with bytes looks like an end to Node.
    await client.receive(4);
    client.send('go');
    if (failure === null) expect((await client.end).toString()).toEqual('said');
    else expect(String(await client.closed)).toMatch(failure);
    expect(await world.ends()).toEqual([end]);
    expect(world.ended.length).toEqual(1);
  }
});

tap.test('an orderly end is told by close_notify, and one that cuts something off is not', async () => {
  for (const [end, notified] of [
    ['normal', true],
    ['inactivity_timeout', false],
  ] as const) {
    await using world = await startTerminator({
      tls: { 'a.test': settings },
      serve: (secure, connection, connections) => {
        secure.write('said');
        secure.once('data', () => connections.cleanupConnection(connection, end));
      },
    });
    const seen: Buffer[] = [];
    const relay = net.createServer((client) => {
      const upstream = net.connect({ port: world.port, host: '127.0.0.1' });
      for (const socket of [client, upstream]) socket.on('error', () => {});
      client.pipe(upstream);
      upstream.on('data', (chunk) => seen.push(chunk)).pipe(client);
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const { port } = relay.address() as net.AddressInfo;
    {
      await using client = await connectTls(port, { servername: 'a.test', maxVersion: 'TLSv1.2' });
      await client.receive(4);
      client.send('go');
      await client.closed;
    }
    // In TLS 1.2 the type of a record can be read; one that holds an alert is 31 bytes long.
    const last = Buffer.concat(seen).subarray(-31);
    expect([end, last[0] === 21 && last[4] === 26]).toEqual([end, notified]);
    await world.ends();
    relay.close();
  }
});

tap.test(
  'hellos with strange names, or changed anywhere, are refused or served, and never throw (pitfalls 25, 29)',
  async () => {
    await using world = await startTerminator({ tls: { '': settings } });
    const names = ['', 'a'.repeat(255), 'a\0b.test', 'A.TEST', 'a.test.', '127.0.0.1', '[::1]', '*.test', 'xn--\u00ff'];
    const strange = names.map((name) =>
      makeClientHello({ ...browserHello, extensions: [sniOf(name), alpnOf(name, '')] }),
    );
    const two = makeClientHello({ ...browserHello, extensions: [sniOf('a.test', 'b.test')] });
    const real = await helloOf({ ALPNProtocols: ['h2', 'http/1.1'] });
    const changed = fc.sample(
      fc.record({ at: fc.nat({ max: real.length - 1 }), to: fc.nat({ max: 255 }) }).map(({ at, to }) => {
        const bytes = Buffer.from(real);
        bytes[at] = to;
        return bytes;
      }),
      { numRuns: numRuns(100), seed: 1 },
    );
    const all = [...strange, two, ...changed];
    for (const hello of all) {
      await using client = await connectTcp(world.port, { allowHalfOpen: true });
      client.socket.end(hello);
      await client.closed;
    }
    const possible = ['tls_error', 'closed_before_data', 'client_error', 'no_route'];
    expect([...new Set(await world.ends(all.length))].filter((end) => !possible.includes(end))).toEqual([]);
    await using client = await connectTls(world.port, { servername: 'a.test' });
    client.send('still');
    expect(await client.receive(5)).toEqual('still');
    client.socket.end();
    await world.ends();
  },
);

tap.test("a client's FIN, its reset and its errors in TLS are seen once the handshake is done", async () => {
  const leave: readonly (readonly [string, (socket: net.Socket) => void])[] = [
    ['client_closed', (socket) => socket.end()],
    ['client_error', (socket) => (socket as never as { _parent?: net.Socket })._parent?.resetAndDestroy()],
  ];
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  for (const [end, go] of leave) {
    const raw = net.connect({ port: world.port, host: '127.0.0.1' });
    raw.on('error', () => {});
    const client = tls.connect({ socket: raw, servername: 'a.test', rejectUnauthorized: false });
    client.on('error', () => {});
    await new Promise((resolve) => client.once('secureConnect', resolve));
    client.write('x');
    await new Promise((resolve) => client.once('data', resolve));
    go(end === 'client_error' ? ({ _parent: raw } as never) : client);
    expect(await world.ends()).toEqual([end]);
    client.destroy();
  }
  // Behind a broken record nothing can be read any more.
  const raw = net.connect({ port: world.port, host: '127.0.0.1' });
  const client = tls.connect({ socket: raw, servername: 'a.test', rejectUnauthorized: false });
  client.on('error', () => {});
  await new Promise((resolve) => client.once('secureConnect', resolve));
  client.write('x');
  await new Promise((resolve) => client.once('data', resolve));
  raw.write(Buffer.from([23, 3, 3, 0, 32, ...Buffer.alloc(32, 7)]));
  expect(await world.ends()).toEqual(['client_error']);
});

export default tap.start();
