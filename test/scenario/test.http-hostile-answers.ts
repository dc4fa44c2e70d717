// Answers that are wrong, odd or cut, through a whole proxy: what the client gets, and that no doubt about where an answer
// ends outlives it. Behind each comes a canary of another client, which must get its own answer.

import assert from 'node:assert/strict';
import { type IExchange, openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { type IRecordingOrigin, okAnswer, startRecordingOrigin, type TStep } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

tap.timeout(100_000);

/**
 * `kept` and `spent`: the client gets this answer, and the connection to the target serves again or not. `bad`: it gets 502. `cut`:
 * it gets no complete answer and sees the end. Whatever is not `kept` costs the connection to the target.
 */
type TOutcome =
  | { readonly is: 'kept' | 'spent'; readonly status: number; readonly body: string }
  | { readonly is: 'bad' | 'cut' };

interface IHostileAnswer {
  readonly name: string;
  readonly steps: readonly TStep[];
  readonly becomes: TOutcome;
  readonly method?: string;
}

const kept = (status = 200, body = 'hello'): TOutcome => ({ is: 'kept', status, body });
const spent = (status = 200, body = 'hello'): TOutcome => ({ is: 'spent', status, body });
const bad: TOutcome = { is: 'bad' };
const cut: TOutcome = { is: 'cut' };

const head = (...fields: string[]): string => `HTTP/1.1 200 OK\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`;
const sized = (...fields: string[]): string => `${head('Content-Length: 5', ...fields)}hello`;
const started = (line: string): string => `${line}\r\nContent-Length: 5\r\n\r\nhello`;
const chunked = (body: string): string => `${head('Transfer-Encoding: chunked')}${body}`;
const whole = '5\r\nhello\r\n0\r\n\r\n';
const stranger = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nstranger';
const interim = (status: number, ...fields: string[]): string =>
  `HTTP/1.1 ${status} X\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`;

const wrongLines = [
  'HTTP/1.2 200 OK',
  'HTTP/2 200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/0.9 200 OK',
  'http/1.1 200 OK',
  'ICY 200 OK',
  'HTTP/1.1 99 OK',
  'HTTP/1.1 600 OK',
  'HTTP/1.1 20 OK',
  'HTTP/1.1 2000 OK',
  'HTTP/1.1 2x0 OK',
  'HTTP/1.1 -20 OK',
  'HTTP/1.1  200 OK',
  'HTTP/1.1\t200 OK',
  'HTTP/1.1 200\tOK',
  ' HTTP/1.1 200 OK',
  '\r\nHTTP/1.1 200 OK',
  'HTTP/1.1 200 O\x00K',
  'HTTP/1.1 200 O\x7fK',
  'HTTP/1.1 200 O\nK',
  'HTTP/1.1 200 O\rK',
  'SSH-2.0-OpenSSH_9',
  'GET / HTTP/1.1',
  '\x16\x03\x01\x00\x05',
];

const wrongFields = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:',
  'Content-Length: 6',
  'Content-Length: 5, 6',
  'content-length: 0',
  'X : y',
  ' X: y',
  '\tX: y',
  ': y',
  'X',
  'X: a\x00',
  'X: a\x7f',
  'X: a\rb: c',
  'X: a\nb: c',
  'X\x00: a',
  'X y: a',
  'X\xe9: a',
  'X: a\r\n folded',
  'Connection: "close"',
  `X: ${'y'.repeat(20_000)}`,
  Array.from({ length: 100 }, (_, at) => `X-${at}: y`).join('\r\n'),
];

const wrongLengths = ['+5', '-5', '0x5', '5.0', '5e0', '5 5', '5;', '', '5,', '5\x0b', '9'.repeat(16), '\xb5', 'five'];

const wrongCodings = [
  'gzip',
  'identity',
  'gzip, chunked',
  'chunked, chunked',
  'chunked, identity',
  'xchunked',
  '"chunked"',
  'chunked;',
  '\x0bchunked',
];

const wrongChunks = [
  'x\r\nhello\r\n0\r\n\r\n',
  '\r\nhello\r\n0\r\n\r\n',
  '+5\r\nhello\r\n0\r\n\r\n',
  '0x5\r\nhello\r\n0\r\n\r\n',
  '5 \r\nhello\r\n0\r\n\r\n',
  '5\nhello\r\n0\r\n\r\n',
  '5\r\nhello!\r\n0\r\n\r\n',
  '5\r\nhello0\r\n\r\n',
  '5\rXhello\r\n0\r\n\r\n',
  '5\r\nhello\rX0\r\n\r\n',
  '5\r\nhello\r\n0\r\n\rX',
  '5\r\nhello\n0\r\n\r\n',
  'ffffffffffffffff5\r\nhello\r\n0\r\n\r\n',
  `5;${'a'.repeat(5_000)}\r\nhello\r\n0\r\n\r\n`,
  '5;a="\n"\r\nhello\r\n0\r\n\r\n',
  '5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n',
  '5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n',
  '5\r\nhello\r\n0\r\nX : y\r\n\r\n',
  '5\r\nhello\r\n0\r\nX\r\n\r\n',
  `5\r\nhello\r\n0\r\nX: ${'y'.repeat(9_000)}\r\n\r\n`,
];

