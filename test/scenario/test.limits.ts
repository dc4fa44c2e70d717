// Limits and rules: who is refused, with which word, and that everybody else is served.

import { setTimeout as delay } from 'node:timers/promises';
import type { IRouteConfig, TEnd } from '../../ts/index.js';
import { connectTcp, type IClient } from '../helpers/clients.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { startEcho } from '../helpers/origins.js';
import { startProxyProcess } from '../helpers/proxy-process.js';
import { type IStartOptions, makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

async function isServed(client: IClient): Promise<boolean> {
  client.send('x');
  return await client.receive(1).then(
    () => true,
    () => false,
  );
}

async function finish(client: IClient): Promise<void> {
  client.socket.end();
  await client.end;
}

/** Lets two in and refuses a third with `word`; when one of the two is done, there is room again. */
async function checkLimitOfTwo(options: IStartOptions, word: TEnd): Promise<void> {
  await using world = await startProxy(options);
  await using first = await connectTcp(world.port);
  await using second = await connectTcp(world.port);
  expect([await isServed(first), await isServed(second)]).toEqual([true, true]);
  await using third = await connectTcp(world.port);
  expect(await isServed(third)).toBeFalse();
  await until(
    () => {
      const { ends, refused } = world.proxy.getMetrics();
      return ends[word] + refused[word] === 1;
    },
    2_000,
    () => `one ${word}`,
  );
  expect(await isServed(second)).toBeTrue();
  await finish(first);
  await until(
    () => world.proxy.getConnections().length === 1,
    2_000,
    () => 'one connection',
  );
  await using fourth = await connectTcp(world.port);
  expect(await isServed(fourth)).toBeTrue();
  await finish(second);
  await finish(fourth);
}

tap.test('maxConnections counts the whole proxy and refuses without a record', async () => {
  await using echo = await startEcho();
  const routes = [makeForwardRoute(echo.port)];
  await using world = await startProxy({ maxConnections: 1, routes });
  await using first = await connectTcp(world.port);
  expect(await isServed(first)).toBeTrue();
  await using refused = await connectTcp(world.port);
  expect(await isServed(refused)).toBeFalse();
  expect(world.proxy.getConnections()).toHaveLength(1);
  expect(world.ended).toHaveLength(0);
  expect(world.proxy.getMetrics().refused.connection_limit).toEqual(1);
  expect(world.proxy.getMetrics().ends.connection_limit).toEqual(0);
  await finish(first);
  await checkLimitOfTwo({ maxConnections: 2, routes }, 'connection_limit');
});

tap.test('a route and an address have limits of their own', async () => {
  await using echo = await startEcho();
  const limited = makeForwardRoute(echo.port, { security: { maxConnections: 2 } });
  await checkLimitOfTwo({ routes: [limited] }, 'route_connection_limit');
  await checkLimitOfTwo({ routes: [makeForwardRoute(echo.port)], maxConnectionsPerIP: 2 }, 'connection_limit');
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port)], maxConnectionsPerIP: 1 });
  await using one = await connectTcp(world.port);
  await using other = await connectTcp(world.port, { localAddress: '127.0.0.2' });
  expect([await isServed(one), await isServed(other)]).toEqual([true, true]);
  await Promise.all([finish(one), finish(other)]);
});

tap.test('a connection whose dial fails gives its place back', async () => {
  await using echo = await startEcho();
  const route = makeForwardRoute(1, { security: { maxConnections: 1 }, match: { ports: 0 } });
  await using world = await startProxy({ routes: [route], maxConnectionsPerIP: 1 });
  for (let visit = 0; visit < 5; visit++) {
    await using client = await connectTcp(world.port);
    await client.closed;
    expect(await world.ends()).toEqual(['target_refused']);
  }
  expect(echo.sockets).toHaveLength(0);
});

tap.test('the rate counts connections of the last minute', async () => {
  await using echo = await startEcho();
  const clock = makeFakeClock();
  await using world = await startProxy(
    { routes: [makeForwardRoute(echo.port)], connectionRateLimitPerMinute: 2 },
    { clock },
  );
  const visit = async (): Promise<boolean> => {
    await using client = await connectTcp(world.port);
    const served = await isServed(client);
    if (served) await finish(client);
    await world.ends();
    return served;
  };
  expect([await visit(), await visit(), await visit()]).toEqual([true, true, false]);
  expect(world.ended.at(-1)?.end).toEqual('rate_limit');
  clock.advance(121_000);
  expect(await visit()).toBeTrue();
});

