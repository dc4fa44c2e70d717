import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { ProxyError } from '../../ts/base/errors.js';
import type { IResolvedUpstreamTls } from '../../ts/config/resolved.js';
import type { IOrigin, IOriginFailure } from '../../ts/http/exchange-types.js';
import { mayRepeat } from '../../ts/http/retry.js';
import { startBlackhole } from '../helpers/blackhole.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeFakeClock, settle } from '../helpers/fake-clock.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeConnection } from '../helpers/make-connection.js';
import { closedPort, startOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { Heard, makeHead, UpstreamWorld } from '../helpers/upstream-world.js';

const startOk = () => startHttpOrigin((_, response) => response.end('ok'));
const soon = (condition: () => boolean, want: string): Promise<void> => until(condition, 5_000, () => want);

/** What became of one wish. */
class Asked {
  origin: IOrigin | null = null;
  failure: IOriginFailure | null = null;
  readonly ticket;

  constructor(world: UpstreamWorld, want: ReturnType<UpstreamWorld['want']>) {
    this.ticket = world.upstreams.acquire(
      want,
      (origin) => {
        this.origin = origin;
      },
      (failure) => {
        this.failure = failure;
      },
    );
  }

  get fate(): string {
    if (this.origin !== null) return 'got';
    return this.failure === null ? 'waits' : (this.failure.error as ProxyError).code;
  }

  async settled(): Promise<string> {
    await soon(() => this.fate !== 'waits', 'an outcome');
    return this.fate;
  }
}

const statusOf = ({ failure }: Asked): number => (failure === null ? 0 : (failure.error as ProxyError).status);

tap.test('2 000 requests one after the other use one connection, which is at hand each time', async () => {
  await using origin = await startOk();
  await using world = new UpstreamWorld();
  await world.ask(origin.port);
  let atHand = 0;
  for (let count = 1; count < 2_000; count++) {
    const asked = new Asked(world, world.want(origin.port));
    if (asked.ticket === null && asked.origin !== null) atHand += 1;
    const heard = new Heard();
    asked.origin?.send(makeHead({ target: `/${count}` }), heard);
    await new Promise<void>((resolve) => {
      heard.on = (call) => call === 'end' && resolve();
    });
  }
  expect(atHand).toEqual(1_999);
  expect(origin.requests.length).toEqual(2_000);
  expect(origin.accepted).toEqual(1);
  expect(world.upstreams.stats).toEqual({ pools: 1, open: 1, idle: 1, waiting: 0 });
});

tap.test('the connection is back before the end of its answer is told', async () => {
  await using origin = await startOk();
  await using world = new UpstreamWorld();
  const first = new Heard();
  let second: Asked | null = null;
  first.on = (call) => {
    if (call === 'end') second = new Asked(world, world.want(origin.port));
  };
  (await world.acquire(world.want(origin.port))).send(makeHead(), first);
  await first.end();
  expect((second as Asked | null)?.fate).toEqual('got');
  expect(origin.accepted).toEqual(1);
});

tap.test('the connection that came back last is used first', async () => {
  await using origin = await startOk();
  await using world = new UpstreamWorld();
  const want = world.want(origin.port);
  const one = await world.acquire(want);
  const other = await world.acquire(want);
  other.cancel();
  one.cancel();
  expect(world.upstreams.stats.idle).toEqual(2);
  expect(await world.acquire(want)).toEqual(one);
});

tap.test('a target whose queue is full too is refused, and a wait has its end', async () => {
  const clock = makeFakeClock();
  await using origin = await startOk();
  const http = { maxUpstreamConnections: 1, maxUpstreamQueue: 1 };
  await using world = new UpstreamWorld({ clock, http, connectionTimeoutMs: 3_000 });
  const want = world.want(origin.port);
  const held = await world.acquire(want);
  const waits = new Asked(world, want);
  const refused = new Asked(world, want);
  expect(await refused.settled()).toEqual('POOL_EXHAUSTED');
  expect(refused.failure?.unsent).toEqual(true);
  expect(statusOf(refused)).toEqual(503);
  await clock.advanceAsync(2_999);
  expect(waits.fate).toEqual('waits');
  await clock.advanceAsync(1);
  expect(await waits.settled()).toEqual('POOL_EXHAUSTED');
  const next = new Asked(world, want);
  held.cancel();
  expect(await next.settled()).toEqual('got');
  expect(origin.accepted).toEqual(1);
});

tap.test('who waits may give up, and hears nothing any more', async () => {
  await using origin = await startOk();
  await using world = new UpstreamWorld({ http: { maxUpstreamConnections: 1 } });
  const held = await world.acquire(world.want(origin.port));
  const gone = new Asked(world, world.want(origin.port));
  const stays = new Asked(world, world.want(origin.port));
  gone.ticket?.cancel();
  held.cancel();
  expect(await stays.settled()).toEqual('got');
  expect(gone.fate).toEqual('waits');
  expect(world.upstreams.stats).toEqual({ pools: 1, open: 1, idle: 0, waiting: 0 });
  // Given up in the moment between the decision and its being told.
  const late = new Asked(world, world.want(origin.port));
  stays.origin?.cancel();
  late.ticket?.cancel();
  await settle();
  expect(late.fate).toEqual('waits');
  expect(world.upstreams.stats).toEqual({ pools: 1, open: 1, idle: 1, waiting: 0 });
});

tap.test('a target that refuses says so, with the cause; one that is silent is given its time', async () => {
  await using world = new UpstreamWorld();
  const refused = new Asked(world, world.want(await closedPort()));
  expect(await refused.settled()).toEqual('TARGET_UNREACHABLE');
  const { error, unsent } = refused.failure as IOriginFailure;
  expect([(error as ProxyError).status, unsent, (error.cause as { code?: string }).code]).toEqual([
    502,
    true,
    'ECONNREFUSED',
  ]);
  const clock = makeFakeClock();
  await using hole = await startBlackhole();
  await using slow = new UpstreamWorld({ clock, connectionTimeoutMs: 500 });
  const silent = new Asked(slow, slow.want(hole.port));
  await clock.advanceAsync(499);
  expect(silent.fate).toEqual('waits');
  await clock.advanceAsync(1);
  expect(await silent.settled()).toEqual('TARGET_TIMEOUT');
  expect(statusOf(silent)).toEqual(504);
  expect(slow.upstreams.stats.open).toEqual(0);
});

tap.test('a name is resolved; the next address is tried; private ones only where they are allowed', async () => {
  await using origin = await startOk();
  const resolver = { resolve: async () => ['127.0.0.2', '127.0.0.1'] };
  await using world = new UpstreamWorld({ resolver });
  const heard = await world.ask(origin.port, {}, { to: { host: 'a.test' } });
  expect(heard.body).toEqual('ok');
  await using careful = new UpstreamWorld({ resolver, denyPrivateTargets: true });
  expect(await new Asked(careful, careful.want(origin.port, { to: { host: 'a.test' } })).settled()).toEqual(
    'TARGET_DENIED',
  );
});

tap.test('TLS to a target is verified, and its connections are kept as others are', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startHttpOrigin((_, response) => response.end('secret'), { identity: certificate });
  const settings: IResolvedUpstreamTls = {
    key: 'trusted',
    ca: [certificate.ca],
    rejectUnauthorized: true,
    servername: 'a.test',
    cert: null,
    certKey: null,
    passphrase: null,
  };
  await using world = new UpstreamWorld();
  for (let count = 0; count < 3; count++) {
    expect((await world.ask(origin.port, {}, { to: { tls: settings } })).body).toEqual('secret');
  }
  expect(origin.accepted).toEqual(1);
  const other = { ...settings, key: 'other name', servername: 'b.test' };
  expect(await new Asked(world, world.want(origin.port, { to: { tls: other } })).settled()).toEqual('TARGET_TLS');
  expect(world.upstreams.stats).toEqual({ pools: 2, open: 1, idle: 1, waiting: 0 });
});

