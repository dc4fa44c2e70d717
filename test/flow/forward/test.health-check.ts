import { once } from 'node:events';
import net from 'node:net';
import { systemClock } from '../../../ts/base/clock.js';
import { ProxyError } from '../../../ts/base/errors.js';
import { silentLogger } from '../../../ts/base/logger.js';
import { makeProbe } from '../../../ts/flow/forward/health-check.js';
import { TargetRegistry } from '../../../ts/flow/forward/target-registry.js';
import type { IResolver } from '../../../ts/flow/forward/target-types.js';
import { makeForward, probed } from '../../helpers/make-targets.js';
import { closedPort, startOrigin } from '../../helpers/origins.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const literal: IResolver = { resolve: (host) => [host] };
const probe = makeProbe({ resolver: literal, denyPrivateTargets: false });
const { signal } = new AbortController();
const request = { host: '127.0.0.1', proxyHeader: 0, http: null, tls: null, backendProtocol: 'http1', signal } as const;

async function failure(work: Promise<void>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
}

/** Everything that each connection to it brought, and whether it ended in order. */
async function startRecorder() {
  const visits: Promise<string>[] = [];
  const origin = await startOrigin((socket) => {
    let got = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      got += bytes.toString('latin1');
    });
    visits.push(
      new Promise((resolve) => {
        socket.once('end', () => socket.end());
        socket.once('close', (hadError) => resolve(hadError ? `${got} error` : got));
      }),
    );
  });
  return { port: origin.port, visits, [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose]() };
}

tap.test('a target that accepts is well, and sees a connection that says nothing and ends in order', async () => {
  await using target = await startRecorder();
  await probe({ ...request, port: target.port });
  expect(await target.visits[0]).toEqual('');
});

tap.test('a target that wants PROXY headers gets one that speaks of the proxy itself', async () => {
  await using target = await startRecorder();
  await probe({ ...request, port: target.port, proxyHeader: 1 });
  expect(await target.visits[0]).toEqual('PROXY UNKNOWN\r\n');
  await probe({ ...request, port: target.port, proxyHeader: 2 });
  const header = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex').toString('latin1');
  expect(await target.visits[1]).toEqual(header);
});

tap.test('a target that refuses is not', async () => {
  expect(await failure(probe({ ...request, port: await closedPort() }))).toEqual('ECONNREFUSED');
});

tap.test('one address of several is enough', async () => {
  await using target = await startRecorder();
  const resolver: IResolver = { resolve: async () => ['127.0.0.2', '127.0.0.1'] };
  await makeProbe({ resolver, denyPrivateTargets: false })({ ...request, host: 'a.test', port: target.port });
  expect(target.visits).toHaveLength(1);
});

tap.test('a name that cannot be resolved fails with the reason', async () => {
  const resolver: IResolver = { resolve: () => Promise.reject(new ProxyError('TARGET_UNRESOLVED', 'no')) };
  const asked = makeProbe({ resolver, denyPrivateTargets: false })({ ...request, host: 'a.test', port: 1 });
  expect(await failure(asked)).toEqual('TARGET_UNRESOLVED');
});

tap.test('where private targets are denied they are not probed either', async () => {
  await using target = await startRecorder();
  const careful = makeProbe({ resolver: literal, denyPrivateTargets: true });
  expect(await failure(careful({ ...request, port: target.port }))).toEqual('TARGET_DENIED');
  expect(target.visits).toHaveLength(0);
});

tap.test('an abort ends a probe at once, before and while it connects', async () => {
  const stop = new AbortController();
  // TEST-NET-1: nobody answers, or the network refuses at once, which the abort comes before.
  const running = failure(probe({ ...request, host: '192.0.2.1', port: 9, signal: stop.signal }));
  stop.abort(new ProxyError('TARGET_TIMEOUT', 'enough'));
  expect(await running).toEqual('TARGET_TIMEOUT');
  expect(await failure(probe({ ...request, port: 9, signal: stop.signal }))).toEqual('TARGET_TIMEOUT');
});

tap.test('a target that dies is found out, and found again when it returns', async () => {
  const events: string[] = [];
  let heard = () => {};
  const nextEvent = () =>
    new Promise<void>((resolve) => {
      heard = resolve;
    });
  const note = (word: string) => (target: string, why: string) => {
    events.push(`${word} ${target}: ${why}`);
    heard();
  };
  const active = { http: null, intervalMs: 10, timeoutMs: 1_000, healthyThreshold: 2, unhealthyThreshold: 3 };
  const server = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const registry = new TargetRegistry({
    clock: systemClock,
    logger: silentLogger,
    probe,
    onDown: note('down'),
    onUp: note('up'),
  });
  // The clock's timers do not keep the process alive.
  const alive = setInterval(() => {}, 1_000);
  try {
    const went = nextEvent();
    registry.attach([makeForward([{ host: '127.0.0.1', port }], { healthCheck: { ...probed, active } })]);
    server.close();
    await went;
    expect(events).toEqual([`down 127.0.0.1:${port}: unhealthy: 3 failed probes, last: ECONNREFUSED`]);
    const returned = nextEvent();
    const back = net.createServer((socket) => socket.end()).listen(port, '127.0.0.1');
    await returned;
    expect(events[1]).toEqual(`up 127.0.0.1:${port}: 2 successful probes`);
    await registry.cleanup();
    back.close();
    await once(back, 'close');
    expect(events).toHaveLength(2);
  } finally {
    clearInterval(alive);
    await registry.cleanup();
  }
});

export default tap.start();
