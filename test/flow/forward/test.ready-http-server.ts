// A listener of Node's http module behind a route.

import type { RequestListener, ServerResponse } from 'node:http';
import { mock } from 'node:test';
import { type IRouteContext, SocketHandlers } from '../../../ts/index.js';
import { connectTcp } from '../../helpers/clients.js';
import { settle } from '../../helpers/fake-clock.js';
import { makeSocketPair } from '../../helpers/socket-pair.js';
import { startProxy } from '../../helpers/start-proxy.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const start = (listener: RequestListener) =>
  startProxy({
    routes: [
      { match: { ports: 0 }, action: { type: 'socket-handler', socketHandler: SocketHandlers.httpServer(listener) } },
    ],
  });

const makeContext = (): IRouteContext => ({
  port: 80,
  clientIp: '127.0.0.1',
  clientPort: 1,
  serverIp: '127.0.0.1',
  isTls: false,
  connectionId: 'c',
  timestamp: 0,
  signal: new AbortController().signal,
});

const get = (path: string, connection = 'keep-alive') =>
  `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: ${connection}\r\n\r\n`;

tap.test('requests of one connection and of several reach the listener', async () => {
  await using world = await start((request, response) => {
    let content = '';
    request.on('data', (chunk: Buffer) => {
      content += chunk.toString();
    });
    request.on('end', () => response.end(`<${request.method} ${request.url} ${content}>`));
  });
  for (let visit = 0; visit < 3; visit++) {
    await using client = await connectTcp(world.port);
    client.send(`POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhel`);
    client.send(`lo${get('/b')}${get('/c', 'close')}`);
    const answer = (await client.end).toString();
    expect(answer.match(/<[^>]*>/g)).toEqual(['<POST /a hello>', '<GET /b >', '<GET /c >']);
  }
  expect(await world.ends(3)).toEqual(['normal', 'normal', 'normal']);
});

const failing: Readonly<Record<string, RequestListener>> = {
  throws: () => {
    throw new Error('no');
  },
  rejects: (() => Promise.reject(new Error('no'))) as unknown as RequestListener,
  'sets what cannot be sent': (_request, response) => {
    response.setHeader('x-half', '1');
    response.setHeader('x', 'a\r\nb');
  },
};

tap.test('a listener that fails is answered by 500 and ends the connection alone', async () => {
  for (const [what, listener] of Object.entries(failing)) {
    await using world = await start(listener);
    await using client = await connectTcp(world.port);
    client.send(get('/'));
    const answer = (await client.end).toString();
    expect([what, answer.split('\r\n')[0], answer.includes('x-half')]).toEqual([
      what,
      'HTTP/1.1 500 Internal Server Error',
      false,
    ]);
    expect(await world.ends()).toEqual(['handler_error']);
  }
});

tap.test('a listener that fails in the middle cuts its answer', async () => {
  await using world = await start((_request, response) => {
    response.writeHead(200, { 'Content-Length': '10' });
    response.write('half');
    throw new Error('no');
  });
  await using client = await connectTcp(world.port);
  client.send(get('/'));
  await client.closed;
  expect(await world.ends()).toEqual(['handler_error']);
});

tap.test('writing after the end ends the connection, not the program', async () => {
  await using world = await start((_request, response) => {
    response.end('done');
    response.write('more');
  });
  await using client = await connectTcp(world.port);
  client.send(get('/'));
  await client.closed;
  expect(await world.ends()).toEqual(['handler_error']);
});

tap.test('what is no HTTP is refused, and a client that resets is nobody else’s trouble', async () => {
  await using world = await start((_request, response) => void response.write('first'));
  await using bad = await connectTcp(world.port);
  bad.send('hello\r\n\r\n');
  expect((await bad.end).toString().startsWith('HTTP/1.1 400 ')).toBeTrue();
  await using rude = await connectTcp(world.port);
  rude.send(get('/'));
  await rude.receive(5);
  rude.socket.resetAndDestroy();
  expect((await world.ends(2)).length).toEqual(2);
});

tap.test('a head that does not come in time ends the connection, an answer under way does not', async () => {
  await using first = await makeSocketPair();
  await using second = await makeSocketPair();
  const answers: ServerResponse[] = [];
  const handler = SocketHandlers.httpServer((_request, response) => void answers.push(response));
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const over = handler(first.near, makeContext());
    const other = handler(second.near, makeContext());
    first.far.write('GET / HTTP/1.1\r\nX-Slow: ');
    second.far.write(get('/'));
    second.far.resume();
    while (answers.length === 0) await settle();
    mock.timers.tick(10_000);
    await over;
    expect([first.near.destroyed, second.near.destroyed]).toEqual([true, false]);
    answers[0]?.end('late');
    while (answers[0]?.closed === false) await settle();
    mock.timers.tick(15_000);
    await other;
    expect(second.near.destroyed).toBeTrue();
  } finally {
    mock.timers.reset();
  }
});

export default tap.start();
