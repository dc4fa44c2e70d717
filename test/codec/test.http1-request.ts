import fc from 'fast-check';
import type { IRequestHead } from '../../ts/codec/http-message.js';
import { decodeRequestHead } from '../../ts/codec/http1-request.js';
import { decodeRequest, decodeSlowly, done, latin1, partOf, testHeadLimits } from '../helpers/read-http1.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const decode = (text: string) => decodeRequestHead(latin1(text), 0, testHeadLimits);
const read = (text: string): IRequestHead => done(decode(text));
const get = (...lines: string[]): string =>
  `GET / HTTP/1.1\r\nHost: a.test\r\n${lines.map((l) => `${l}\r\n`).join('')}\r\n`;
const statusOf = (text: string): number | string => {
  const answer = decode(text);
  return answer.kind === 'broken' ? answer.status : answer.kind;
};
const same = (value: object, like: object): void => expect(partOf(value, like)).toEqual(like);

tap.test('a head is read in all its parts', async () => {
  const text =
    'POST /a/b?c=d HTTP/1.1\r\nHost: A.test:8080\r\nX-One: 1\r\nx-two:\t two words \r\nContent-Length: 12\r\n\r\n';
  expect(decode(`${text}more`)).toEqual({
    kind: 'done',
    value: {
      version: '1.1',
      method: 'POST',
      target: '/a/b?c=d',
      authority: 'A.test:8080',
      host: 'a.test',
      fields: ['X-One', '1', 'x-two', 'two words'],
      contentLength: 12,
      expectsContinue: false,
      upgrade: null,
      close: false,
    },
    used: text.length,
  });
});

tap.test('decoding begins where it is told to and counts from there', async () => {
  const bytes = latin1(`zzz${get()}${get('X: y')}`);
  const first = decodeRequestHead(bytes, 3, testHeadLimits);
  same(first, { kind: 'done', used: get().length });
  const second = decodeRequestHead(bytes, 3 + get().length, testHeadLimits);
  expect(done(second).fields).toEqual(['X', 'y']);
});

tap.test('values are characters of one octet each', async () => {
  expect(read(get('X: \xe4\xff', 'Y: "a\tb"')).fields).toEqual(['X', '\xe4\xff', 'Y', '"a\tb"']);
});

tap.test('any token up to a limit is a method (RFC 9110 §9.1)', async () => {
  for (const method of ['GET', 'QUERY', 'PURGE', 'get', 'M-SEARCH', 'A'.repeat(32)]) {
    expect(read(get().replace('GET', method)).method).toEqual(method);
  }
  expect(statusOf(get().replace('GET', 'A'.repeat(33)))).toEqual(400);
});

tap.test('a few empty lines before the request line are skipped (RFC 9112 §2.2)', async () => {
  for (const lines of [1, 2, 4]) {
    const text = `${'\r\n'.repeat(lines)}${get()}`;
    same(decode(text), { kind: 'done', used: text.length });
    expect(decodeSlowly(decodeRequest(), latin1(text), 1).kind).toEqual('done');
  }
  expect(statusOf(`${'\r\n'.repeat(5)}${get()}`)).toEqual(400);
  expect(statusOf('\r\n\r')).toEqual('short');
  expect(statusOf('\r\n\r\r')).toEqual(400);
});

tap.test('a target is split from its authority, which overrules Host (RFC 9112 §3.2.2)', async () => {
  const rows = [
    ['GET', '/', '/', 'h.test', 'h.test'],
    ['GET', '/?a/../b', '/?a/../b', 'h.test', 'h.test'],
    ['GET', 'http://a.test', '/', 'a.test', 'a.test'],
    ['GET', 'HTTPS://A.test:444/x?y', '/x?y', 'A.test:444', 'a.test'],
    ['GET', 'http://[::0001]:80?y', '/?y', '[::0001]:80', '::1'],
    ['OPTIONS', '*', '*', 'h.test', 'h.test'],
    ['OPTIONS', 'http://a.test:1', '*', 'a.test:1', 'a.test'],
    ['OPTIONS', 'http://a.test/', '/', 'a.test', 'a.test'],
    ['CONNECT', 'a.test:443', '', 'a.test:443', 'a.test'],
    ['CONNECT', '[::1]:443', '', '[::1]:443', '::1'],
  ] as const;
  for (const [method, written, target, authority, host] of rows) {
    const head = read(`${method} ${written} HTTP/1.1\r\nHost: h.test\r\n\r\n`);
    expect([head.target, head.authority, head.host]).toEqual([target, authority, host]);
  }
});

tap.test('two slashes begin no origin form, since they begin a reference to another host (RFC 3986 §4.2)', async () => {
  for (const target of ['//', '//a.test/x', 'http://a.test//x']) {
    expect(statusOf(get().replace(' / ', ` ${target} `))).toEqual(400);
  }
  expect(read(get().replace(' / ', ' /a//b ')).target).toEqual('/a//b');
});