tap.test('a target that accepts and says nothing to a TLS hello is given its time', async () => {
  const clock = makeFakeClock();
  await using origin = await startOrigin((socket) => socket.resume().on('end', () => socket.end()));
  const tls = {
    key: 'k',
    ca: null,
    rejectUnauthorized: true,
    servername: null,
    cert: null,
    certKey: null,
    passphrase: null,
  };
  await using world = new UpstreamWorld({ clock, connectionTimeoutMs: 500 });
  const asked = new Asked(world, world.want(origin.port, { to: { tls } }));
  await soon(() => origin.open === 1, 'the connection');
  await clock.advanceAsync(500);
  expect(await asked.settled()).toEqual('TARGET_TIMEOUT');
  await soon(() => origin.open === 0, 'its end');
});

tap.test('connections that are idle for too long, too old or used too often serve no more', async () => {
  const clock = makeFakeClock();
  await using origin = await startOk();
  await using idle = new UpstreamWorld({ clock, http: { upstreamIdleTimeoutMs: 1_000 } });
  await idle.ask(origin.port);
  await clock.advanceAsync(1_000);
  expect(idle.upstreams.stats.open).toEqual(0);
  await using old = new UpstreamWorld({ clock, http: { upstreamMaxAgeMs: 2_000 } });
  const held = await old.acquire(old.want(origin.port));
  await clock.advanceAsync(2_000);
  const heard = new Heard();
  held.send(makeHead(), heard);
  expect((await heard.end()).body).toEqual('ok');
  expect(await old.acquire(old.want(origin.port))).not.toEqual(held);
  await using worn = new UpstreamWorld({ clock, http: { upstreamMaxRequests: 2 } });
  const before = origin.accepted;
  for (let count = 0; count < 4; count++) await worn.ask(origin.port);
  expect(origin.accepted - before).toEqual(2);
});