const named = (texts: readonly string[], make: (text: string) => string, becomes: TOutcome): IHostileAnswer[] =>
  texts.map((text) => ({ name: JSON.stringify(text).slice(0, 50), steps: [make(text)], becomes }));

const entry = (name: string, steps: string | readonly TStep[], becomes: TOutcome, method = 'GET'): IHostileAnswer => ({
  ...{ name, becomes, method },
  steps: typeof steps === 'string' ? [steps] : steps,
});

const right: readonly IHostileAnswer[] = [
  entry('a length', sized(), kept()),
  entry('chunks', chunked(whole), kept()),
  entry('chunks with extensions', chunked('5;a="b c";d\r\nhello\r\n000;e\r\n\r\n'), kept()),
  entry(
    'chunks of one octet',
    chunked(`${[...'hello'].map((octet) => `1\r\n${octet}\r\n`).join('')}0\r\n\r\n`),
    kept(),
  ),
  entry('a trailer', chunked('5\r\nhello\r\n0\r\nX-Sum: y\r\n\r\n'), kept()),
  entry(
    'an answer as content',
    chunked(`${stranger.length.toString(16)}\r\n${stranger}\r\n0\r\n\r\n`),
    kept(200, stranger),
  ),
  entry('the end of chunks as content', `${head('Content-Length: 5')}0\r\n\r\n`, kept(200, '0\r\n\r\n')),
  entry('no reason', started('HTTP/1.1 200'), kept()),
  entry('an empty reason', started('HTTP/1.1 200 '), kept()),
  entry('an odd reason', started('HTTP/1.1 200 Na\xefve \xff'), kept()),
  entry('an unknown status', started('HTTP/1.1 599 X'), kept(599)),
  entry('nothing', head('Content-Length: 0'), kept(200, '')),
  entry('204', 'HTTP/1.1 204 No\r\n\r\n', kept(204, '')),
  entry('304 with a length', 'HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n', kept(304, '')),
  entry('HEAD with a length', head('Content-Length: 5'), kept(200, ''), 'HEAD'),
  entry('HEAD with a coding', head('Transfer-Encoding: chunked'), kept(200, ''), 'HEAD'),
  entry('HEAD without either', head(), kept(200, ''), 'HEAD'),
  entry('HTTP/1.0 that stays', started('HTTP/1.0 200 OK\r\nConnection: keep-alive'), kept()),
  entry('100 that nobody waits for', interim(100) + sized(), kept()),
  entry('102 and 103', interim(102) + interim(103, 'Link: </a>; rel=preload') + sized(), kept()),
  entry('32 interim answers', interim(102).repeat(32) + sized(), kept()),
  entry(
    'octet by octet',
    [...sized()].flatMap((octet): TStep[] => [octet, { pauseMs: 0 }]),
    kept(),
  ),
  entry('Connection: close', sized('Connection: close'), spent()),
  entry('an interim answer that closes', interim(103, 'Connection: close') + sized(), spent()),
  entry('HTTP/1.0', started('HTTP/1.0 200 OK'), spent()),
  entry('up to the end', [head(), 'hel', 'lo', 'fin'], spent()),
  entry('up to the end, in HTTP/1.0', ['HTTP/1.0 200 OK\r\n\r\nhello', 'fin'], spent()),
  entry('304 with a coding', 'HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n', spent(304, '')),
];