tap.test('HTTP/1.0 may do without Host (RFC 9112 §3.2)', async () => {
  same(read('GET / HTTP/1.0\r\n\r\n'), { version: '1.0', authority: '', host: '' });
  same(read('GET http://a.test/ HTTP/1.0\r\n\r\n'), { authority: 'a.test', host: 'a.test' });
  expect(read('GET / HTTP/1.0\r\nHost: a.test\r\n\r\n').host).toEqual('a.test');
  expect(statusOf('GET / HTTP/1.1\r\n\r\n')).toEqual(400);
});

tap.test('the length of the content follows RFC 9112 §6.3', async () => {
  const lengthOf = (...lines: string[]) => read(get(...lines)).contentLength;
  expect(lengthOf()).toEqual(0);
  expect(lengthOf('Content-Length: 0')).toEqual(0);
  expect(lengthOf('Content-Length: 999999999999999')).toEqual(999_999_999_999_999);
  expect(lengthOf('Transfer-Encoding: chunked')).toEqual(-1);
  expect(lengthOf('transfer-ENCODING: CHUNKED')).toEqual(-1);
  expect(statusOf(get('Content-Length: 1000000000000000'))).toEqual(400);
});

tap.test('whether the connection is to end depends on the version (RFC 9112 §9.3)', async () => {
  const closes = (version: string, ...lines: string[]) => read(get(...lines).replace('1.1', version)).close;
  expect(closes('1.1')).toEqual(false);
  expect(closes('1.1', 'Connection: close')).toEqual(true);
  expect(closes('1.1', 'Connection: x, CLOSE')).toEqual(true);
  expect(closes('1.1', 'Connection: keep-alive')).toEqual(false);
  expect(closes('1.1', 'Connection: keep-alive', 'connection: close')).toEqual(true);
  expect(closes('1.0')).toEqual(true);
  expect(closes('1.0', 'Connection: keep-alive')).toEqual(false);
  expect(closes('1.0', 'Connection: Keep-Alive')).toEqual(false);
  expect(closes('1.0', 'Connection: keep-alive, close')).toEqual(true);
  expect(closes('1.0', 'Proxy-Connection: keep-alive')).toEqual(true);
});

tap.test('100-continue is expected only where there is content to wait for (RFC 9110 §10.1.1)', async () => {
  const expectsContinue = (...lines: string[]) => read(get('Expect: 100-Continue', ...lines)).expectsContinue;
  expect(expectsContinue('Content-Length: 1')).toEqual(true);
  expect(expectsContinue('Transfer-Encoding: chunked')).toEqual(true);
  expect(expectsContinue('Content-Length: 0')).toEqual(false);
  expect(expectsContinue()).toEqual(false);
  const old = read('POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n');
  expect([old.expectsContinue, old.fields]).toEqual([false, []]);
});

tap.test('another protocol is asked for by one name and Connection together (RFC 9110 §7.8)', async () => {
  const upgradeOf = (...lines: string[]) => read(get(...lines)).upgrade;
  expect(upgradeOf('Upgrade: WebSocket', 'Connection: keep-alive, Upgrade')).toEqual('websocket');
  expect(upgradeOf('Upgrade: foo/2', 'Connection: upgrade')).toEqual('foo/2');
  expect(upgradeOf('Upgrade: websocket')).toEqual(null);
  expect(upgradeOf('Upgrade: websocket, foo', 'Connection: upgrade')).toEqual(null);
  expect(upgradeOf('Upgrade: h2c', 'HTTP2-Settings: x', 'Connection: Upgrade, HTTP2-Settings')).toEqual(null);
  expect(upgradeOf('Connection: upgrade')).toEqual(null);
  const kept = read(get('Upgrade: websocket', 'Connection: upgrade', 'HTTP2-Settings: x'));
  expect(kept.fields).toEqual(['Upgrade', 'websocket', 'Connection', 'upgrade', 'HTTP2-Settings', 'x']);
});

tap.test('the limit of bytes is exact from both sides', async () => {
  const limits = { maxBytes: 1000, maxFields: 100 };
  const sized = (length: number): string => get(`X: ${'a'.repeat(length - get('X: ').length)}`);
  expect(sized(1000).length).toEqual(1000);
  expect(decodeRequestHead(latin1(sized(1000)), 0, limits).kind).toEqual('done');
  same(decodeRequestHead(latin1(sized(1001)), 0, limits), { kind: 'broken', status: 431 });
  expect(decodeRequestHead(latin1(sized(1001).slice(0, 999)), 0, limits).kind).toEqual('short');
  same(decodeRequestHead(latin1(sized(1001).slice(0, 1000)), 0, limits), { status: 431 });
  expect(decodeRequestHead(latin1(`\r\n${sized(1000)}`), 0, limits).kind).toEqual('done');
  const long = latin1(`GET /${'a'.repeat(1000)}`);
  same(decodeRequestHead(long, 0, limits), { kind: 'broken', status: 414 });
  expect(decodeRequestHead(long.subarray(0, 999), 0, limits).kind).toEqual('short');
  const half = latin1(`GET /${'a'.repeat(600)} HTTP/1.1\r\nHost: a.test\r\nX: ${'a'.repeat(500)}`);
  same(decodeRequestHead(half, 0, limits), { status: 414 });
});

