// Hashed passwords through the whole proxy.

import { connectH2 } from '../helpers/h2-clients.js';
import { openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { bcryptHash, scryptHash } from '../helpers/passwords.js';
import { get, opening, post } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { connectWebSocket, startWebSocketOrigin } from '../helpers/websockets.js';

const field = (userPass: string): string => `Authorization: Basic ${Buffer.from(userPass).toString('base64')}`;

const users = {
  text: 'plain-word',
  scrypt: scryptHash('scrypt-wörd'),
  bcrypt: bcryptHash('bcrypt-word'),
  old: bcryptHash('old-word').replace('$2b$', '$2y$'),
};
const basicAuth = { users, realm: 'the place' };
const hashedOnly = { users: [{ username: 'ann', password: scryptHash('word') }] };

const statusesOf = async (port: number, requests: readonly string[]): Promise<number[]> => {
  const { answers } = await rawExchange(port, requests.join(''), { answers: requests.length });
  return answers.map(({ status }) => status);
};

tap.test('passwords of all kinds let in, each request anew, and the target sees none', async () => {
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [makeHttpRoute(origin.port, { security: { basicAuth } })] });
  const right = ['text:plain-word', 'scrypt:scrypt-wörd', 'bcrypt:bcrypt-word', 'old:old-word'];
  const wrong = [
    ...['text:x', 'scrypt:x', 'bcrypt:x', 'old:', 'nobody:plain-word', 'scrypt:bcrypt-word', ':', 'scrypt', 'x:y:z'],
    // Whoever reads a hash has no password by it.
    ...Object.entries(users)
      .slice(1)
      .map((pair) => pair.join(':')),
  ];
  const all = [...right, ...wrong, ...right];
  const statuses = await statusesOf(
    world.port,
    all.map((userPass) => get('/', field(userPass))),
  );
  expect(statuses).toEqual(all.map((userPass) => (right.includes(userPass) ? 200 : 401)));
  expect(origin.requests.map((request) => request.field('authorization'))).toEqual(Array(8).fill(null));
  await using client = await openRawHttp(world.port);
  client.send(get('/'));
  const answer = await client.readAnswer();
  expect([answer.status, answer.field('www-authenticate')]).toEqual([401, 'Basic realm="the place", charset="UTF-8"']);
});

tap.test('content waits until its sender is known, and that of strangers goes nowhere', async () => {
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({
    routes: [makeHttpRoute(origin.port, { security: { basicAuth: hashedOnly } })],
  });
  const requests = [
    post('/1', 'first', 5, field('ann:word')),
    post('/2', 'GET /x HTTP/1.1\r\n\r\n'),
    get('/3', field('ann:word')),
  ];
  expect(await statusesOf(world.port, requests)).toEqual([200, 401, 200]);
  expect(origin.requests.map(({ url, message }) => [url, message.body.toString()])).toEqual([
    ['/1', 'first'],
    ['/3', ''],
  ]);
});

tap.test('requests of HTTP/2 and openings of WebSockets need them too', async () => {
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({
    http: { h2c: true },
    routes: [makeHttpRoute(origin.port, { security: { basicAuth: hashedOnly } })],
  });
  {
    await using client = await connectH2(world.port);
    const ask = async (userPass: string | null) => {
      const headers = userPass === null ? {} : { authorization: field(userPass).slice(15) };
      return (await client.fetch('/', { headers })).status;
    };
    expect(await Promise.all([ask('ann:word'), ask('ann:x'), ask(null), ask('bob:word'), ask('ann:word')])).toEqual([
      200, 401, 401, 401, 200,
    ]);
  }
  expect(await statusesOf(world.port, [opening()])).toEqual([401]);
  await using sockets = await startWebSocketOrigin();
  await world.proxy.updateRoutes([makeHttpRoute(sockets.port, { security: { basicAuth: hashedOnly } })]);
  const headers = { host: 'a.test', authorization: field('ann:word').slice(15) };
  await using socket = await connectWebSocket(`ws://127.0.0.1:${world.port}/`, { headers });
  socket.socket.send('hello');
  expect(await socket.messages(1)).toEqual(['hello']);
  expect(sockets.requests.map((request) => request.headers.authorization)).toEqual([undefined]);
});

tap.test('a client that leaves while its password is compared leaves nothing behind', async () => {
  await using origin = await startRecordingOrigin();
  const slow = { users: { ann: bcryptHash('word', 9) } };
  await using world = await startProxy({ routes: [makeHttpRoute(origin.port, { security: { basicAuth: slow } })] });
  for (let count = 0; count < 6; count++) {
    await using client = await openRawHttp(world.port);
    client.send(get('/', field(`ann:guess-${count}`)));
  }
  expect(await statusesOf(world.port, [get('/', field('ann:word'))])).toEqual([200]);
  expect(origin.requests).toHaveLength(1);
});

tap.test('new users count from the next request on, and whoever was let in under old ones is asked again', async () => {
  await using origin = await startRecordingOrigin();
  const route = (password: string) =>
    makeHttpRoute(origin.port, { name: 'web', security: { basicAuth: { users: { ann: scryptHash(password) } } } });
  await using world = await startProxy({ routes: [route('word')] });
  const ask = (password: string) => statusesOf(world.port, [get('/', field(`ann:${password}`))]);
  expect([await ask('word'), await ask('word')]).toEqual([[200], [200]]);
  await world.proxy.updateRoutes([route('new')]);
  expect([await ask('word'), await ask('new')]).toEqual([[401], [200]]);
  const plan = world.proxy.plan([route('new')]);
  expect(JSON.stringify(plan)).not.toContain('$scrypt');
});

tap.test('what route, action and defaults ask for must all be there', async () => {
  await using origin = await startRecordingOrigin();
  const target = { host: '127.0.0.1', port: origin.port };
  const rule = (...names: string[]) => ({
    basicAuth: { users: Object.fromEntries(names.map((name) => [name, scryptHash('word')])) },
  });
  await using world = await startProxy({
    defaults: { security: { basicAuth: { users: { ann: 'word', bob: 'word', eve: 'word' } } } },
    routes: [
      {
        match: { ports: 0, path: '/own' },
        security: rule('ann', 'bob'),
        action: { type: 'forward', target, security: rule('ann', 'eve', 'zoe') },
      },
    ],
  });
  const asked = ['ann', 'bob', 'eve', 'zoe'].map((name) => get('/own', field(`${name}:word`)));
  expect(await statusesOf(world.port, asked)).toEqual([200, 401, 401, 401]);
});

export default tap.start();