tap.test('a pool that nobody uses is forgotten, and made again when somebody does', async () => {
  const clock = makeFakeClock();
  await using origin = await startOk();
  await using world = new UpstreamWorld({ clock, http: { upstreamIdleTimeoutMs: 1_000 } });
  await world.ask(origin.port);
  await clock.advanceAsync(60_000);
  expect(world.upstreams.stats.pools).toEqual(1);
  await clock.advanceAsync(60_000);
  expect(world.upstreams.stats.pools).toEqual(0);
  expect((await world.ask(origin.port)).body).toEqual('ok');
  expect(world.upstreams.stats.pools).toEqual(1);
});

tap.test('connections outlive the configuration they were made in, where its limits stay', async () => {
  await using origin = await startOk();
  await using world = new UpstreamWorld();
  await world.ask(origin.port);
  const want = world.want(origin.port);
  const { pick } = want;
  const updated = { ...want, http: { ...want.http }, pick: { ...pick, target: { ...pick.target } } };
  expect(new Asked(world, updated).fate).toEqual('got');
  const bounded = { ...want, http: { ...want.http, maxUpstreamConnections: 5 } };
  expect(new Asked(world, bounded).fate).toEqual('waits');
  expect(world.upstreams.stats.pools).toEqual(2);
});

tap.test('a connection with a PROXY header belongs to one client, and ends with it', async () => {
  await using origin = await startOrigin((socket) => {
    socket.on('data', () => socket.write(okAnswer()));
    socket.on('end', () => socket.end());
  });
  await using world = new UpstreamWorld();
  const to = { sendProxyProtocol: 1 } as const;
  const [ann, bob] = ['192.0.2.7', '192.0.2.8'].map((clientIp) => makeConnection({ clientIp }));
  if (ann === undefined || bob === undefined) return;
  for (const connection of [ann, bob]) connection.serverIp = '192.0.2.254';
  for (const connection of [ann, bob, ann, bob]) {
    expect((await world.ask(origin.port, {}, { to, connection })).body).toEqual('ok');
  }
  expect(origin.sockets.length).toEqual(2);
  expect(world.upstreams.stats).toEqual({ pools: 2, open: 2, idle: 2, waiting: 0 });
  ann.finish('client_closed');
  expect(world.upstreams.stats).toEqual({ pools: 1, open: 1, idle: 1, waiting: 0 });
  await soon(() => origin.open === 1, 'the end of the first connection');
  bob.finish('client_closed');
  await soon(() => origin.open === 0, 'the end of the second connection');
  // A client that has left already leaves nothing behind.
  expect(await new Asked(world, world.want(origin.port, { to, connection: ann })).settled()).toEqual('POOL_CLOSED');
  expect(world.upstreams.stats.pools).toEqual(0);
});

