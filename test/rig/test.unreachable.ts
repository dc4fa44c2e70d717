// Targets that do not answer at all, not even with a refusal.

import { startBlackhole } from '../helpers/blackhole.js';
import { connectTcp } from '../helpers/clients.js';
import { startEcho } from '../helpers/origins.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('a target that does not answer ends the connection when its time is up', async () => {
  await using blackhole = await startBlackhole();
  await using started = await startProxy({ connectionTimeout: 300, routes: [makeForwardRoute(blackhole.port)] });
  const beginMs = performance.now();
  await using client = await connectTcp(started.port);
  await client.closed;
  expect(await started.ends()).toEqual(['connection_timeout']);
  expect(performance.now() - beginMs).toBeGreaterThan(290);
});

tap.test('behind a target that does not answer the next one is tried, with the bytes that came meanwhile', async () => {
  await using blackhole = await startBlackhole();
  await using origin = await startEcho();
  const targets = [blackhole.port, origin.port].map((port) => ({ host: '127.0.0.1', port }));
  await using started = await startProxy({
    connectionTimeout: 300,
    routes: [{ match: { ports: 0 }, action: { type: 'forward', targets } }],
  });
  await using client = await connectTcp(started.port);
  client.send('early');
  expect(await client.receive(5)).toEqual('early');
  client.socket.end();
  await client.end;
});

for (const [how, end] of [
  ['by a reset', 'client_error'],
  ['in order', 'closed_during_dial'],
] as const) {
  tap.test(`a client that leaves ${how} while its target does not answer takes the attempt with it`, async () => {
    await using blackhole = await startBlackhole();
    await using started = await startProxy({ connectionTimeout: 20_000, routes: [makeForwardRoute(blackhole.port)] });
    await using client = await connectTcp(started.port);
    if (how === 'in order') client.socket.end();
    else client.socket.resetAndDestroy();
    expect(await started.ends()).toEqual([end]);
  });
}

export default tap.start();
