// The program around us: nothing of it is touched, nothing keeps it alive, and nothing that it does wrong reaches traffic.

import { setTimeout as delay } from 'node:timers/promises';
import type { IHostParts, ILogger, IRouteConfig } from '../../ts/index.js';
import { connectTcp } from '../helpers/clients.js';
import { closedPort, startEcho } from '../helpers/origins.js';
import { runProcess } from '../helpers/rig-process.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { moduleUrl, nodeArgs } from '../helpers/this-run.js';

tap.timeout(100_000);

/** What every program below begins with. `look` sees all that a library could leave behind in its host. */
const prelude = `
import dns from 'node:dns';
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
const listeners = (emitter) => emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]).sort();
const look = () => ({
  process: listeners(process),
  streams: [process.stdout, process.stderr].map(listeners),
  signals: process.listenerCount('SIGTERM') + process.listenerCount('SIGINT'),
  // zod, a library of ours, keeps two registries there, so that its copies in a program know each other.
  globals: Reflect.ownKeys(globalThis).map(String).filter((name) => !name.startsWith('__zod_global')),
  prototypes: [Object, Array, Promise, Function, Error, EventEmitter, net.Socket, net.Server]
    .map((type) => Reflect.ownKeys(type.prototype).length),
  settings: [dns.getDefaultResultOrder(), net.getDefaultAutoSelectFamily(), EventEmitter.defaultMaxListeners,
    Error.stackTraceLimit, process.title, process.exitCode, process.cwd(), Object.keys(process.env).length],
});
const resources = () => process.getActiveResourcesInfo().filter((name) => /Server|Socket|TCP|UDP|Timeout|DNS|GetAddr/.test(name));
const fewerResources = async (wanted) => {
  for (let look = 0; look < 400 && resources().length > wanted; look++) await new Promise((resolve) => setTimeout(resolve, 20));
};
const tell = (facts) => process.stdout.write(JSON.stringify(facts));
const exchange = async (port) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.write('hello\\r\\n');
  await once(socket, 'data');
  socket.end();
  await once(socket, 'close');
};
const startEcho = async () => {
  const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};
const routesTo = (port) => [
  { name: 'plain', match: { ports: 0, protocol: 'other' }, action: { type: 'forward', target: { host: '127.0.0.1', port } } },
  { name: 'checked', match: { ports: 0, domains: 'a.test' }, action: { type: 'forward',
    targets: [{ host: 'localhost', port }, { host: '127.0.0.1', port: 1 }],
    healthCheck: { interval: 5, timeout: 1000, unhealthyThreshold: 1, healthyThreshold: 1 } } },
];
`;

/** Runs a program of its own to its natural end. What it writes must be one JSON text and nothing else. */
async function run(code: string): Promise<unknown> {
  const args = ['--expose-gc', ...nodeArgs, '--input-type=module', '-e', `${prelude}${code}`];
  const output = await runProcess(process.execPath, args, { withinMs: 20_000 });
  try {
    return JSON.parse(output);
  } catch {
    throw new Error(`more than the program itself was written:\n${output}`);
  }
}

tap.test('importing changes nothing and leaves nothing to be done', async () => {
  const { before, after, open } = (await run(`
    const before = look();
    await import(${JSON.stringify(moduleUrl('ts/index.ts'))});
    await import(${JSON.stringify(moduleUrl('ts/utils.ts'))});
    tell({ before, after: look(), open: resources() });
  `)) as { before: object; after: object; open: string[] };
  expect(after).toEqual(before);
  expect(open).toEqual([]);
});

