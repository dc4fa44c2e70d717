// From an admitted connection to a connected target, with targets that are not there.

import type { Socket } from 'node:net';
import { ProxyError } from '../../../ts/base/errors.js';
import type { ILogger } from '../../../ts/base/logger.js';
import type { Connection } from '../../../ts/flow/connection.js';
import { ConnectionManager } from '../../../ts/flow/connection-manager.js';
import type { TEnd } from '../../../ts/flow/ends.js';
import type { IForwardDeps } from '../../../ts/flow/forward/deps.js';
import { dial } from '../../../ts/flow/forward/dial.js';
import type { IPickSession, IResolver, ITargetPick } from '../../../ts/flow/forward/target-types.js';
import type { IAdmitted } from '../../../ts/flow/stages.js';
import { startBlackhole } from '../../helpers/blackhole.js';
import { makeCertificate } from '../../helpers/certificates.js';
import { type IFakeClock, makeFakeClock, settle } from '../../helpers/fake-clock.js';
import { makeFacts, makeRoute } from '../../helpers/make-route.js';
import { makeTarget, type TTargetParts } from '../../helpers/make-targets.js';
import { makeUpstreamTls } from '../../helpers/make-tls.js';
import { closedPort, startEcho, startOrigin, startTlsOrigin } from '../../helpers/origins.js';
import { makeSocketPair } from '../../helpers/socket-pair.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

interface IWorld extends AsyncDisposable {
  readonly clock: IFakeClock;
  readonly connections: ConnectionManager;
  readonly connection: Connection;
  readonly client: Socket;
  /** `warn: no target could be reached`, in order. */
  readonly logged: string[];
  /** What became of the leases: `a:80 failed ECONNREFUSED`, `b:80 connected`, `b:80 released`. */
  readonly leases: string[];
  /** The host and port of what was dialed in the end. */
  readonly dialed: string[];
  readonly ends: TEnd[];
  start(): void;
  /** Waits until the dial is over, either way. */
  over(): Promise<void>;
}

interface IParts {
  /** Host and port of each target, in the order of trying. */
  readonly targets: readonly (readonly [host: string, port: number, more?: TTargetParts])[];
  readonly resolve?: IResolver['resolve'];
  readonly connectionTimeoutMs?: number;
  readonly denyPrivateTargets?: boolean;
  /** Instead of a session over `targets`. */
  readonly next?: IPickSession['next'];
}

async function makeWorld(parts: IParts): Promise<IWorld> {
  const { targets, resolve = (host) => [host], connectionTimeoutMs = 10_000, denyPrivateTargets = false } = parts;
  const clock = makeFakeClock();
  clock.advance(1);
  const logged: string[] = [];
  const logger = Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [
      level,
      (_: object, what: string) => logged.push(`${level}: ${what}`),
    ]),
  ) as unknown as ILogger;
  const ends: TEnd[] = [];
  const ignore = () => {};
  const observer = { connectionOpened: ignore, connectionRouted: ignore, connectionRefused: ignore };
  const connections = new ConnectionManager({
    ...{ clock, logger, maxConnections: 10, initialDataTimeoutMs: 1_000 },
    observers: [{ ...observer, connectionEnded: (_connection, end) => void ends.push(end) }],
  });
  const pair = await makeSocketPair();
  const connection = connections.createConnection(pair.near, 443) as Connection;
  const route = makeRoute();
  connection.routed = route;
  connection.timeouts = { ...route.timeouts, connectionTimeoutMs };

  const leases: string[] = [];
  const left = targets.map((target) => makePick(target, leases));
  const session: IPickSession = { next: parts.next ?? (() => left.shift() ?? null), stickyCookie: () => null };
  const resolver: IResolver = { resolve };
  const picker = { session: () => session, explain: () => [] };
  const socket = { noDelay: true, keepAlive: false, keepAliveInitialDelayMs: 0 };
  const deps: IForwardDeps = {
    ...{ clock, logger, connections, resolver, socket, denyPrivateTargets },
    pickerFor: () => picker,
  };
  const dialed: string[] = [];
  const admitted = { connection, facts: makeFacts(), bytes: null, route } as unknown as IAdmitted;
  return {
    ...{ clock, connections, connection, client: pair.far, logged, leases, dialed, ends },
    start: () =>
      dial(admitted, deps, (upstream, { host, port }) => {
        dialed.push(`${host}:${port}`);
        connection.phase = 'transfer';
        upstream.on('error', () => {});
      }),
    over: () =>
      until(
        () => dialed.length + ends.length > 0,
        5_000,
        () => `the end of the dial, has ${logged}`,
      ),
    async [Symbol.asyncDispose]() {
      await connections.cleanup();
      await pair[Symbol.asyncDispose]();
    },
  };
}

