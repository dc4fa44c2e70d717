// Thousands of requests that are cut anywhere by either side: nothing is left of them, and no answer reaches a stranger.

import { Socket } from 'node:net';
import { systemClock } from '../../ts/base/clock.js';
import { sendAborting, startAbortingOrigin } from '../helpers/abort-traffic.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { watchInnerParts } from '../helpers/inner-parts.js';
import { startProxyProcess } from '../helpers/proxy-process.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, long, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

tap.timeout(150_000);

const many = long ? 100_000 : 1_000;
/** Another one shows other cuts. */
const seed = Number(process.env.SEED ?? 1);

/** The system's, with a count of the timers that are set. */
function countingClock() {
  const pending = new Set<object>();
  return {
    ...systemClock,
    pending,
    setTimer(fire: () => void, delayMs: number) {
      const mark = {};
      pending.add(mark);
      const timer = systemClock.setTimer(() => {
        pending.delete(mark);
        fire();
      }, delayMs);
      return {
        cancel() {
          pending.delete(mark);
          timer.cancel();
        },
      };
    },
  };
}

function sockets(): Socket[] {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] };
  return handles.call(process).filter((handle): handle is Socket => handle instanceof Socket);
}

tap.test(`${many} requests, cut anywhere by either side, leave nothing`, async (t) => {
  using inner = watchInnerParts();
  const clock = countingClock();
  await using origin = await startAbortingOrigin();
  const route = makeHttpRoute(origin.port, {
    name: 'cut',
    security: { maxConnections: 1_000 },
    action: {
      type: 'forward',
      target: { host: '127.0.0.1', port: origin.port },
      // A target that breaks every other request would be passed over, and its retries be too many.
      healthCheck: { interval: 0, passive: false },
      retry: { budget: 1 },
    },
  });
  await using proxy = await startProxy({ routes: [route] }, { clock });
  const count = { requests: 0 };
  proxy.proxy.on('request', () => count.requests++);
  const { whole, cut, wrong } = await sendAborting(proxy.port, many, seed);
  t.diagnostic(`whole ${JSON.stringify([...whole])}, cut ${cut}`);
  expect(wrong).toEqual([]);
  expect(cut + [...whole.values()].reduce((sum, one) => sum + one, 0)).toEqual(many);
  // What nobody cuts is answered; a POST may meet a connection that its target has just closed.
  expect([...whole.keys()].filter((status) => status !== 200 && status !== 502)).toEqual([]);
  expect(whole.get(200) ?? 0).toBeGreaterThan(many / 10);
  await until(
    () => proxy.proxy.getConnections().length === 0 && inner.upstreams.open === origin.open,
    5_000,
    () => `no connection, and idle ones alone at the target: ${JSON.stringify(inner.upstreams)}, ${origin.open}`,
  );
  expect([inner.leases, inner.upstreams.waiting, inner.upstreams.open - inner.upstreams.idle]).toEqual([0, 0, 0]);
  const { steps } = proxy.proxy.explain({
    port: proxy.port,
    clientIp: '127.0.0.1',
    host: 'a.test',
    path: '/',
  } as never);
  expect(JSON.stringify(steps)).toContain('route cut has 0 of 1000 connections now');
  // The pool's sweeps, the deadlines', the metrics'.
  expect(clock.pending.size).toBeLessThan(8);
  const idle = sockets().filter(({ remotePort }) => remotePort === origin.port);
  expect(idle.length).toEqual(inner.upstreams.idle);
  for (const socket of idle) {
    const counts = socket.eventNames().map((name) => [name, socket.listenerCount(name)] as const);
    expect(counts.filter(([, listeners]) => listeners > 3)).toEqual([]);
  }
  await proxy.proxy.stop();
  expect(clock.pending.size).toEqual(0);
  await until(
    () => origin.open === 0,
    5_000,
    () => 'no connection at the target',
  );
});

tap.test('and no memory', async (t) => {
  await using origin = await startAbortingOrigin();
  await using proxy = await startProxyProcess({ routes: [makeHttpRoute(origin.port)], metrics: false });
  await sendAborting(proxy.port, 1_500, seed + 1);
  const settled = async () => {
    for (let look = 0; look < 100 && (await proxy.state()).live > 0; look++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return await proxy.state();
  };
  const before = await settled();
  await sendAborting(proxy.port, many, seed + 2);
  const after = await settled();
  t.diagnostic(`heap ${after.heapBytes - before.heapBytes}, buffers ${after.bufferBytes - before.bufferBytes}`);
  expect(after.live).toEqual(0);
  expect(after.heapBytes - before.heapBytes).toBeLessThan(1_500_000);
  expect(after.bufferBytes - before.bufferBytes).toBeLessThan(1_500_000);
});

export default tap.start();