tap.test(
  'a proxy at work touches nothing global, writes nothing, and the program ends by itself after stop',
  async () => {
    const { before, during, after, open } = (await run(`
    const before = look();
    const { SmartProxy } = await import(${JSON.stringify(moduleUrl('ts/index.ts'))});
    const echo = await startEcho();
    const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: routesTo(echo.address().port) });
    const down = once(proxy, 'target-down');
    await proxy.start();
    const [port] = proxy.getListeningPorts();
    await Promise.all([exchange(port), exchange(port), down]);
    await proxy.updateRoutes(routesTo(echo.address().port).reverse());
    await exchange(port);
    try { new SmartProxy({ routes: 'none' }); } catch {}
    const during = look();
    await proxy.stop();
    echo.close();
    await once(echo, 'close');
    // A socket that was destroyed gives its handle back a little later.
    await fewerResources(0);
    tell({ before, during, after: look(), open: resources() });
  `)) as { before: object; during: object; after: object; open: string[] };
    expect(during).toEqual(before);
    expect(after).toEqual(before);
    expect(open).toEqual([]);
  },
);

tap.test('only open ports keep a program alive: no timer, no probe, no metrics', async () => {
  // It never stops its proxies; the first listens nowhere, the second nowhere any more.
  const { wasOpen, isOpen } = (await run(`
    const { SmartProxy } = await import(${JSON.stringify(moduleUrl('ts/index.ts'))});
    await new SmartProxy({ routes: [] }).start();
    const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: routesTo(1) });
    await proxy.start();
    await once(proxy, 'target-down');
    const wasOpen = proxy.getListeningPorts().length;
    await proxy.removeListeningPort(0);
    tell({ wasOpen, isOpen: proxy.getListeningPorts().length });
  `)) as { wasOpen: number; isOpen: number };
  expect([wasOpen, isOpen]).toEqual([1, 0]);
});

tap.test('twenty proxies, one after the other, leave no handle and no memory', async (t) => {
  const { handles, heaps, process } = (await run(`
    const { SmartProxy } = await import(${JSON.stringify(moduleUrl('ts/index.ts'))});
    const echo = await startEcho();
    const handles = [];
    const heaps = [];
    const seen = new Set();
    for (let round = 0; round < 30; round++) {
      const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: routesTo(echo.address().port) });
      const down = once(proxy, 'target-down');
      await proxy.start();
      const [port] = proxy.getListeningPorts();
      await Promise.all([exchange(port), exchange(port), down]);
      await proxy.updateRoutes(routesTo(echo.address().port).slice(0, 1));
      await exchange(port);
      await proxy.stop();
      await fewerResources(1);
      gc();
      gc();
      handles.push(resources().join());
      heaps.push(process.memoryUsage().heapUsed);
      seen.add(JSON.stringify(listeners(process)));
    }
    echo.close();
    tell({ handles, heaps, process: seen.size });
  `)) as { handles: string[]; heaps: number[]; process: number };
  expect(new Set(handles)).toEqual(new Set(['TCPServerWrap']));
  expect(process).toEqual(1);
  // The first ten warm the code up.
  const [warm = 0, last = 0] = [heaps[9], heaps[29]];
  t.diagnostic(`heap after 10, 20 and 30 proxies: ${[warm, heaps[19], last].join(', ')} B`);
  expect(last - warm).toBeLessThan(1_000_000);
});

const thrower = (): never => {
  throw new Error('thrown on purpose');
};
const rejecter = async (): Promise<never> => {
  await delay(1);
  throw new Error('rejected on purpose');
};

for (const [what, method] of [
  ['throws', thrower],
  ['rejects', rejecter],
] as const) {
  tap.test(`a logger that ${what} at every line is heard by nobody`, async () => {
    await using echo = await startEcho();
    let lines = 0;
    const log = (() => {
      lines += 1;
      return method();
    }) as unknown as ILogger['debug'];
    const dead = await closedPort();
    const handlerRoute: IRouteConfig = {
      name: 'broken',
      match: { ports: 0, protocol: 'http' },
      action: { type: 'socket-handler', socketHandler: thrower },
    };
    const tls: IRouteConfig = makeForwardRoute(dead, { name: 'dead', match: { ports: 0, protocol: 'tls' } });
    const rest = makeForwardRoute(echo.port, { name: 'rest', match: { ports: 0, protocol: 'other' } });
    await using world = await startProxy({
      logger: { debug: log, info: log, warn: log, error: log },
      routes: [handlerRoute, tls, rest],
    });
    world.proxy.on('route-update', thrower);
    const helloStart = Buffer.from([22, 3, 1, 0, 50, 1]);
    for (const [bytes, end] of [
      ['GET / HTTP/1.1\r\nHost: a.test\r\n\r\n', 'handler_error'],
      [helloStart, 'target_refused'],
    ] as const) {
      await using client = await connectTcp(world.port);
      client.send(bytes);
      await client.closed;
      expect(await world.ends()).toEqual([end]);
    }
    await world.proxy.updateRoutes([rest]);
    await using client = await connectTcp(world.port);
    client.send('fine\r\n');
    expect(await client.receive(6)).toEqual('fine\r\n');
    client.socket.resetAndDestroy();
    expect(await world.ends()).toEqual(['client_error']);
    expect(lines).toBeGreaterThan(6);
  });
}