function makePick([host, port, more]: IParts['targets'][number], log: string[]): ITargetPick {
  let held = true;
  const end = (how: string) => {
    if (held) log.push(`${host} ${how}`);
    held = false;
  };
  const lease = {
    connected: () => void log.push(`${host} connected`),
    answered: () => {},
    failed: (error: unknown) => end(`failed ${(error as { code?: string }).code}`),
    release: () => end('released'),
  };
  return { host, port, target: makeTarget({ host, port, ...more }), lease };
}

/** Names of these tests stand for addresses on loopback. */
const loopback = () => ['127.0.0.1'];

tap.test('the first target that accepts is taken, and its lease lasts as long as the connection', async () => {
  await using echo = await startEcho();
  const refusing = await closedPort();
  await using world = await makeWorld({
    targets: [
      ['a', refusing],
      ['b', echo.port],
      ['c', echo.port],
    ],
    resolve: loopback,
  });
  world.start();
  await world.over();
  expect(world.dialed).toEqual([`b:${echo.port}`]);
  expect(world.leases).toEqual(['a failed ECONNREFUSED', 'b connected']);
  expect(world.connection.target).toEqual({ host: 'b', port: echo.port });
  expect(world.logged).toEqual(['debug: dial failed']);
  world.connections.cleanupConnection(world.connection, 'client_closed');
  expect(world.leases.at(-1)).toEqual('b released');
});

tap.test('the last failure names the end, and one warning tells of it', async () => {
  const refusing = await closedPort();
  const unresolved = () => Promise.reject(new ProxyError('TARGET_UNRESOLVED', 'no such name'));
  const full = () => Promise.reject(Object.assign(new Error('no descriptor'), { code: 'EMFILE' }));
  const cases: readonly (readonly [IParts, TEnd])[] = [
    // The kernel itself refuses TCP to everybody.
    [{ targets: [['a', 9]], resolve: () => ['255.255.255.255'] }, 'target_unreachable'],
    [{ targets: [['a', 80]], resolve: full }, 'descriptor_limit'],
    [{ targets: [['a', refusing]], resolve: loopback }, 'target_refused'],
    [{ targets: [['a', 80]], resolve: unresolved }, 'target_unresolved'],
    [
      {
        targets: [['a', 80]],
        resolve: () => {
          throw new ProxyError('TARGET_UNRESOLVED', 'no such name');
        },
      },
      'target_unresolved',
    ],
    [{ targets: [['a', 80]], resolve: loopback, denyPrivateTargets: true }, 'target_denied'],
    [{ targets: [] }, 'no_target'],
    [
      {
        targets: [],
        next: () => {
          throw new ProxyError('TARGET_FUNCTION_FAILED', 'threw');
        },
      },
      'no_target',
    ],
  ];
  for (const [parts, end] of cases) {
    await using world = await makeWorld(parts);
    world.start();
    await world.over();
    expect(world.ends).toEqual([end]);
    expect(world.logged.filter((line) => line.startsWith('warn'))).toEqual(['warn: no target could be reached']);
    expect(world.leases.some((line) => line.endsWith('connected') || line.endsWith('released'))).toBeFalse();
    expect(world.leases).toHaveLength(parts.targets.length);
  }
});

tap.test('no more than five targets are tried', async () => {
  const refusing = await closedPort();
  const targets = Array.from({ length: 9 }, (_, index) => [`t${index}`, refusing] as const);
  await using world = await makeWorld({ targets, resolve: loopback });
  world.start();
  await world.over();
  expect(world.ends).toEqual(['target_refused']);
  expect(world.leases).toHaveLength(5);
});

