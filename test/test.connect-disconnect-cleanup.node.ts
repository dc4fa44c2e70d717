// Clients that come and go before anything was forwarded leave no connection, at whatever moment they go.

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connectTcp } from './helpers/clients.js';
import { closedPort, startOrigin } from './helpers/origins.js';
import { makeForwardRoute, startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';
import { until } from './helpers/until.js';

const rounds = 20;

tap.test('clients that leave at once are gone, with and without a peek', async () => {
  await using silent = await startOrigin(() => {});
  await using plain = await startProxy({ routes: [makeForwardRoute(silent.port)] });
  await using peeking = await startProxy({
    routes: [makeForwardRoute(silent.port, { match: { ports: 0, domains: 'a.test' } })],
    halfOpenTimeout: 100,
  });
  for (let round = 0; round < rounds; round++) {
    for (const { port } of [plain, peeking]) {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
    }
  }
  await until(
    () => peeking.ended.length === rounds,
    3_000,
    () => `${rounds} ends, has ${peeking.ended.length}`,
  );
  expect(peeking.proxy.getMetrics().ends.closed_before_data).toEqual(rounds);
  // The silent target never answers the FIN of those whose dial was quicker: it would for its own reasons stay.
  for (const socket of silent.sockets) socket.end();
  await until(
    () => plain.proxy.getConnections().length === 0,
    3_000,
    () => 'no connection',
  );
});

tap.test('clients that leave later, without a byte, are gone', async () => {
  await using silent = await startOrigin(() => {});
  await using world = await startProxy({
    routes: [makeForwardRoute(silent.port, { match: { ports: 0, domains: 'a.test' } })],
  });
  await Promise.all(
    Array.from({ length: rounds }, async (_, round) => {
      await using client = await connectTcp(world.port);
      await delay(round * 5);
      client.socket.destroy();
    }),
  );
  expect((await world.ends(rounds)).every((end) => end === 'closed_before_data')).toBeTrue();
});

tap.test('a mix of early, late and refused ones leaves nothing', async () => {
  const dead = await closedPort();
  await using world = await startProxy({
    routes: [
      makeForwardRoute(dead, { match: { ports: 0, protocol: 'other' } }),
      makeForwardRoute(dead, { name: 'tls', match: { ports: 0, domains: 'a.test' } }),
    ],
  });
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const client = await connectTcp(world.port);
      if (index % 3 === 0) client.socket.destroy();
      if (index % 3 === 1) client.send('some bytes\n');
      if (index % 3 === 2) await delay(20).then(() => client.socket.resetAndDestroy());
      await client.closed;
    }),
  );
  const words = new Set(await world.ends(60));
  expect([...words].sort()).toEqual(['client_error', 'closed_before_data', 'target_refused']);
});

export default tap.start();
