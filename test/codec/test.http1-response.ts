import fc from 'fast-check';
import { decodeResponseHead, type IHttp1Response } from '../../ts/codec/http1-response.js';
import { decodeSlowly, done, latin1, partOf, testHeadLimits } from '../helpers/read-http1.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const decode = (text: string, method = 'GET') => decodeResponseHead(latin1(text), 0, testHeadLimits, method);
const answer = (status: number | string, ...lines: string[]): string =>
  `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const read = (text: string, method = 'GET'): IHttp1Response => done(decode(text, method));
const same = (value: object, like: object): void => expect(partOf(value, like)).toEqual(like);

tap.test('a head is read in all its parts', async () => {
  const text = answer('200 Very \xe9 well', 'Content-Type: text/plain', 'Content-Length: 5', 'connection: x');
  expect(decode(`${text}hello`)).toEqual({
    kind: 'done',
    value: {
      status: 200,
      reason: 'Very \xe9 well',
      fields: ['Content-Type', 'text/plain', 'connection', 'x'],
      contentLength: 5,
      framing: 'length',
      keepAlive: true,
      upgrade: null,
    },
    used: text.length,
  });
});

tap.test('what delimits the content follows RFC 9112 §6.3', async () => {
  const rows: readonly (readonly [string, string, IHttp1Response['framing'], number, boolean])[] = [
    ['GET', answer('200 OK', 'Content-Length: 5'), 'length', 5, true],
    ['GET', answer('200 OK', 'Content-Length: 0'), 'none', 0, true],
    ['GET', answer('200 OK', 'Transfer-Encoding: chunked'), 'chunked', -1, true],
    ['GET', answer('200 OK'), 'close', -1, false],
    ['GET', answer('404 No', 'Connection: keep-alive'), 'close', -1, false],
    ['GET', answer('200 OK', 'Content-Length: 5', 'Connection: close'), 'length', 5, false],
    ['HEAD', answer('200 OK', 'Content-Length: 5'), 'none', 5, true],
    ['HEAD', answer('200 OK', 'Transfer-Encoding: chunked'), 'none', -1, true],
    ['HEAD', answer('200 OK'), 'none', -1, true],
    ['GET', answer('304 Same', 'Content-Length: 5'), 'none', 5, true],
    ['GET', answer('304 Same'), 'none', -1, true],
    ['GET', answer('304 Same', 'Transfer-Encoding: chunked'), 'none', -1, false],
    ['GET', answer('204 None'), 'none', 0, true],
    ['GET', answer('204 None', 'Content-Length: 0'), 'none', 0, true],
    ['GET', answer('100 Go on'), 'none', 0, true],
    ['GET', answer('103 Hints', 'Link: </a>'), 'none', 0, true],
    ['CONNECT', answer('200 OK'), 'none', 0, false],
    ['CONNECT', answer('403 No', 'Content-Length: 2'), 'length', 2, true],
    ['GET', 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n', 'length', 5, false],
    ['GET', 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n', 'length', 5, true],
    ['GET', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n', 'close', -1, false],
  ];
  for (const [method, text, framing, contentLength, keepAlive] of rows) {
    same(read(text, method), { framing, contentLength, keepAlive });
  }
});

tap.test('what could be read in two ways is refused with 502', async () => {
  const rows: readonly (readonly [string, string, string?])[] = [
    ['length and coding', answer('200 OK', 'Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['coding and length', answer('200 OK', 'Transfer-Encoding: chunked', 'Content-Length: 5')],
    ['two lengths', answer('200 OK', 'Content-Length: 5', 'Content-Length: 6')],
    ['two lengths that agree', answer('200 OK', 'Content-Length: 5', 'Content-Length: 5')],
    ['a list of lengths', answer('200 OK', 'Content-Length: 5, 5')],
    ['a signed length', answer('200 OK', 'Content-Length: +5')],
    ['a long length', answer('200 OK', 'Content-Length: 1000000000000000')],
    ['an empty length', answer('200 OK', 'Content-Length:')],
    ['another coding', answer('200 OK', 'Transfer-Encoding: gzip, chunked')],
    ['identity', answer('200 OK', 'Transfer-Encoding: identity')],
    ['two codings', answer('200 OK', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['a coding in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['204 with a length', answer('204 None', 'Content-Length: 5')],
    ['204 with a coding', answer('204 None', 'Transfer-Encoding: chunked')],
    ['100 with a length', answer('100 Go on', 'Content-Length: 5')],
    ['103 with a coding', answer('103 Hints', 'Transfer-Encoding: chunked')],
    ['a tunnel with a length', answer('200 OK', 'Content-Length: 5'), 'CONNECT'],
    ['a tunnel with a coding', answer('200 OK', 'Transfer-Encoding: chunked'), 'CONNECT'],
    ['101 without Upgrade', answer('101 Switch', 'Connection: upgrade')],
    ['101 without Connection', answer('101 Switch', 'Upgrade: websocket')],
    ['101 with two protocols', answer('101 Switch', 'Connection: upgrade', 'Upgrade: a, b')],
    ['101 with a length', answer('101 Switch', 'Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 5')],
    ['101 in HTTP/1.0', 'HTTP/1.0 101 Switch\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['LF', 'HTTP/1.1 200 OK\nX: y\n\n'],
    ['LF behind a field', 'HTTP/1.1 200 OK\r\nX: y\n\r\n'],
    ['bare CR', answer('200 OK', 'X: a\rY: b')],
    ['fold', answer('200 OK', 'X: a', ' b')],
    ['space before the colon', answer('200 OK', 'X : a')],
    ['an empty name', answer('200 OK', ': a')],
    ['NUL in a value', answer('200 OK', 'X: \x00')],
    ['DEL in a value', answer('200 OK', 'X: \x7f')],
    ['a control in the reason', answer('200 O\x01K')],
    ['CR in the reason', answer('200 O\rK')],
    ['an empty line before', `\r\n${answer('200 OK')}`],
    ['malformed Connection', answer('200 OK', 'Connection: a b')],
  ];
  for (const [name, text, method] of rows) {
    const found = decode(text, method);
    expect([name, found.kind, found.kind === 'broken' && found.status]).toEqual([name, 'broken', 502]);
  }
});

tap.test('a status line has a version, three digits and perhaps a reason (RFC 9112 §4)', async () => {
  expect(read(answer('200 OK')).reason).toEqual('OK');
  expect(read(answer('200 ')).reason).toEqual('');
  expect(read(answer('200')).reason).toEqual('');
  expect(read(answer('599 x')).status).toEqual(599);
  const lines = [
    'HTTP/1.1 099 X',
    'HTTP/1.1 600 X',
    'HTTP/1.1 20 X',
    'HTTP/1.1 2000 X',
    'HTTP/1.1 2x0 X',
    'HTTP/1.1 -20 X',
    'HTTP/1.1  200 X',
    'HTTP/1.1\t200 X',
    'HTTP/1.1 200\tX',
    'HTTP/1.2 200 X',
    'HTTP/2.0 200 X',
    'HTTP/2 200 X',
    'http/1.1 200 X',
    'ICY 200 OK',
    'HTTP/1.1',
    '',
    'GET / HTTP/1.1',
  ];
  for (const line of lines) {
    same(decode(`${line}\r\nContent-Length: 0\r\n\r\n`), { kind: 'broken', status: 502 });
    same(decode(`${line}\r\n`), { kind: 'broken', status: 502 });
  }
});

tap.test('101 names the protocol (RFC 9110 §15.2.2)', async () => {
  const head = read(answer('101 Switch', 'Upgrade: WebSocket', 'Connection: Upgrade'));
  same(head, { status: 101, upgrade: 'websocket', framing: 'none', keepAlive: false });
  expect(read(answer('426 Do', 'Upgrade: h2c', 'Connection: Upgrade', 'Content-Length: 0')).upgrade).toEqual(null);
});

tap.test('Host and Expect have no meaning here and stay', async () => {
  const head = read(answer('200 OK', 'Host: a b', 'Expect: x', 'Host: c', 'Content-Length: 0'));
  expect(head.fields).toEqual(['Host', 'a b', 'Expect', 'x', 'Host', 'c']);
});

tap.test('limits are exact from both sides', async () => {
  const limits = { maxBytes: 500, maxFields: 3 };
  const sized = (length: number) =>
    latin1(answer('200 OK', `X: ${'a'.repeat(length - answer('200 OK', 'X: ').length)}`));
  expect(decodeResponseHead(sized(500), 0, limits, 'GET').kind).toEqual('done');
  same(decodeResponseHead(sized(501), 0, limits, 'GET'), { kind: 'broken', status: 502 });
  expect(decodeResponseHead(sized(501).subarray(0, 499), 0, limits, 'GET').kind).toEqual('short');
  const many = (count: number) => latin1(answer('200 OK', ...Array.from({ length: count }, () => 'X: y')));
  expect(decodeResponseHead(many(3), 0, limits, 'GET').kind).toEqual('done');
  same(decodeResponseHead(many(4), 0, limits, 'GET'), { kind: 'broken', status: 502 });
});

const octets = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  fc
    .array(fc.constantFrom('HTTP/1.1', ' ', '200', 'OK', '\r\n', '\r', '\n', 'Content-Length: 5', ':', 'X', '\0'), {
      maxLength: 30,
    })
    .map((parts) => latin1(parts.join(''))),
);

tap.test('no octets make it throw, and no cut changes the answer', async () => {
  const texts = [
    answer('200 OK', 'Content-Length: 5'),
    answer('101 S', 'Upgrade: a', 'Connection: upgrade'),
    answer('200'),
  ];
  const slowly = (bytes: Buffer, step: number) =>
    decodeSlowly(
      (part, scanned) => decodeResponseHead(part, 0, { maxBytes: 120, maxFields: 4 }, 'GET', scanned),
      bytes,
      step,
    );
  for (const text of texts) expect(slowly(latin1(text), 1).kind).toEqual('done');
  fc.assert(
    fc.property(octets, fc.integer({ min: 1, max: 9 }), (bytes, step) => {
      slowly(bytes, step);
    }),
    { seed: 421, numRuns: numRuns() },
  );
});

export default tap.start();
