// Socket handlers that answer one request.

import { mock } from 'node:test';
import { SocketHandlers, type TSocketHandler } from '../../../ts/index.js';
import { connectTcp } from '../../helpers/clients.js';
import { makeSocketPair } from '../../helpers/socket-pair.js';
import { startProxy } from '../../helpers/start-proxy.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const start = (socketHandler: TSocketHandler) =>
  startProxy({ routes: [{ match: { ports: 0 }, action: { type: 'socket-handler', socketHandler } }] });

/** What comes back, without its Date, which must be there. */
async function ask(handler: TSocketHandler, ...pieces: string[]): Promise<string> {
  await using world = await start(handler);
  await using client = await connectTcp(world.port);
  for (const piece of pieces) client.send(piece);
  const answer = (await client.end).toString('latin1');
  expect(/\r\nDate: [^\r]+ GMT\r\n/.test(answer)).toBeTrue();
  client.socket.end();
  await world.ends();
  return answer.replace(/Date: [^\r]+\r\n/, '');
}

const get = (path: string, ...fields: string[]) =>
  `GET ${path} HTTP/1.1\r\n${['Host: a.test', ...fields].join('\r\n')}\r\n\r\n`;

tap.test('httpResponse answers and closes', async () => {
  expect(await ask(SocketHandlers.httpResponse(200, 'hé'), get('/'))).toEqual(
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nConnection: close\r\n\r\nh\xc3\xa9`,
  );
  expect(await ask(SocketHandlers.httpResponse(200, new Uint8Array([1, 255])), get('/'))).toEqual(
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\x01\xff',
  );
});

tap.test('the answer waits for the head, however it is cut, and not for the content', async () => {
  const pieces = ['POST / HT', 'TP/1.1\r\nHost: a.test\r\nContent-Le', 'ngth: 1000000\r\n\r', '\nthe first of it'];
  expect((await ask(SocketHandlers.httpResponse(413), ...pieces)).split('\r\n')[0]).toEqual(
    'HTTP/1.1 413 Content Too Large',
  );
});

tap.test('HEAD, 204 and 304 have no content', async () => {
  const head = await ask(SocketHandlers.httpResponse(200, 'hello'), 'HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  expect(head.endsWith('Content-Length: 5\r\nConnection: close\r\n\r\n')).toBeTrue();
  for (const status of [204, 304]) {
    const answer = await ask(SocketHandlers.httpResponse(status, 'no'), get('/'));
    expect([answer.includes('Content-Length'), answer.endsWith('\r\n\r\n')]).toEqual([false, true]);
  }
});

tap.test('what is no request is told so', async () => {
  const answer = await ask(SocketHandlers.httpResponse(200, 'x'), 'GET / HTTP/1.1\r\nHost : a\r\n\r\n');
  expect(answer.startsWith('HTTP/1.1 400 Bad Request\r\n')).toBeTrue();
});

tap.test('a client that leaves before its request is whole gets nothing', async () => {
  await using world = await start(SocketHandlers.httpResponse(200, 'x'));
  await using client = await connectTcp(world.port);
  client.socket.end('GET / HT');
  expect((await client.end).toString()).toEqual('');
  expect((await world.ends()).length).toEqual(1);
});

tap.test('httpBlock says no', async () => {
  const answer = await ask(SocketHandlers.httpBlock(), get('/'));
  expect([answer.startsWith('HTTP/1.1 403 Forbidden\r\n'), answer.endsWith('\r\n\r\n403 Forbidden\n')]).toEqual([
    true,
    true,
  ]);
  const own = await ask(SocketHandlers.httpBlock(451, 'not here'), get('/'));
  expect([own.startsWith('HTTP/1.1 451 '), own.endsWith('\r\n\r\nnot here\n')]).toEqual([true, true]);
});

tap.test('httpRedirect leads to where its template says', async () => {
  const answer = await ask(SocketHandlers.httpRedirect('https://{domain}{path}', 301), get('/a%0d%0aX:1/?b=<c>'));
  expect(answer.split('\r\n').slice(0, 2)).toEqual([
    'HTTP/1.1 301 Moved Permanently',
    'Location: https://a.test/a%0d%0aX:1/?b=%3Cc%3E',
  ]);
  const other = await ask(SocketHandlers.httpRedirect('/{method}/?{query}&ip={clientIp}'), get('/x?y=1'));
  expect(other.split('\r\n')[1]).toEqual('Location: /GET/?y=1&ip=127.0.0.1');
  const lost = await ask(SocketHandlers.httpRedirect('https://{domain}{path}'), 'GET / HTTP/1.0\r\n\r\n');
  expect(lost.startsWith('HTTP/1.1 400 ')).toBeTrue();
});

tap.test('what can never be sent is refused when it is written', () => {
  for (const status of [0, 101, 199, 600, 200.5, Number.NaN])
    expect(() => SocketHandlers.httpResponse(status)).toThrow(RangeError);
  expect(() => SocketHandlers.httpRedirect('https://{host}/')).toThrow(RangeError);
});

tap.test('a head that does not come in time ends the connection', async () => {
  await using pair = await makeSocketPair();
  const { signal } = new AbortController();
  const context = {
    port: 80,
    clientIp: '',
    clientPort: 1,
    serverIp: '',
    isTls: false,
    connectionId: 'c',
    timestamp: 0,
    signal,
  };
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const closed = new Promise((resolve) => pair.near.once('close', resolve));
    SocketHandlers.httpResponse(200)(pair.near, context);
    pair.far.write('GET / HTTP/1.1\r\n');
    mock.timers.tick(9_999);
    expect(pair.near.destroyed).toBeFalse();
    mock.timers.tick(1);
    await closed;
  } finally {
    mock.timers.reset();
  }
});

export default tap.start();