tap.test('the limit of fields is exact from both sides', async () => {
  const many = (count: number) => get(...Array.from({ length: count - 1 }, (_, n) => `X${n}: a`));
  const limits = { maxBytes: 16_384, maxFields: 20 };
  expect(done(decodeRequestHead(latin1(many(20)), 0, limits)).fields.length).toEqual(38);
  same(decodeRequestHead(latin1(many(21)), 0, limits), { kind: 'broken', status: 431 });
});

tap.test('each fault has its status', async () => {
  const rows: readonly (readonly [number, string])[] = [
    [400, 'GET /\x00 HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    [505, 'GET / HTTP/2.0\r\nHost: a.test\r\n\r\n'],
    [505, 'GET / HTTP/1.2\r\nHost: a.test\r\n\r\n'],
    [501, get('Transfer-Encoding: gzip, chunked')],
    [417, get('Expect: more')],
    [400, get('Transfer-Encoding: gzip')],
  ];
  for (const [status, text] of rows) expect(statusOf(text)).toEqual(status);
});

tap.test('a fault shows as soon as its octets are there, and is the same one when all are', async () => {
  expect(statusOf('GET / HTTP/2.0\r\n')).toEqual(505);
  expect(statusOf('GET / HTTP/2.0\r')).toEqual('short');
  expect(statusOf('GET /\r\n')).toEqual(400);
  expect(statusOf('GET / HTTP/1.1\r\nHost: a\n')).toEqual(400);
  // What only the end of the head would show does not hide what came before it.
  expect(statusOf(get('Expect: more', 'X: \x00'))).toEqual(400);
  expect(statusOf('GET / HTTP/1.1\r\nHost: a.test\r\nExpect: more\r\nX: \x00')).toEqual(400);
  expect(statusOf('GET / HTTP/2.0\r\nX: \x00\r\n\r\n')).toEqual(505);
  const tooMany = latin1(get('A: a', 'B: b', 'C: \x00'));
  expect(decodeSlowly(decodeRequest({ maxBytes: 1000, maxFields: 2 }), tooMany, 1)).toEqual(
    decodeRequestHead(tooMany, 0, { maxBytes: 1000, maxFields: 2 }),
  );
});

tap.test('what was looked at is not looked at again', async () => {
  const bytes = latin1(get('X: a').slice(0, -2));
  const scanned = bytes.length;
  expect(decodeRequestHead(bytes, 0, testHeadLimits).kind).toEqual('short');
  // Spoiled after it was seen: who looks again will notice.
  bytes[20] = 0;
  const more = Buffer.concat([bytes, latin1('Y: b')]);
  expect(decodeRequestHead(more, 0, testHeadLimits, scanned).kind).toEqual('short');
  expect(decodeRequestHead(more, 0, testHeadLimits).kind).toEqual('broken');
});

tap.test('a head that comes in pieces gives what it gives as a whole', async () => {
  const texts = [
    get(),
    get('Content-Length: 3', 'Expect: 100-continue'),
    get('Upgrade: websocket', 'Connection: Upgrade'),
    'GET http://a.test/x HTTP/1.1\r\nHost: b.test\r\n\r\n',
    '\r\n\r\nGET / HTTP/1.0\r\n\r\n',
    get(...Array.from({ length: 90 }, (_, n) => `X-${n}: value`)),
  ];
  for (const text of texts) {
    for (const step of [1, 2, 3, 5]) expect(decodeSlowly(decodeRequest(), latin1(text), step).kind).toEqual('done');
  }
});

const octets = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  fc
    .array(fc.constantFrom('GET', ' ', '/', 'HTTP/1.1', '\r\n', '\r', '\n', 'Host: a.test', ':', 'X', '\0', '\t'), {
      maxLength: 30,
    })
    .map((parts) => latin1(parts.join(''))),
);

tap.test('no octets make it throw, and no cut changes the answer', async () => {
  fc.assert(
    fc.property(octets, fc.integer({ min: 1, max: 9 }), (bytes, step) => {
      decodeSlowly(decodeRequest({ maxBytes: 120, maxFields: 4 }), bytes, step);
    }),
    { seed: 411, numRuns: numRuns() },
  );
});

export default tap.start();