const surplus: readonly IHostileAnswer[] = [
  entry('bytes behind a length', `${sized()}!`, spent()),
  entry('an empty line behind a length', `${sized()}\r\n`, spent()),
  entry('an answer behind a length', sized() + stranger, spent()),
  entry('an answer behind chunks', chunked(whole) + stranger, spent()),
  entry('an interim answer behind', sized() + interim(100), spent()),
  entry('an answer behind nothing', head('Content-Length: 0') + stranger, bad),
  entry('an answer behind 204', `HTTP/1.1 204 No\r\n\r\n${stranger}`, bad),
  entry('content of 304', 'HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\nhello', bad),
  entry('chunks of 304', `HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`, bad),
  entry('content of HEAD', sized(), bad, 'HEAD'),
  entry('chunks of HEAD', chunked(whole), bad, 'HEAD'),
  entry('204 with a length', 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello', bad),
  entry('204 with a coding', `HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`, bad),
  entry('an interim answer with a length', interim(100, 'Content-Length: 5') + sized(), bad),
  entry('an interim answer with a coding', interim(103, 'Transfer-Encoding: chunked') + sized(), bad),
  entry('101 that nobody asked for', `${interim(101, 'Upgrade: x', 'Connection: Upgrade')}${stranger}`, bad),
  entry('101 without Upgrade', interim(101) + sized(), bad),
  entry('101 to h2c', `${interim(101, 'Upgrade: h2c', 'Connection: Upgrade')}PRI`, bad),
  entry('a flood of interim answers', interim(102).repeat(33) + sized(), bad),
  entry('Transfer-Encoding in HTTP/1.0', `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`, bad),
  entry('line ends of LF', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello', bad),
  entry('one line end of LF', 'HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello', bad),
];

const ends: readonly IHostileAnswer[] = [
  entry('FIN instead of an answer', ['fin'], bad),
  entry('a reset instead of an answer', ['reset'], bad),
  entry('FIN in the status line', ['HTTP/1.1 20', 'fin'], bad),
  entry('FIN in the fields', ['HTTP/1.1 200 OK\r\nContent-Len', 'fin'], bad),
  entry('FIN before the empty line', ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n', 'fin'], bad),
  entry('FIN behind an interim answer', [interim(103), 'fin'], bad),
  entry('a reset behind an interim answer', [interim(103), 'reset'], bad),
  entry('FIN before the content', [head('Content-Length: 5'), 'fin'], cut),
  entry('FIN in the content', [`${head('Content-Length: 5')}hell`, 'fin'], cut),
  entry('a reset in the content', [`${head('Content-Length: 5')}hell`, { pauseMs: 20 }, 'reset'], cut),
  entry('FIN in chunks', [chunked('5\r\nhel'), 'fin'], cut),
  entry('FIN between chunks', [chunked('5\r\nhello\r\n'), 'fin'], cut),
  entry('FIN before the last empty line', [chunked('5\r\nhello\r\n0\r\n'), 'fin'], cut),
  entry('FIN in a trailer', [chunked('5\r\nhello\r\n0\r\nX: y\r\n'), 'fin'], cut),
  entry('a reset between chunks', [chunked('5\r\nhello\r\n'), { pauseMs: 20 }, 'reset'], cut),
  entry('a reset of what the end delimits', [`${head()}hello`, { pauseMs: 20 }, 'reset'], cut),
];

const answers: readonly IHostileAnswer[] = [
  ...right,
  ...surplus,
  ...ends,
  ...named(wrongLines, started, bad),
  ...named(wrongFields, (line) => sized(line), bad),
  ...named(wrongLengths, (length) => `${head(`Content-Length: ${length}`)}hello`, bad),
  ...named(wrongCodings, (coding) => `${head(`Transfer-Encoding: ${coding}`)}${whole}`, bad),
  ...named(wrongChunks, chunked, cut),
];

const ask = (path: string, method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;

function judge({ answers: got, ended }: IExchange, wanted: TOutcome): void {
  const final = got.find(({ status }) => status >= 200);
  if (wanted.is === 'cut') {
    assert.ok(final === undefined || !final.isComplete, 'what was cut looks whole');
    assert.notEqual(ended, 'open', 'the client waits for the rest');
    return;
  }
  assert.equal(final?.status, 'status' in wanted ? wanted.status : 502, 'status');
  assert.equal(final?.isComplete, true, 'the answer is whole');
  if ('body' in wanted) assert.equal(final?.body, wanted.body, 'content');
}

async function tryCanary(port: number, origin: IRecordingOrigin, number: number): Promise<number> {
  const { answers: got } = await rawExchange(port, ask(`/canary/${number}`), { answers: 1 });
  assert.deepEqual(
    got.map(({ status, body }) => `${status} ${body}`),
    [`200 the answer to /canary/${number}`],
    'the canary',
  );
  return origin.requests.at(-1)?.connection ?? -1;
}

tap.test(
  'a client gets what a target said without doubt, else 502 or a cut, and the next client its own answer',
  async () => {
    let steps: readonly TStep[] = [];
    await using origin = await startRecordingOrigin(({ url }) =>
      url === '/hostile' ? steps : okAnswer(`the answer to ${url}`),
    );
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
    const faults: string[] = [];
    for (const [number, hostile] of answers.entries()) {
      const { name, becomes, method = 'GET' } = hostile;
      steps = hostile.steps;
      try {
        // One that is kept: the answer comes on a connection that others used, and may use again.
        await tryCanary(proxy.port, origin, -number);
        const before = origin.requests.length;
        const got = await rawExchange(proxy.port, ask('/hostile', method), { answers: 1, methods: [method] });
        judge(got, becomes);
        const used = origin.requests.slice(before).map(({ connection }) => connection);
        const next = await tryCanary(proxy.port, origin, number);
        assert.equal(used.includes(next), becomes.is === 'kept', 'the connection to the target serves again');
        assert.ok(used.length >= 1 && used.length <= 2, `asked ${used.length} times`);
      } catch (error) {
        faults.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    expect(faults).toEqual([]);
    expect(answers.length).toBeGreaterThan(140);
  },
);

const nothingOpen = (origin: IRecordingOrigin) =>
  until(
    () => origin.open === 0,
    5_000,
    () => `no connection to the target, has ${origin.open}`,
  );

tap.test("bytes that come when nothing is asked cost the connection, and are nobody's answer", async () => {
  let steps: readonly TStep[] = [];
  await using origin = await startRecordingOrigin(({ url }) =>
    url === '/hostile' ? steps : okAnswer(`the answer to ${url}`),
  );
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const late: readonly [method: string, first: string, then: string][] = [
    ['GET', sized(), stranger],
    ['GET', sized(), '\r\n'],
    ['GET', sized(), interim(100)],
    ['GET', chunked(whole), '0\r\n\r\n'],
    ['HEAD', head('Content-Length: 5'), 'hello'],
    ['HEAD', head('Transfer-Encoding: chunked'), whole],
    ['GET', 'HTTP/1.1 204 No\r\n\r\n', stranger],
    ['GET', 'HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n', 'hello'],
  ];
  for (const [number, [method, first, then]] of late.entries()) {
    let goOn = () => {};
    steps = [first, { wait: new Promise<void>((resolve) => (goOn = resolve)) }, then];
    const got = await rawExchange(proxy.port, ask('/hostile', method), { answers: 1, methods: [method] });
    expect(got.answers.map(({ isComplete }) => isComplete)).toEqual([true]);
    expect(origin.open).toEqual(1);
    goOn();
    await nothingOpen(origin);
    await tryCanary(proxy.port, origin, number);
  }
});

tap.test('a target that answers before it was told everything is not asked again on that connection', async () => {
  await using origin = await startRecordingOrigin(({ url }) =>
    url === '/hostile' ? { steps: [okAnswer('early')], from: 'head' } : okAnswer(`the answer to ${url}`),
  );
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const post = 'POST /hostile HTTP/1.1\r\nHost: a.test\r\n';
  const asks = [
    `${post}Content-Length: 60\r\n\r\n`,
    `${post}Content-Length: 60\r\n\r\nGET /smug`,
    `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
    `${post}Content-Length: 60\r\nExpect: 100-continue\r\n\r\n`,
    `${post}Content-Length: 1000000\r\n\r\n${'x'.repeat(10_000)}`,
  ];
  for (const [number, bytes] of asks.entries()) {
    await using client = await openRawHttp(proxy.port);
    client.send(bytes);
    const answer = await client.readAnswer();
    expect([answer.status, answer.body]).toEqual([200, 'early']);
    // Content that was never asked for, or is too much, is not told from a next request.
    if (/Expect|1000000/.test(bytes)) expect(await client.ended).toEqual('fin');
    const { connection } = origin.requests.at(-1) ?? { connection: -1 };
    expect((await tryCanary(proxy.port, origin, number)) !== connection).toBeTrue();
  }
});

tap.test('a WebSocket that a target refuses leaves nothing behind, whatever was sent after its opening', async () => {
  const refusals = [sized(), started('HTTP/1.1 426 No'), started('HTTP/1.1 400 Bad'), 'HTTP/1.1 204 No\r\n\r\n'];
  let answer = '';
  await using origin = await startRecordingOrigin(({ url }) =>
    url === '/socket' ? answer : okAnswer(`the answer to ${url}`),
  );
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const opening =
    'GET /socket HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  for (const [number, refusal] of refusals.entries()) {
    answer = refusal;
    const { answers: got, ended } = await rawExchange(proxy.port, opening + ask('/smuggled'));
    expect(got.map(({ status }) => status)).toEqual([Number(refusal.slice(9, 12))]);
    expect(ended === 'open').toBeFalse();
    await tryCanary(proxy.port, origin, number);
  }
  expect(origin.requests.filter(({ url }) => url === '/smuggled')).toEqual([]);
});

tap.test('interim answers bring the client no fields of the connection to the target', async () => {
  const fields = ['Connection: close, X-Secret', 'X-Secret: a', 'Keep-Alive: timeout=1', 'Link: </a>; rel=preload'];
  await using origin = await startRecordingOrigin(`${interim(103, ...fields)}${sized()}`);
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const { answers: got } = await rawExchange(proxy.port, ask('/'), { answers: 1 });
  expect(got.map(({ status }) => status)).toEqual([103, 200]);
  expect(got[0]?.field('link')).toEqual('</a>; rel=preload');
  for (const name of ['connection', 'keep-alive', 'x-secret']) expect(got[0]?.field(name)).toEqual(null);
});

export default tap.start();