/** What the host program's resolver may do, with the end of a connection that needs it. */
const resolvers: Record<string, [resolve: unknown, end: string]> = {
  throws: [thrower, 'target_unresolved'],
  rejects: [rejecter, 'target_unresolved'],
  'rejects with nothing': [() => Promise.reject(), 'target_unresolved'],
  'answers nothing': [() => undefined, 'target_unresolved'],
  'answers nothing later': [async () => undefined, 'target_unresolved'],
  'answers null': [() => null, 'target_unresolved'],
  'knows no address': [() => [], 'target_unresolved'],
  'knows no address later': [async () => [], 'target_unresolved'],
  'gives names for addresses': [() => ['also.a.name.test'], 'target_unresolved'],
  'gives numbers': [async () => [127, 0, 0, 1], 'target_unresolved'],
  'gives brackets': [() => ['[::1]'], 'target_unresolved'],
  'gives a text': [() => '127.0.0.1', 'target_unresolved'],
  'never answers': [() => new Promise(() => {}), 'connection_timeout'],
};

for (const [what, [resolve, end]] of Object.entries(resolvers)) {
  tap.test(`a resolver that ${what} ends the connection that asked it, with ${end}`, async () => {
    await using echo = await startEcho();
    let isBroken = true;
    const own = { resolve: (name: string) => (isBroken ? (resolve as (name: string) => never)(name) : ['127.0.0.1']) };
    await using world = await startProxy(
      {
        ...(end === 'connection_timeout' ? { connectionTimeout: 1_500 } : {}),
        routes: [
          {
            name: 'named',
            match: { ports: 0 },
            action: {
              type: 'forward',
              target: { host: 'a.test', port: echo.port },
              healthCheck: { interval: 5, timeout: 20 },
            },
          },
        ],
      },
      { resolver: own } as IHostParts,
    );
    await (await connectTcp(world.port)).closed;
    expect(await world.ends()).toEqual([end]);
    isBroken = false;
    await using client = await connectTcp(world.port);
    client.send('found');
    expect(await client.receive(5)).toEqual('found');
    client.socket.end();
  });
}

tap.test('an address needs no resolver', async () => {
  await using echo = await startEcho();
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port)] }, { resolver: { resolve: thrower } });
  await using client = await connectTcp(world.port);
  client.send('found');
  expect(await client.receive(5)).toEqual('found');
  client.socket.end();
});

tap.test('what becomes of the options afterwards changes nothing, not even at the next update', async () => {
  const blocked = ['192.0.2.1'];
  const routes = [makeForwardRoute(await closedPort())];
  await using started = await startProxy({ routes, defaults: { security: { ipBlockList: blocked } } });
  const outcomes = () => {
    const ask = (clientIp: string) => started.proxy.explain({ port: started.port, clientIp }).outcome;
    return [ask('192.0.2.1'), ask('192.0.2.2')];
  };
  blocked.push('192.0.2.2');
  expect(outcomes()).toEqual(['refused', 'forward']);
  await started.proxy.updateRoutes(routes);
  expect(outcomes()).toEqual(['refused', 'forward']);
});

export default tap.start();
