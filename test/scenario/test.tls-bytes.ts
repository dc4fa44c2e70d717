// Protocols other than HTTP inside TLS: terminated here, and forwarded as the bytes that they are.

import { createHash, randomBytes } from 'node:crypto';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import type { IRouteConfig, TRouteAction } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTls } from '../helpers/clients.js';
import { type IOrigin, startEcho, startOrigin } from '../helpers/origins.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const own = await makeCertificate({ names: ['a.test'] });
const inner = await makeCertificate({ names: ['inner.test'], ips: ['127.0.0.1'], authority: 'inner' });
const certificate = { cert: own.cert, key: own.key };

/** A TLS target; like any of ours it waits with its FIN until the client has sent its own. */
async function startSecure(serve: (socket: Socket) => void): Promise<IOrigin> {
  const server = tls.createServer({ cert: inner.cert, key: inner.key, allowHalfOpen: true } as tls.TlsOptions);
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  const origin = await startOrigin((socket) => void server.emit('connection', socket));
  return origin;
}

/** Each way to forward what is inside, with a target that serves like this. */
const ways: readonly {
  readonly name: string;
  readonly start: (serve: (socket: Socket) => void) => Promise<IOrigin>;
  readonly tls: NonNullable<TRouteAction['tls']>;
}[] = [
  { name: 'a plain target', start: (serve) => startOrigin(serve), tls: { mode: 'terminate', certificate } },
  {
    name: 'a TLS target',
    start: startSecure,
    tls: { mode: 'terminate-and-reencrypt', certificate, upstream: { ca: inner.ca } },
  },
];

const routeTo = (
  port: number,
  settings: NonNullable<TRouteAction['tls']>,
  more: Partial<IRouteConfig> = {},
): IRouteConfig =>
  ({
    name: 'bytes',
    match: { ports: 0, domains: 'a.test', protocol: 'other' },
    action: { type: 'forward', target: { host: '127.0.0.1', port }, tls: settings },
    ...more,
  }) as IRouteConfig;