tap.test('address rules decide after matching, block wins, and every place of theirs applies', async () => {
  await using echo = await startEcho();
  const security = { ipAllowList: ['127.0.0.0/8'], ipBlockList: ['127.0.0.2', '127.0.1.*'] };
  const rule = makeForwardRoute(echo.port, {
    security,
    action: {
      type: 'forward',
      target: { host: '127.0.0.1', port: echo.port },
      security: { ipAllowList: ['127.0.0.1-127.0.0.9', '127.0.1.1'] },
    },
  });
  // A route behind it that would take everybody is never asked: the first match decides.
  const open: IRouteConfig = makeForwardRoute(echo.port, { name: 'open', priority: -1 });
  await using world = await startProxy({
    routes: [rule, open],
    defaults: { security: { ipBlockList: ['127.0.0.5'] } },
  });
  const verdicts: Record<string, string> = {
    '127.0.0.1': 'client_closed',
    '127.0.0.2': 'route_ip_blocked',
    '127.0.1.1': 'route_ip_blocked',
    '127.0.0.9': 'client_closed',
    '127.0.0.10': 'route_ip_blocked',
    '127.0.0.5': 'ip_blocked',
  };
  for (const [localAddress, word] of Object.entries(verdicts)) {
    await using client = await connectTcp(world.port, { localAddress });
    if (await isServed(client)) await finish(client);
    expect(await world.ends()).toEqual([word]);
    expect(world.ended.at(-1)?.connection.clientIp).toEqual(localAddress);
  }
  expect(echo.sockets).toHaveLength(2);
});

tap.test('denyPrivateTargets refuses to dial what is private, however it is written', async () => {
  await using echo = await startEcho();
  for (const host of ['127.0.0.1', '::ffff:127.0.0.1', '10.0.0.1', '169.254.169.254', 'localhost']) {
    const route = makeForwardRoute(echo.port, {
      action: { type: 'forward', target: { host: () => host, port: echo.port } },
    });
    await using world = await startProxy({ routes: [route], denyPrivateTargets: true });
    await using client = await connectTcp(world.port);
    await client.closed;
    expect(await world.ends()).toEqual(['target_denied']);
  }
  expect(echo.sockets).toHaveLength(0);
});

tap.test('a target function that gives nonsense ends its connection and nothing else', async () => {
  const nonsense = [Number.NaN, 70_000, -1, 1.5, '80' as unknown as number, null as unknown as number];
  for (const value of nonsense) {
    const route = makeForwardRoute(1, {
      action: { type: 'forward', target: { host: '127.0.0.1', port: () => value } },
    });
    await using world = await startProxy({ routes: [route] });
    await using client = await connectTcp(world.port);
    await client.closed;
    expect(await world.ends()).toEqual(['no_target']);
  }
  for (const host of ['', 'no host', '\0', [] as string[], {} as string]) {
    const route = makeForwardRoute(1, { action: { type: 'forward', target: { host: () => host, port: 1 } } });
    await using world = await startProxy({ routes: [route] });
    await using client = await connectTcp(world.port);
    await client.closed;
    expect(['no_target', 'target_unresolved']).toContain((await world.ends())[0]);
  }
});

tap.test('out of descriptors, live connections live, the proxy rests, and it serves again afterwards', async () => {
  await using echo = await startEcho();
  await using proxy = await startProxyProcess({ maxConnections: 10_000, routes: [makeForwardRoute(echo.port)] }, 128);
  await using old = await connectTcp(proxy.port);
  expect(await isServed(old)).toBeTrue();
  const before = await proxy.state();
  const flood = await Promise.all(Array.from({ length: 200 }, () => connectTcp(proxy.port).catch(() => null)));
  await delay(300);
  const full = await proxy.state();
  old.send('y');
  expect(await old.receive(2)).toEqual('xy');
  await delay(500);
  const later = await proxy.state();
  expect(later.cpuMs - full.cpuMs).not.toBeGreaterThan(250);
  expect(later.live < 128).toBeTrue();
  for (const client of flood) client?.socket.destroy();
  let recovered = false;
  for (let attempt = 0; attempt < 50 && !recovered; attempt++) {
    await delay(40);
    await using client = await connectTcp(proxy.port);
    recovered = await isServed(client);
    if (recovered) await finish(client);
  }
  expect(recovered).toBeTrue();
  expect(await isServed(old)).toBeTrue();
  await finish(old);
  expect((await proxy.state()).ends.internal_error ?? 0).toEqual(before.ends.internal_error ?? 0);
});

tap.test('left to itself the proxy sheds connections before descriptors run out', async () => {
  await using echo = await startEcho();
  await using proxy = await startProxyProcess({ routes: [makeForwardRoute(echo.port)] }, 128);
  const flood = await Promise.all(Array.from({ length: 150 }, () => connectTcp(proxy.port)));
  await until(
    () => flood.filter(({ socket }) => socket.destroyed).length >= 102,
    3_000,
    () => '102 to be shed',
  );
  const { live, ends, refused } = await proxy.state();
  // (128 - 32) / 2
  expect(live).toEqual(48);
  expect(refused.connection_limit).toEqual(102);
  expect(ends.descriptor_limit ?? 0).toEqual(0);
  const served = await Promise.all(flood.filter(({ socket }) => !socket.destroyed).map(isServed));
  expect(served.filter(Boolean)).toHaveLength(48);
  for (const { socket } of flood) socket.destroy();
});

export default tap.start();
