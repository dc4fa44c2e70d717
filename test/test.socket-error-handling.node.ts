// A target that refuses never crashes the process: the client is closed at once and nothing is kept.

import { createSocketWithErrorHandler } from '../ts/index.js';
import { connectTcp } from './helpers/clients.js';
import { closedPort, startEcho } from './helpers/origins.js';
import { makeForwardRoute, startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';

tap.test('a socket made with its error handler reports a refusal instead of throwing', async () => {
  const port = await closedPort();
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
    createSocketWithErrorHandler({ port, host: '127.0.0.1', onError: resolve });
  });
  expect(error.code).toEqual('ECONNREFUSED');
});

tap.test('it reports a connection, and stays silent about it otherwise', async () => {
  await using echo = await startEcho();
  let errors = 0;
  const socket = await new Promise<ReturnType<typeof createSocketWithErrorHandler>>((resolve) => {
    const made = createSocketWithErrorHandler({
      port: echo.port,
      host: '127.0.0.1',
      onError: () => errors++,
      onConnect: () => resolve(made),
      timeout: 60_000,
    });
  });
  socket.destroy();
  expect(errors).toEqual(0);
});

tap.test('a refused target closes the client at once and the proxy serves on', async () => {
  const dead = await closedPort();
  await using echo = await startEcho();
  // Whatever waited for a limit would outlast the test.
  await using broken = await startProxy({ routes: [makeForwardRoute(dead)], connectionTimeout: 600_000 });
  await using fine = await startProxy({ routes: [makeForwardRoute(echo.port)] });
  await using client = await connectTcp(broken.port);
  await client.closed;
  expect(await broken.ends()).toEqual(['target_refused']);
  await using other = await connectTcp(fine.port);
  other.send('still here');
  expect(await other.receive(10)).toEqual('still here');
  other.socket.end();
});

export default tap.start();