tap.test('the PROXY header comes first and names the client', async () => {
  const got: Buffer[] = [];
  await using origin = await startOrigin((socket) => {
    socket.on('data', (bytes: Buffer) => {
      got.push(bytes);
      if (Buffer.concat(got).includes('\r\n\r\n')) socket.write(okAnswer());
    });
  });
  await using world = new UpstreamWorld();
  const connection = makeConnection({ clientIp: '192.0.2.7' });
  connection.serverIp = '192.0.2.254';
  await world.ask(origin.port, {}, { to: { sendProxyProtocol: 1 }, connection });
  const text = Buffer.concat(got).toString('latin1');
  expect(text).toMatch(/^PROXY TCP4 192\.0\.2\.7 192\.0\.2\.254 \d+ 443\r\nGET \/ HTTP\/1\.1\r\nHost: a\.test\r\n/);
});

tap.test('a fresh connection is one that has not served, and what was idle before it is given up', async () => {
  await using origin = await startOk();
  await using world = new UpstreamWorld();
  const want = world.want(origin.port);
  const used = await world.acquire(want);
  used.cancel();
  const fresh = await world.acquire({ ...want, fresh: true });
  expect(fresh).not.toEqual(used);
  expect(world.upstreams.stats).toEqual({ pools: 1, open: 1, idle: 0, waiting: 0 });
});

tap.test('where the pool is full, a fresh connection takes the place of the next that comes back', async () => {
  await using origin = await startOk();
  await using world = new UpstreamWorld({ http: { maxUpstreamConnections: 1 } });
  await world.ask(origin.port);
  const held = await world.acquire(world.want(origin.port));
  const fresh = new Asked(world, world.want(origin.port, { fresh: true }));
  held.cancel();
  expect(await fresh.settled()).toEqual('got');
  expect(fresh.origin === held).toEqual(false);
  expect(origin.accepted).toEqual(2);
});

tap.test(
  'a target that ends idle connections at the moment of their reuse costs one retry at most, and no POST twice',
  async () => {
    let posts = 0;
    // Each connection serves one request and ends when a second one comes, without an answer.
    await using origin = await startRecordingOrigin(({ index, method }) => {
      if (method === 'POST') posts += 1;
      return index === 0 ? okAnswer() : ['fin'];
    });
    await using world = new UpstreamWorld();
    const ask = async (method: string): Promise<string> => {
      const head = makeHead({ method });
      const heard = new Heard();
      (await world.acquire(world.want(origin.port))).send(head, heard);
      await heard.end();
      if (heard.failure === null) return 'answered';
      if (!mayRepeat(head, heard.failure, true)) return `failed, stale ${heard.failure.stale}`;
      const again = new Heard();
      (await world.acquire(world.want(origin.port, { fresh: true }))).send(head, again);
      await again.end();
      return again.failure === null ? 'answered after a retry' : 'failed twice';
    };
    expect(await ask('GET')).toEqual('answered');
    for (let count = 0; count < 20; count++) expect(await ask('GET')).toEqual('answered after a retry');
    expect(await ask('POST')).toEqual('failed, stale true');
    expect(posts).toEqual(1);
    expect(world.upstreams.stats.open).toEqual(0);
  },
);

