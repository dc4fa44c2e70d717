import { makeCertificate } from './certificates.js';
import { fetchThrough, keepAliveAgent, openRawHttp, rawExchange } from './http-clients.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin, startSseOrigin } from './http-origins.js';
import { expect, tap } from './tapbundle.js';

const get = (path = '/', ...more: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a.test', ...more, '', ''].join('\r\n');

tap.test('an exchange gives every answer and tells how the connection ended', async () => {
  await using origin = await startHttpOrigin((_, response) => response.end('x'));
  const asked = await rawExchange(origin.port, get('/1') + get('/2', 'Connection: close'));
  expect(asked.answers.map(({ status, body }) => [status, body])).toEqual([
    [200, 'x'],
    [200, 'x'],
  ]);
  expect([asked.ended, asked.fault, asked.rest.length]).toEqual(['fin', null, 0]);
  expect((await rawExchange(origin.port, get(), { answers: 1 })).ended).toEqual('open');
  expect(origin.requests.map(({ url, connection }) => [url, connection])).toEqual([
    ['/1', 0],
    ['/2', 0],
    ['/', 1],
  ]);
});

tap.test('the recording origin keeps bytes and plays its script', async () => {
  const answers = [
    okAnswer('one'),
    ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart', { pauseMs: 5 }, 'reset'],
  ] as const;
  await using origin = await startRecordingOrigin((_, n) => answers[n] ?? okAnswer());
  const sent = get('/1') + get('/2');
  const asked = await rawExchange(origin.port, sent);
  expect(asked.answers.map(({ body, isComplete }) => [body, isComplete])).toEqual([
    ['one', true],
    ['part', false],
  ]);
  expect(asked.ended).toEqual('reset');
  expect(origin.bytesOf(0).toString()).toEqual(sent);
  expect(origin.requests.map(({ message }) => message.raw.toString()).join('')).toEqual(sent);
  expect(origin.faults).toEqual([]);
});

tap.test('the recording origin may answer at the head, and tells what it cannot read', async () => {
  await using origin = await startRecordingOrigin(({ method }) => ({
    steps: [okAnswer()],
    from: method === 'POST' ? 'head' : 'end',
  }));
  await using client = await openRawHttp(origin.port);
  client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n');
  expect((await client.readAnswer()).status).toEqual(200);
  client.send('body');
  client.send('GET / HTTP/1.1\nHost: a.test\n\r\n\r\n');
  client.finish();
  expect(await client.ended).toEqual('fin');
  expect(origin.faults.length).toEqual(1);
  expect(origin.requests.map(({ message }) => message.body.toString())).toEqual(['body']);
});

tap.test('a client follows an interim answer, and a switch of protocols', async () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello';
  await using origin = await startRecordingOrigin((_, n) => (n === 0 ? early + okAnswer() : switching));
  await using client = await openRawHttp(origin.port);
  client.send(get());
  const hint = await client.readHead();
  expect([hint.status, hint.field('link')]).toEqual([103, '</a>']);
  expect((await client.readAnswer()).body).toEqual('ok');
  client.send(get('/', 'Connection: upgrade', 'Upgrade: x'));
  expect((await client.readHead()).status).toEqual(101);
  await client.when(() => client.rest.toString() === 'hello');
});

tap.test(
  'Node asks by TLS too, keeps its connection and hears trailers; the origin tells what it was asked',
  async () => {
    const identity = await makeCertificate({ names: ['a.test'] });
    await using origin = await startHttpOrigin(undefined, { identity });
    using agent = keepAliveAgent(true);
    const options = { agent, tls: { ca: identity.ca, rejectUnauthorized: true }, method: 'PUT', body: 'hey' };
    const first = await fetchThrough(origin.port, '/x', options);
    const told = JSON.parse((await fetchThrough(origin.port, '/y', { ...options, chunked: true })).text);
    expect(first.status).toEqual(200);
    expect([told.method, told.url, told.body, told.connection]).toEqual(['PUT', '/y', 'hey', 0]);
    expect([origin.accepted, origin.requests[1]?.field('host')]).toEqual([1, 'a.test']);
  },
);

tap.test('events go to everybody who listens', async () => {
  await using origin = await startSseOrigin();
  await using client = await openRawHttp(origin.port);
  client.send(get());
  expect((await client.readHead()).field('content-type')).toEqual('text/event-stream');
  await client.when(() => client.answers[0]?.body.includes('hello') ?? false);
  origin.emit('1', 'tick');
  origin.finish();
  expect((await client.readBody()).body).toEqual(': hello\n\nevent: tick\ndata: 1\n\n');
});

export default tap.start();
