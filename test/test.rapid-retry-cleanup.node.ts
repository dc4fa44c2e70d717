// Retries in quick succession leave nothing behind, whether the target refuses or no route matches.

import { setTimeout as delay } from 'node:timers/promises';
import { connectTcp } from './helpers/clients.js';
import { closedPort } from './helpers/origins.js';
import { makeForwardRoute, startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';

const retries = 20;
const apartMs = 50;

async function retry(port: number, firstBytes: string): Promise<void> {
  for (let attempt = 0; attempt < retries; attempt++) {
    const client = await connectTcp(port);
    client.send(firstBytes);
    await client.closed;
    await delay(apartMs);
  }
}

tap.test('twenty retries against a target that refuses leave no connection', async () => {
  const dead = await closedPort();
  await using world = await startProxy({ routes: [makeForwardRoute(dead)] });
  await retry(world.port, 'x');
  expect(world.proxy.getConnections()).toHaveLength(0);
  expect(world.proxy.getMetrics().ends.target_refused).toEqual(retries);
  expect(world.proxy.getMetrics().connections.total).toEqual(retries);
});

tap.test('twenty retries that match no route leave no connection', async () => {
  const dead = await closedPort();
  await using world = await startProxy({
    routes: [makeForwardRoute(dead, { match: { ports: 0, domains: 'somewhere.else' } })],
  });
  // Neither TLS nor HTTP, so nothing names a host. A request would be answered.
  await retry(world.port, '\0\x01\x02\x03');
  expect(world.proxy.getConnections()).toHaveLength(0);
  expect(world.proxy.getMetrics().ends.no_route).toEqual(retries);
});

export default tap.start();