tap.test('each of a target’s addresses is tried, three at most, before it counts as failed', async () => {
  await using echo = await startEcho();
  const none = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
  await using reached = await makeWorld({
    targets: [['a', echo.port]],
    resolve: () => [...none.slice(0, 2), '127.0.0.1'],
  });
  reached.start();
  await reached.over();
  expect(reached.leases).toEqual(['a connected']);
  await using missed = await makeWorld({ targets: [['a', echo.port]], resolve: () => [...none, '127.0.0.1'] });
  missed.start();
  await missed.over();
  expect(missed.leases).toEqual(['a failed ECONNREFUSED']);
  expect(missed.ends).toEqual(['target_refused']);
});

tap.test('a target that does not answer is given its time, then the next one is tried', async () => {
  await using blackhole = await startBlackhole();
  await using echo = await startEcho();
  await using world = await makeWorld({
    targets: [
      ['a', blackhole.port],
      ['b', blackhole.port],
      ['c', echo.port],
    ],
    resolve: loopback,
    connectionTimeoutMs: 200,
  });
  world.start();
  await world.clock.advanceAsync(199);
  expect(world.leases).toEqual([]);
  await world.clock.advanceAsync(1);
  expect(world.leases).toEqual(['a failed TARGET_TIMEOUT']);
  await world.clock.advanceAsync(200);
  await world.over();
  expect(world.leases).toEqual(['a failed TARGET_TIMEOUT', 'b failed TARGET_TIMEOUT', 'c connected']);
  // The limit of the dial is over with it.
  await world.clock.advanceAsync(10_000);
  expect(world.ends).toEqual([]);
});

tap.test('a name that is not resolved in time costs its target the time, not more', async () => {
  let answer: (addresses: string[]) => void = () => {};
  const resolve: IResolver['resolve'] = (host) =>
    host === 'slow' ? new Promise<string[]>((resolved) => (answer = resolved)) : loopback();
  await using echo = await startEcho();
  await using world = await makeWorld({
    targets: [
      ['slow', echo.port],
      ['b', echo.port],
    ],
    resolve,
    connectionTimeoutMs: 100,
  });
  world.start();
  await world.clock.advanceAsync(100);
  await world.over();
  expect(world.dialed).toEqual([`b:${echo.port}`]);
  // The late answer is nobody's.
  answer(['127.0.0.1']);
  await settle();
  await settle();
  expect(world.leases).toEqual(['slow failed TARGET_TIMEOUT', 'b connected']);
  expect(echo.sockets).toHaveLength(1);
});

tap.test('a client that leaves aborts the dial; what comes late is a debug line', async () => {
  await using blackhole = await startBlackhole();
  await using dialing = await makeWorld({ targets: [['a', blackhole.port]], resolve: loopback });
  dialing.start();
  expect(dialing.connection.outgoing?.connecting).toBeTrue();
  dialing.client.resetAndDestroy();
  await dialing.over();
  expect(dialing.ends).toEqual(['client_error']);
  expect(dialing.leases).toEqual(['a released']);
  expect(dialing.connection.outgoing?.destroyed).toBeTrue();
  dialing.connection.outgoing?.emit('error', new Error('late'));
  expect(dialing.logged.filter((line) => !line.startsWith('debug'))).toEqual([]);
  expect(dialing.logged.at(-1)).toEqual('debug: dial failed after it was given up');

  let fail: (error: Error) => void = () => {};
  const resolve = () => new Promise<string[]>((_, reject) => (fail = reject));
  await using resolving = await makeWorld({ targets: [['a', 80]], resolve });
  resolving.start();
  resolving.connections.cleanupConnection(resolving.connection, 'closed_during_dial');
  fail(new ProxyError('TARGET_UNRESOLVED', 'late'));
  await settle();
  expect(resolving.ends).toEqual(['closed_during_dial']);
  expect(resolving.leases).toEqual(['a released']);
  expect(resolving.logged.filter((line) => !line.startsWith('debug'))).toEqual([]);
});