tap.test('failures leave room: a pool of two serves again after a hundred targets that broke', async () => {
  let isBroken = true;
  await using origin = await startRecordingOrigin(() => (isBroken ? ['reset'] : okAnswer()));
  await using world = new UpstreamWorld({ http: { maxUpstreamConnections: 2 } });
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => world.ask(origin.port)));
  expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set(['TARGET_BROKE']));
  expect(world.upstreams.stats).toEqual({ pools: 1, open: 0, idle: 0, waiting: 0 });
  isBroken = false;
  const healthy = await Promise.all(Array.from({ length: 20 }, () => world.ask(origin.port)));
  expect(healthy.every(({ body }) => body === 'ok')).toEqual(true);
  expect(world.upstreams.stats).toEqual({ pools: 1, open: 2, idle: 2, waiting: 0 });
});

tap.test('cleanup ends all: idle ones, those in use, dials and waits', async () => {
  const clock = makeFakeClock();
  await using origin = await startRecordingOrigin([]);
  await using hole = await startBlackhole();
  const world = new UpstreamWorld({ clock, http: { maxUpstreamConnections: 1 } });
  const heard = new Heard();
  (await world.acquire(world.want(origin.port))).send(makeHead(), heard);
  await origin.seen(1);
  const waits = new Asked(world, world.want(origin.port));
  const dials = new Asked(world, world.want(hole.port));
  await world.upstreams.cleanup();
  expect(heard.code).toEqual('TARGET_BROKE');
  expect(await waits.settled()).toEqual('POOL_CLOSED');
  expect(await dials.settled()).toEqual('POOL_CLOSED');
  expect(await new Asked(world, world.want(origin.port)).settled()).toEqual('POOL_CLOSED');
  await soon(() => origin.open === 0, 'the end of the connection');
  expect(clock.pending).toEqual(0);
});

tap.test('Node reads what we write, whatever the content', async () => {
  await using origin = await startHttpOrigin();
  await using world = new UpstreamWorld();
  for (const length of [0, 1, 100, 8_192, 8_193, 70_000, 1_000_000]) {
    for (const contentLength of [length, -1]) {
      const heard = new Heard();
      const one = await world.acquire(world.want(origin.port));
      one.send(makeHead({ method: 'PUT', target: '/x?y', contentLength }), heard);
      const content = Buffer.alloc(length, 'abc');
      if (contentLength !== 0) {
        for (let at = 0; at < length; at += 60_000) {
          if (!one.data(content.subarray(at, at + 60_000)))
            await new Promise<void>((resolve) => {
              heard.on = (call) => call === 'drained' && resolve();
            });
        }
        one.end(null);
      }
      const told = JSON.parse((await heard.end()).body) as { body: string; method: string; url: string };
      expect([told.method, told.url, told.body === content.toString()]).toEqual(['PUT', '/x?y', true]);
    }
  }
  expect(origin.accepted).toEqual(1);
});

tap.test('a socket that fails while nobody uses it harms nobody', async () => {
  const sockets: Socket[] = [];
  await using origin = await startOrigin((socket) => {
    sockets.push(socket);
    socket.on('data', () => socket.write(okAnswer()));
  });
  await using world = new UpstreamWorld();
  await Promise.all(Array.from({ length: 10 }, () => world.ask(origin.port)));
  expect(world.upstreams.stats.idle).toEqual(10);
  for (const socket of sockets) socket.resetAndDestroy();
  await soon(() => world.upstreams.stats.open === 0, 'an empty pool');
  await Promise.all(sockets.map((socket) => (socket.closed ? null : once(socket, 'close'))));
  expect((await world.ask(origin.port)).body).toEqual('ok');
});

export default tap.start();
