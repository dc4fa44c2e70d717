// A proxy that is full: idle connections make room, whoever can be told is told, and it recovers.

import { setTimeout as delay } from 'node:timers/promises';
import { connectTcp } from '../helpers/clients.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { connectH2 } from '../helpers/h2-clients.js';
import { openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxyProcess } from '../helpers/proxy-process.js';
import { get } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

tap.test('at the limit the HTTP connection that is idle longest makes room, of either version', async () => {
  await using origin = await startHttpOrigin((_request, response) => response.end('ok'));
  await using proxy = await startProxy({
    routes: [makeHttpRoute(origin.port)],
    http: { h2c: true },
    maxConnections: 2,
  });
  await using old = await openRawHttp(proxy.port);
  old.send(get());
  expect((await old.readAnswer()).status).toEqual(200);
  await using shared = await connectH2(proxy.port);
  expect((await shared.fetch('/')).status).toEqual(200);
  expect((await rawExchange(proxy.port, get('/', 'Connection: close'))).answers[0]?.status).toEqual(200);
  expect(await old.ended).toEqual('fin');
  await using third = await openRawHttp(proxy.port);
  third.send(get());
  expect((await third.readAnswer()).status).toEqual(200);
  await using fourth = await openRawHttp(proxy.port);
  fourth.send(get());
  expect((await fourth.readAnswer()).status).toEqual(200);
  await shared.closed;
  expect(shared.goaways).toEqual([0]);
  const { ends, connections } = proxy.proxy.getMetrics();
  expect([ends.overload, connections.refused]).toEqual([2, 0]);
});

tap.test(
  'where all are busy a request of plain HTTP is told by 503 when to come again; others are closed',
  async () => {
    const waiting: (() => void)[] = [];
    await using origin = await startHttpOrigin((_request, response) => void waiting.push(() => response.end('ok')));
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], maxConnections: 1 });
    await using busy = await openRawHttp(proxy.port);
    busy.send(get());
    await origin.seen(1);
    const { answers, ended } = await rawExchange(proxy.port, get());
    expect([answers[0]?.status, answers[0]?.field('retry-after'), ended]).toEqual([503, '1', 'fin']);
    for (const bytes of ['SSH-2.0-x\r\n', Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]).toString('latin1')]) {
      await using other = await connectTcp(proxy.port);
      other.send(bytes);
      await other.closed;
      expect(other.received.length).toEqual(0);
    }
    waiting[0]?.();
    expect((await busy.readAnswer()).status).toEqual(200);
    expect(proxy.proxy.getMetrics().connections.refused).toEqual(3);
  },
);

tap.test('who says nothing at the desk is not waited for, nor are more than fit there', async () => {
  const clock = makeFakeClock();
  await using origin = await startHttpOrigin(() => {});
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], maxConnections: 1 }, { clock });
  await using busy = await openRawHttp(proxy.port);
  busy.send(get());
  await origin.seen(1);
  await using silent = await connectTcp(proxy.port);
  await until(
    () => proxy.proxy.getMetrics().connections.refused === 1,
    5_000,
    () => 'one at the desk',
  );
  await using beyond = await connectTcp(proxy.port);
  await beyond.closed;
  expect(silent.socket.destroyed).toBeFalse();
  clock.advance(1_000);
  await silent.closed;
});

tap.test(
  'out of descriptors, requests are answered by 503 and idle clients go first; then all is as before',
  async () => {
    await using origin = await startRecordingOrigin(okAnswer());
    await using proxy = await startProxyProcess({ maxConnections: 10_000, routes: [makeHttpRoute(origin.port)] }, 128);
    const idle = await Promise.all(Array.from({ length: 15 }, () => openRawHttp(proxy.port)));
    for (const client of idle) {
      client.send(get());
      expect((await client.readAnswer()).status).toEqual(200);
    }
    const statuses = new Set<number>();
    // More than there are descriptors left: nobody can ask the process about itself meanwhile.
    const flood = await Promise.all(Array.from({ length: 130 }, () => connectTcp(proxy.port).catch(() => null)));
    for (let at = 0; at < 10; at++) {
      const { answers } = await rawExchange(proxy.port, get('/', 'Connection: close'));
      for (const answer of answers) statuses.add(answer.status);
    }
    for (const each of statuses) expect([200, 503]).toContain(each);
    for (const client of flood) client?.socket.destroy();
    for (const client of idle) await client[Symbol.asyncDispose]();
    let status = 0;
    for (let at = 0; at < 50 && status !== 200; at++) {
      status = (await rawExchange(proxy.port, get('/', 'Connection: close'))).answers[0]?.status ?? 0;
      if (status !== 200) await delay(40);
    }
    expect(status).toEqual(200);
    const { ends } = await proxy.state();
    expect(ends.overload).toBeGreaterThan(0);
    expect(ends.internal_error ?? 0).toEqual(0);
  },
);

export default tap.start();