tap.test(
  'a target with TLS is taken when its certificate is verified, and another is tried where it is not',
  async () => {
    const own = await makeCertificate({ names: ['a'] });
    const foreign = await makeCertificate({ names: ['a'], authority: 'strangers' });
    await using stranger = await startTlsOrigin(foreign, 'stranger');
    await using origin = await startTlsOrigin(own, 'hello');
    const tls = makeUpstreamTls({ ca: [own.ca] });
    await using world = await makeWorld({
      targets: [
        ['a', stranger.port, { tls }],
        ['b', origin.port, { tls }],
        ['a', origin.port, { tls }],
      ],
      resolve: loopback,
    });
    world.start();
    await world.over();
    expect(world.dialed).toEqual([`a:${origin.port}`]);
    expect(world.leases).toEqual(['a failed TARGET_TLS', 'b failed TARGET_TLS', 'a connected']);
    expect('encrypted' in (world.connection.outgoing ?? {})).toEqual(true);
    world.connections.cleanupConnection(world.connection, 'client_closed');
  },
);

tap.test('the PROXY header goes before the TLS handshake', async () => {
  const seen: Buffer[] = [];
  await using origin = await startOrigin((socket) => void socket.on('data', (chunk) => seen.push(chunk)));
  await using world = await makeWorld({
    targets: [['a', origin.port, { tls: makeUpstreamTls(), sendProxyProtocol: 1 }]],
    resolve: loopback,
  });
  world.start();
  await until(
    () => Buffer.concat(seen).length > 100,
    5_000,
    () => 'a header and a ClientHello',
  );
  const [header = '', rest = ''] = Buffer.concat(seen).toString('latin1').split('\r\n');
  expect(header).toMatch(/^PROXY TCP/);
  expect([rest.charCodeAt(0), rest.charCodeAt(5)]).toEqual([22, 1]);
  world.connections.cleanupConnection(world.connection, 'shutdown');
});

tap.test('the time for a target covers its TLS handshake, and ends what is under way', async () => {
  await using silent = await startOrigin((socket) => void socket.resume().on('end', () => socket.end()));
  await using world = await makeWorld({
    targets: [['a', silent.port, { tls: makeUpstreamTls() }]],
    resolve: loopback,
    connectionTimeoutMs: 3_000,
  });
  world.start();
  await until(
    () => world.connection.outgoing !== null && 'encrypted' in world.connection.outgoing,
    5_000,
    () => 'a handshake',
  );
  world.clock.advance(3_001);
  await world.over();
  expect(world.ends).toEqual(['connection_timeout']);
  expect(world.leases).toEqual(['a failed TARGET_TIMEOUT']);
  await until(
    () => silent.open === 0,
    5_000,
    () => 'no socket at the target',
  );
});

tap.test('a target that fails in its TLS handshake is what the end says', async () => {
  const serves: readonly ((socket: Socket) => void)[] = [
    (socket) => void socket.once('data', () => socket.end('no TLS at all\r\n')),
    (socket) => void socket.once('data', () => socket.end()),
    (socket) => void socket.once('data', () => socket.resetAndDestroy()),
  ];
  for (const serve of serves) {
    await using origin = await startOrigin(serve);
    await using world = await makeWorld({
      targets: [['a', origin.port, { tls: makeUpstreamTls() }]],
      resolve: loopback,
    });
    world.start();
    await world.over();
    expect(world.ends).toEqual(['target_tls_error']);
  }
});

tap.test('a client that leaves during the TLS handshake with a target aborts it', async () => {
  await using silent = await startOrigin((socket) => void socket.resume().on('end', () => socket.end()));
  await using world = await makeWorld({ targets: [['a', silent.port, { tls: makeUpstreamTls() }]], resolve: loopback });
  world.start();
  await until(
    () => world.connection.outgoing !== null && 'encrypted' in world.connection.outgoing,
    5_000,
    () => 'a handshake',
  );
  world.client.destroy();
  await world.over();
  expect(world.ends).toEqual(['closed_during_dial']);
  expect(world.leases).toEqual(['a released']);
  await until(
    () => silent.open === 0,
    5_000,
    () => 'no socket at the target',
  );
});

export default tap.start();
