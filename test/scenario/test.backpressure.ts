// A fast sender and a reader that does not read: the proxy holds little, and goes on where it stopped.

import type { Socket } from 'node:net';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { receiveHashed, sendHashed } from '../helpers/hashed-stream.js';
import { startOrigin } from '../helpers/origins.js';
import { startProxyProcess } from '../helpers/proxy-process.js';
import { makeForwardRoute } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const offered = 200_000_000;
const allowed = 2_000_000;

for (const direction of ['client to target', 'target to client']) {
  tap.test(`200 MB wait outside of the proxy while nobody reads, ${direction}, and arrive afterwards`, async () => {
    await using origin = await startOrigin((socket) => socket.pause());
    await using proxy = await startProxyProcess({ routes: [makeForwardRoute(origin.port)] });
    const client = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }).pause();
    client.on('error', () => {});
    await until(
      () => origin.sockets.length > 0,
      5_000,
      () => 'the target is reached',
    );
    const target = origin.sockets[0] as Socket;
    const [from, to] = direction === 'client to target' ? [client, target] : [target, client];
    const before = await proxy.state();

    const sent = sendHashed(from, offered);
    sent.catch(() => {});
    let taken = -1;
    for (let same = 0; same < 5; same++) {
      if (taken !== from.bytesWritten - from.writableLength) same = 0;
      taken = from.bytesWritten - from.writableLength;
      const { mostQueuedBytes } = await proxy.state();
      expect(mostQueuedBytes).not.toBeGreaterThan(allowed);
      await delay(50);
    }
    expect(taken > 0 && taken < offered / 4).toBeTrue();
    const full = await proxy.state();
    await delay(500);
    const later = await proxy.state();
    expect(later.cpuMs - full.cpuMs).not.toBeGreaterThan(250);
    expect(later.bufferBytes - before.bufferBytes).not.toBeGreaterThan(allowed);
    expect(later.memoryBytes - before.memoryBytes).not.toBeGreaterThan(40_000_000);

    const received = receiveHashed(to);
    to.resume();
    expect(await received).toEqual(await sent);
    to.end();
    from.resume();
    await until(
      () => from.destroyed,
      5_000,
      () => 'both sides are done',
    );
    expect((await proxy.state()).live).toEqual(0);
    client.destroy();
  });
}

export default tap.start();