for (const { name, start, tls: settings } of ways) {
  tap.test(`bytes inside TLS reach ${name} and come back, both ways and whole`, async () => {
    await using origin = await start((socket) => void socket.pipe(socket));
    await using started = await startProxy({ routes: [routeTo(origin.port, settings)] });
    const sent = randomBytes(3_000_000);
    {
      await using client = await connectTls(started.port, { servername: 'a.test', ca: own.ca });
      client.socket.end(sent);
      const received = await client.end;
      const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
      expect(hash(received)).toEqual(hash(sent));
    }
    expect(await started.ends()).toEqual(['client_closed']);
    const { connection } = started.ended[0] ?? {};
    expect([connection?.bytesReceived, connection?.bytesSent]).toEqual([sent.length, sent.length]);
    expect(connection?.isTLS).toEqual(true);
  });

  tap.test(`${name} may speak first inside TLS`, async () => {
    await using origin = await start((socket) => {
      socket.write('220 ready');
      socket.on('data', () => socket.end('bye'));
    });
    await using started = await startProxy({ routes: [routeTo(origin.port, settings)] });
    await using client = await connectTls(started.port, { servername: 'a.test' });
    expect(await client.receive(9)).toEqual('220 ready');
    client.send('quit');
    expect((await client.end).toString()).toEqual('220 readybye');
    client.socket.end();
    expect(await started.ends()).toEqual(['target_closed']);
  });

  tap.test(`the client's FIN inside TLS reaches ${name}, whose answer is still read`, async () => {
    await using origin = await start((socket) => {
      let all = '';
      socket.on('data', (chunk) => {
        all += chunk;
      });
      socket.on('end', () => setImmediate(() => socket.end(`got ${all}`)));
    });
    await using started = await startProxy({ routes: [routeTo(origin.port, settings)] });
    await using client = await connectTls(started.port, {
      servername: 'a.test',
      allowHalfOpen: true,
    } as tls.ConnectionOptions);
    client.socket.end('question');
    expect((await client.end).toString()).toEqual('got question');
    expect(await started.ends()).toEqual(['client_closed']);
  });

  tap.test(`a reset of ${name} resets a client of TLS, and the other way round`, async () => {
    const served: Socket[] = [];
    await using origin = await start((socket) => {
      served.push(socket);
      socket.on('data', () => socket.write('ok'));
    });
    await using started = await startProxy({ routes: [routeTo(origin.port, settings)] });
    {
      await using client = await connectTls(started.port, { servername: 'a.test' });
      client.send('x');
      await client.receive(2);
      origin.sockets[0]?.resetAndDestroy();
      expect((await client.closed)?.code).toEqual('ECONNRESET');
      expect(await started.ends()).toEqual(['target_error']);
    }
    const raw = net.connect({ port: started.port, host: '127.0.0.1' });
    const client = tls.connect({ socket: raw, servername: 'a.test', rejectUnauthorized: false });
    client.on('error', () => {});
    client.write('x');
    await new Promise((resolve) => client.once('data', resolve));
    const gone = new Promise<NodeJS.ErrnoException | null>((resolve) => {
      const target = served[1];
      target?.once('error', (error) => resolve(error));
      target?.once('close', () => resolve(null));
    });
    raw.resetAndDestroy();
    expect((await gone)?.code).toEqual('ECONNRESET');
    expect(await started.ends()).toEqual(['client_error']);
  });

  tap.test(`a reader behind TLS that is slow makes ${name} wait, and gets everything`, async () => {
    const total = 40_000_000;
    let written = 0;
    await using origin = await start((socket) => {
      const chunk = Buffer.alloc(64_000, 1);
      const more = () => {
        while (written < total) {
          written += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', more);
        }
        socket.end();
      };
      more();
    });
    await using started = await startProxy({ routes: [routeTo(origin.port, settings)] });
    let received = 0;
    const socket = tls.connect({
      port: started.port,
      host: '127.0.0.1',
      servername: 'a.test',
      rejectUnauthorized: false,
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    // Nothing is read until the target has come to a stop.
    let before = -1;
    await until(
      () => {
        const stopped = written > 0 && before === written;
        before = written;
        return stopped;
      },
      10_000,
      () => 'a target that waits',
    );
    expect(written < total).toEqual(true);
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    await new Promise((resolve) => socket.once('end', resolve));
    expect(received).toEqual(written);
    socket.end();
    await started.ends();
  });
}

tap.test('a socket handler gets what is inside TLS, and its bytes are counted as they are meant', async () => {
  await using started = await startProxy({
    routes: [
      {
        match: { ports: 0, protocol: 'other' },
        action: {
          type: 'socket-handler',
          tls: { mode: 'terminate', certificate },
          socketHandler: (socket, context) => {
            socket.once('data', (chunk) =>
              socket.end(`${chunk} over ${context.tlsVersion} ${context.alpn ?? 'without ALPN'}`),
            );
          },
        },
      } as IRouteConfig,
    ],
  });
  await using client = await connectTls(started.port, { servername: 'a.test', maxVersion: 'TLSv1.2' });
  client.send('hello');
  const answer = 'hello over TLSv1.2 without ALPN';
  expect((await client.end).toString()).toEqual(answer);
  expect(await started.ends()).toEqual(['normal']);
  const { connection } = started.ended[0] ?? {};
  expect([connection?.bytesReceived, connection?.bytesSent]).toEqual([5, answer.length]);
});

tap.test('the protocol that was agreed on with the client is agreed on with a TLS target', async () => {
  const agreed: (string | false | null)[] = [];
  const server = tls.createServer({ cert: inner.cert, key: inner.key, ALPNProtocols: ['custom'] });
  server.on('secureConnection', (socket) => {
    agreed.push(socket.alpnProtocol);
    socket.on('error', () => {});
    socket.end('fine');
  });
  await using origin = await startOrigin((socket) => void server.emit('connection', socket));
  const settings = {
    mode: 'terminate-and-reencrypt',
    certificate,
    alpn: ['custom'],
    upstream: { ca: inner.ca },
  } as const;
  await using started = await startProxy({ routes: [routeTo(origin.port, settings)] });
  for (const ALPNProtocols of [['other', 'custom'], ['other'], []]) {
    const offer = ALPNProtocols.length === 0 ? {} : { ALPNProtocols };
    await using client = await connectTls(started.port, { servername: 'a.test', ...offer });
    expect((await client.end).toString()).toEqual('fine');
    expect((client.socket as tls.TLSSocket).alpnProtocol).toEqual(ALPNProtocols.includes('custom') ? 'custom' : false);
  }
  expect(agreed).toEqual(['custom', false, false]);
  await started.ends(3);
});

tap.test('a target whose certificate is not valid ends the connection with a word of its own', async () => {
  await using origin = await startSecure((socket) => void socket.resume());
  const settings = { mode: 'terminate-and-reencrypt', certificate } as const;
  await using started = await startProxy({ routes: [routeTo(origin.port, settings)] });
  await using client = await connectTls(started.port, { servername: 'a.test' });
  await client.closed;
  expect(await started.ends()).toEqual(['target_tls_error']);
});

tap.test('a certificate replaced by an update is served to new clients, and the old connection goes on', async () => {
  const next = await makeCertificate({ names: ['a.test', 'next.test'] });
  await using echo = await startEcho();
  const settings = { mode: 'terminate', certificate } as const;
  await using started = await startProxy({ routes: [routeTo(echo.port, settings)] });
  await using early = await connectTls(started.port, { servername: 'a.test' });
  await started.proxy.updateRoutes([
    routeTo(echo.port, { mode: 'terminate', certificate: { cert: next.cert, key: next.key } }),
  ]);
  await using late = await connectTls(started.port, { servername: 'a.test' });
  expect((late.socket as tls.TLSSocket).getPeerCertificate().subjectaltname).toMatch(/next\.test/);
  for (const client of [early, late]) {
    client.send('still');
    expect(await client.receive(5)).toEqual('still');
    client.socket.end();
    await client.end;
  }
  await started.ends(2);
});

export default tap.start();
