// The package `ws` at both ends, through a route that terminates TLS.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { makeCertificate } from '../helpers/certificates.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

/** Says everything back; closes with the code that it is told to. */
function serveEcho(server: Server): WebSocketServer {
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: { threshold: 1 },
    verifyClient: ({ req }: { req: IncomingMessage }) => req.url !== '/refused',
    handleProtocols: (offered) => (offered.has('two') ? 'two' : false),
  });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => {
      const [, code] = /^close (\d+)$/.exec(isBinary ? '' : String(data)) ?? [];
      if (code === undefined) socket.send(data, { binary: isBinary });
      else socket.close(Number(code), 'as you wish');
    });
  });
  return sockets;
}

async function world(isTls = true) {
  const identity = await makeCertificate({ names: ['a.test'] });
  const origin = await startHttpOrigin((_, response) => response.end('no socket'));
  const sockets = serveEcho(origin.server);
  const started = await startProxy({
    routes: [isTls ? makeHttpsRoute(origin.port, identity) : makeHttpRoute(origin.port)],
  });
  return {
    ...{ origin, sockets, started },
    open: (path: string, protocols: string[] = [], options: ClientOptions = {}) =>
      connect(started, isTls ? identity.ca : null, path, protocols, options),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      await started[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

function connect({ port }: IStartedProxy, ca: string | null, path: string, protocols: string[], more: ClientOptions) {
  const options = { headers: { host: 'a.test' }, ...(ca === null ? {} : { ca, servername: 'a.test' }), ...more };
  return new WebSocket(`${ca === null ? 'ws' : 'wss'}://127.0.0.1:${port}${path}`, protocols, options);
}

for (const isTls of [false, true]) {
  const over = isTls ? 'TLS' : 'plain TCP';

  tap.test(`messages of every kind and size come back as they were, over ${over}`, async () => {
    await using at = await world(isTls);
    for (const perMessageDeflate of [false, true]) {
      const socket = at.open('/', [], { perMessageDeflate });
      await once(socket, 'open');
      expect(socket.extensions.includes('permessage-deflate')).toEqual(perMessageDeflate);
      for (const message of ['', 'text', 'ü'.repeat(70_000), randomBytes(1), randomBytes(3 << 20)]) {
        socket.send(message);
        const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
        expect(isBinary).toEqual(typeof message !== 'string');
        expect(data.equals(Buffer.from(message))).toBeTrue();
      }
      socket.ping('still there?');
      const [pong] = (await once(socket, 'pong')) as [Buffer];
      expect(String(pong)).toEqual('still there?');
      socket.close(1000);
      await once(socket, 'close');
    }
  });

  tap.test(`either side may close, with a code and a reason that the other hears, over ${over}`, async () => {
    await using at = await world(isTls);
    const told = at.open('/');
    await once(told, 'open');
    told.send('close 4321');
    const [code, reason] = (await once(told, 'close')) as [number, Buffer];
    expect([code, String(reason)]).toEqual([4321, 'as you wish']);
    const telling = at.open('/');
    const [[other]] = (await Promise.all([once(at.sockets, 'connection'), once(telling, 'open')])) as [
      [WebSocket],
      unknown,
    ];
    telling.close(4567, 'enough');
    const [heard, why] = (await once(other, 'close')) as [number, Buffer];
    expect([heard, String(why)]).toEqual([4567, 'enough']);
  });
}

tap.test('a subprotocol is agreed on, and a refused upgrade is answered as the target answers it', async () => {
  await using at = await world();
  const socket = at.open('/', ['one', 'two']);
  await once(socket, 'open');
  expect(socket.protocol).toEqual('two');
  socket.close();
  await once(socket, 'close');
  const refused = at.open('/refused');
  refused.on('error', () => {});
  const [request, response] = await once(refused, 'unexpected-response');
  expect(response.statusCode).toEqual(401);
  request.destroy();
});

tap.test('a client that vanishes is a broken connection for the target, and the other way round', async () => {
  await using at = await world();
  const [gone, left] = [at.open('/'), at.open('/')];
  const accepted: WebSocket[] = [];
  at.sockets.on('connection', (socket) => accepted.push(socket));
  await Promise.all([once(gone, 'open'), once(left, 'open')]);
  const [first, second] = accepted as [WebSocket, WebSocket];
  const ends = accepted.map((socket) => once(socket, 'close'));
  gone.terminate();
  const [code] = (await Promise.race(ends)) as [number];
  expect(code).toEqual(1006);
  const stays = first.readyState === WebSocket.OPEN ? first : second;
  stays.terminate();
  const [heard] = (await once(left, 'close')) as [number];
  expect(heard).toEqual(1006);
});

tap.test('two hundred WebSockets at a time each hear their own echo', async () => {
  await using at = await world(false);
  const echo = async (n: number): Promise<string> => {
    const socket = at.open(`/${n}`);
    await once(socket, 'open');
    socket.send(`I am ${n}`);
    const [data] = (await once(socket, 'message')) as [Buffer];
    await new Promise((resolve) => setImmediate(resolve));
    socket.close();
    await once(socket, 'close');
    return String(data);
  };
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  expect(await Promise.all(numbers.map(echo))).toEqual(numbers.map((n) => `I am ${n}`));
});

export default tap.start();
