// Two proxies in a row, with a backend that closes at once: nothing accumulates in either.

import { connectTcp } from './helpers/clients.js';
import { closedPort, startOrigin } from './helpers/origins.js';
import { makeForwardRoute, startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';
import { until } from './helpers/until.js';

tap.test('a backend that closes at once leaves no connection on either proxy', async () => {
  await using backend = await startOrigin((socket) => socket.destroy());
  await using inner = await startProxy({ routes: [makeForwardRoute(backend.port)] });
  await using outer = await startProxy({ routes: [makeForwardRoute(inner.port)] });
  await Promise.all(
    Array.from({ length: 30 }, async () => {
      const client = await connectTcp(outer.port);
      client.send('x');
      await client.closed;
    }),
  );
  const empty = () => inner.proxy.getConnections().length + outer.proxy.getConnections().length === 0;
  await until(empty, 1_000, () => 'no connection on either proxy');
  expect(inner.proxy.getMetrics().connections.total).toEqual(30);
  expect(outer.proxy.getMetrics().connections.total).toEqual(30);
});

tap.test('a backend that is down leaves no connection on either proxy', async () => {
  const dead = await closedPort();
  await using inner = await startProxy({ routes: [makeForwardRoute(dead)] });
  await using outer = await startProxy({ routes: [makeForwardRoute(inner.port)] });
  for (let round = 0; round < 10; round++) {
    const client = await connectTcp(outer.port);
    client.send('x');
    await client.closed;
  }
  expect((await inner.ends(10)).every((end) => end === 'target_refused')).toBeTrue();
  await outer.ends(10);
  expect(outer.proxy.getConnections()).toHaveLength(0);
});

export default tap.start();
