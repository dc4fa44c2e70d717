import type { Socket } from 'node:net';
import type { IRouteConfig, IRouteContext } from '../../ts/index.js';
import { connectTcp } from '../helpers/clients.js';
import { rawExchange } from '../helpers/http-clients.js';
import { startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get, post, reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const handled = (socketHandler: (socket: Socket, context: IRouteContext) => void): IRouteConfig => ({
  name: 'raw',
  match: { ports: 0, domains: 'a.test', path: '/raw/:id/*' },
  action: { type: 'socket-handler', socketHandler },
});

tap.test('a handler gets the first request as it came, with all that came behind it, and later bytes', async () => {
  const contexts: IRouteContext[] = [];
  await using proxy = await startProxy({
    routes: [
      handled((socket, context) => {
        contexts.push(context);
        socket.pipe(socket);
      }),
    ],
  });
  const reports = reportsOf(proxy);
  await using client = await connectTcp(proxy.port);
  const first = `${post('/raw/7/x?q=1', 'content')}${get('/more')}`;
  client.send(first);
  expect(await client.receive(first.length)).toEqual(first);
  client.send('later');
  expect(await client.receive(first.length + 5)).toEqual(`${first}later`);
  const { domain, path, query, method, pathParams, pathRemainder, routeName, headers, signal } =
    contexts[0] ?? ({} as IRouteContext);
  expect({ domain, path, query, method, pathParams, pathRemainder, routeName, host: headers?.host }).toEqual({
    ...{ domain: 'a.test', path: '/raw/7/x', query: 'q=1', method: 'POST', host: 'a.test' },
    ...{ pathParams: { id: '7' }, pathRemainder: 'x', routeName: 'raw' },
  });
  expect(signal?.aborted).toBeFalse();
  client.socket.end();
  await proxy.ends();
  await until(
    () => signal?.aborted === true,
    1_000,
    () => 'the signal of the connection',
  );
  expect(reports.all.map(({ status, route }) => [status, route])).toEqual([[200, 'raw']]);
});

tap.test('a later request of a connection is told to come again on another', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({
    routes: [makeHttpRoute(origin.port), handled((socket) => void socket.end('raw'))],
  });
  const { answers } = await rawExchange(proxy.port, get('/') + get('/raw/1/'), { answers: 2 });
  expect(answers.map(({ status }) => status)).toEqual([200, 421]);
  await using client = await connectTcp(proxy.port);
  client.send(get('/raw/1/'));
  expect(await client.receive(3)).toEqual('raw');
});

tap.test('what a handler throws ends its connection alone', async () => {
  await using proxy = await startProxy({
    routes: [
      handled(() => {
        throw new Error('on purpose');
      }),
    ],
  });
  await using client = await connectTcp(proxy.port);
  client.send(get('/raw/1/'));
  expect(await proxy.ends()).toEqual(['handler_error']);
});

export default tap.start();
