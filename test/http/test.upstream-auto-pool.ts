// Targets that choose the version of HTTP by ALPN: what is remembered of it, and for how long.

import http2 from 'node:http2';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import type { IResolvedUpstreamTls } from '../../ts/config/resolved.js';
import type { IOrigin } from '../../ts/http/exchange-types.js';
import { type ICertificate, makeCertificate } from '../helpers/certificates.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { startH2Origin } from '../helpers/h2-origins.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { closedPort, startOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { Heard, makeHead, UpstreamWorld } from '../helpers/upstream-world.js';

const certificate = await makeCertificate({ names: ['a.test'] });

const upstreamTls = ({ ca }: ICertificate): IResolvedUpstreamTls => ({
  key: 'auto',
  ca: [ca],
  rejectUnauthorized: true,
  servername: 'a.test',
  cert: null,
  certKey: null,
  passphrase: null,
});

const auto = { backendProtocol: 'auto', tls: upstreamTls(certificate) } as const;

const answers = http2.constants;

const askAll = (world: UpstreamWorld, port: number, count: number): Promise<Heard[]> =>
  Promise.all(Array.from({ length: count }, () => world.ask(port, {}, { to: auto })));

const codeOf = (work: Promise<IOrigin>): Promise<string> =>
  work.then(
    () => 'got',
    (error: { code?: string }) => String(error.code),
  );

tap.test(
  'requests that wait while a target chooses HTTP/1.1 get connections of that, the first one included',
  async () => {
    await using old = await startHttpOrigin((_, response) => response.end('old'), { identity: certificate });
    await using world = new UpstreamWorld();
    for (const { body } of await askAll(world, old.port, 3)) expect(body).toEqual('old');
    expect([old.accepted, world.upstreams.stats]).toEqual([3, { pools: 1, open: 3, idle: 3, waiting: 0 }]);
    // From now on one is at hand.
    expect((await world.ask(old.port, {}, { to: auto })).body).toEqual('old');
    expect(old.accepted).toEqual(3);
  },
);

tap.test('a connection that nobody waits for any more when the target has chosen HTTP/1.1 is closed', async () => {
  await using old = await startHttpOrigin((_, response) => response.end('old'), { identity: certificate });
  let came = 0;
  old.server.on('connection', () => came++);
  await using world = new UpstreamWorld();
  const ticket = world.upstreams.acquire(
    world.want(old.port, { to: auto }),
    () => {},
    () => {},
  );
  ticket?.cancel();
  await until(
    () => came === 1,
    5_000,
    () => 'a connection',
  );
  await until(
    () => old.open === 0 && world.upstreams.stats.open === 0,
    5_000,
    () => 'its end',
  );
});

tap.test('a target that takes HTTP/2 later is offered it again after a while', async () => {
  const clock = makeFakeClock();
  const offers: (readonly string[])[] = [];
  let takesH2 = false;
  const h2 = http2.createServer((_, response) => response.end('new'));
  const server = tls.createServer({
    cert: certificate.cert,
    key: certificate.key,
    ALPNCallback: ({ protocols }) => {
      offers.push(protocols);
      return takesH2 && protocols.includes('h2') ? 'h2' : 'http/1.1';
    },
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    if (socket.alpnProtocol === 'h2') h2.emit('connection', socket);
    else socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nold'));
  });
  await using target = await startOrigin((raw) => void server.emit('connection', raw));
  await using world = new UpstreamWorld({ clock });
  const ask = async () => (await world.ask(target.port, {}, { to: auto })).body;
  expect(await ask()).toEqual('old');
  takesH2 = true;
  // Places that nobody asks for are forgotten, with what was known of them.
  for (let minute = 1; minute <= 5; minute++) {
    await clock.advanceAsync(minute === 5 ? 59_999 : 60_000);
    expect(await ask()).toEqual('old');
  }
  await clock.advanceAsync(1);
  expect(await ask()).toEqual('new');
  const known = ['http/1.1'];
  expect(offers).toEqual([['h2', 'http/1.1'], known, known, known, known, known, ['h2', 'http/1.1']]);
});

tap.test('a target of HTTP/2 that wants a request by HTTP/1.1 gets that one, and what follows, so', async () => {
  await using both = await startH2Origin((stream) => stream.close(answers.NGHTTP2_HTTP_1_1_REQUIRED), {
    identity: certificate,
    alpn: ['h2', 'http/1.1'],
  });
  both.server.on('request', (request, response) => {
    if (request.httpVersion === '1.1') response.end('by 1.1');
  });
  await using world = new UpstreamWorld();
  const first = await world.ask(both.port, {}, { to: auto });
  expect([first.code, first.failure?.unsent, first.failure?.stale]).toEqual(['TARGET_VERSION', true, true]);
  expect((await world.ask(both.port, {}, { to: auto, fresh: true })).body).toEqual('by 1.1');
  expect((await world.ask(both.port, {}, { to: auto })).body).toEqual('by 1.1');
});

tap.test('what opens a WebSocket goes by HTTP/1.1, where the target has to speak HTTP/2 nowhere', async () => {
  await using both = await startH2Origin(undefined, { identity: certificate, alpn: ['h2', 'http/1.1'] });
  both.server.on('upgrade', (_, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  });
  await using world = new UpstreamWorld();
  expect((await world.ask(both.port, {}, { to: auto })).status).toEqual(200);
  const heard = new Heard();
  const origin = await world.acquire(world.want(both.port, { to: auto, upgrades: true }));
  origin.send(makeHead({ upgrade: 'websocket' }), heard);
  await heard.end();
  expect([heard.calls.at(-1), both.sessions.length]).toEqual(['switched', 1]);
  heard.switched?.socket.destroy();
  const strict = world.want(both.port, { to: { ...auto, backendProtocol: 'http2' }, upgrades: true });
  expect(await codeOf(world.acquire(strict))).toEqual('TARGET_VERSION');
});

tap.test('without TLS there is nothing to choose: HTTP/1.1, in one pool with those who ask for that', async () => {
  await using old = await startHttpOrigin((_, response) => response.end('old'));
  await using world = new UpstreamWorld();
  await world.ask(old.port, {}, { to: { backendProtocol: 'auto' } });
  expect((await world.ask(old.port)).body).toEqual('old');
  expect([old.accepted, world.upstreams.stats.pools]).toEqual([1, 1]);
});

tap.test('failures to connect are told as they are, and a target that agrees on nothing speaks HTTP/1.1', async () => {
  await using world = new UpstreamWorld();
  expect(await codeOf(world.acquire(world.want(await closedPort(), { to: auto })))).toEqual('TARGET_UNREACHABLE');
  const context = tls.createSecureContext({ cert: certificate.cert, key: certificate.key });
  await using mute = await startOrigin((raw) => {
    const secure = new tls.TLSSocket(raw, { isServer: true, secureContext: context });
    secure.on('error', () => {});
    secure.on('data', () => secure.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold'));
  });
  expect((await world.ask(mute.port, {}, { to: auto })).body).toEqual('old');
  const strict = world.want(mute.port, { to: { ...auto, backendProtocol: 'http2' } });
  const failure = await world.acquire(strict).catch((error: Error) => error.message);
  expect(failure).toEqual(`127.0.0.1:${mute.port} negotiated nothing by ALPN, not h2`);
});

export default tap.start();
