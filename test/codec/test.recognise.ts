import fc from 'fast-check';
import type { TDecoded } from '../../ts/codec/decoded.js';
import { type IRecognised, recognise, requestLineLimitBytes } from '../../ts/codec/recognise.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.timeout(1_200_000);

/** The answer and how many bytes it took, coming one by one. */
function recogniseSlowly(bytes: Buffer): readonly [string, number] {
  for (let length = 0; length <= bytes.length; length++) {
    const answer = recognise(bytes.subarray(0, length), Math.max(0, length - 1));
    const again = recognise(bytes.subarray(0, length));
    expect(again).toEqual(answer);
    if (answer.kind === 'done') return [nameOf(answer), length];
    expect(answer).toEqual({ kind: 'short', need: length + 1 });
  }
  return ['short', bytes.length];
}
const nameOf = (answer: TDecoded<IRecognised>): string =>
  answer.kind !== 'done'
    ? answer.kind
    : answer.value.http2Preface
      ? `${answer.value.protocol} 2`
      : answer.value.protocol;
const slowly = (text: string) => recogniseSlowly(Buffer.from(text, 'latin1'));

tap.test('TLS takes six bytes', async () => {
  expect(slowly('\x16\x03\x01\x02\x00\x01\x00')).toEqual(['tls', 6]);
  expect(slowly('\x16\x03\x03\x40\x00\x01')).toEqual(['tls', 6]);
  expect(slowly('\x16\x03\x00\x00\x01\x01')).toEqual(['tls', 6]);
  // The minor version of a record says nothing (RFC 8446 §5.1).
  expect(slowly('\x16\x03\x30\x00\x80\x01')).toEqual(['tls', 6]);
});

tap.test('what only begins like TLS is told by the first byte that differs', async () => {
  expect(slowly('\x16\x02\x01\x00\x10\x01')).toEqual(['other', 2]);
  expect(slowly('\x16\xfe\xff\x00\x10\x01')).toEqual(['other', 2]);
  expect(slowly('\x16\x03\x01\x41\x00\x01')).toEqual(['other', 4]);
  expect(slowly('\x16\x03\x01\x40\x01\x01')).toEqual(['other', 5]);
  expect(slowly('\x16\x03\x01\x00\x00\x01')).toEqual(['other', 5]);
  expect(slowly('\x16\x03\x01\x02\x00\x02')).toEqual(['other', 6]);
  for (const first of ['\x15\x03\x03', '\x17\x03\x03', '\x14\x03\x01', '\x80\x2e\x01\x03\x01']) {
    expect(slowly(first)).toEqual(['other', 1]);
  }
});

tap.test('HTTP takes a known method and its space', async () => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']) {
    expect(slowly(`${method} / HTTP/1.1\r\n`)).toEqual(['http', method.length + 1]);
  }
});

tap.test('other methods take a request line up to its version', async () => {
  for (const method of ['PROPFIND', 'M-SEARCH', 'get', 'GETX', 'QUERY', 'PRI', 'PR', '$']) {
    const line = `${method} /path?x=y HTTP/`;
    expect(slowly(`${line}1.1\r\nHost: a.test\r\n`)).toEqual(['http', line.length]);
    expect(slowly(`${line}1.1\n`)).toEqual(['http', line.length]);
  }
  expect(slowly('X /\xfc HTTP/1.0\r\n')[0]).toEqual('http');
});

tap.test('HTTP/2 takes its whole preface', async () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  expect(slowly(`${preface}\0\0\0`)).toEqual(['http 2', 24]);
  for (let at = 1; at < preface.length; at++) {
    const [name, taken] = slowly(`${preface.slice(0, at)}\x01${preface.slice(at + 1)}`);
    // Behind its version it is a request line of another kind.
    expect([at, name]).toEqual([at, at < 'PRI * HTTP/'.length ? 'other' : 'http']);
    expect(taken).toBeLessThanOrEqual(24);
  }
});

tap.test('other protocols are told as soon as they differ', async () => {
  const others = [
    ['SSH-2.0-OpenSSH_9.6\r\n', 21],
    ['SSH-2.0-OpenSSH_9.6p1 Debian-4\r\n', 32],
    ['EHLO client.test\r\n', 18],
    ['* OK ready\r\n', 12],
    ['USER x\r\n', 8],
    ['220 mail ESMTP\r\n', 16],
    ['+OK ready\r\n', 11],
    ['RFB 003.008\n', 12],
    ['*1\r\n$4\r\nPING\r\n', 4],
    ['\0\0\0\x08\x04\xd2\x16\x2f', 1], // PostgreSQL's SSLRequest
    ['\x10\x0c\0\x04MQTT', 1],
    ['\x03\0\0\x13\x0e', 1], // RDP
    ['\r\n\r\n\0\r\nQUIT\0', 12],
    ['\r\n\0', 3],
    ['\0GET / HTTP/1.1\r\n', 1],
    ['{"json":1}', 1],
    ['[1]', 1],
    ['(success)', 1],
    ["<?xml version='1.0'?><stream:stream>", 1],
    ['get key\r\n', 9], // memcached
    ['CONNECT\naccept-version:1.2\n\n\0', 8], // STOMP
    ['CONNECT\r\naccept-version:1.2\r\n', 9],
    ['AMQP\0\0\x09\x01', 5],
    ['0032git-upload-pack /x\0host=a\0', 23],
    ['@RSYNCD: 31.0\n', 14],
    ['\xff\xfb\x1f', 1], // Telnet
    ['\x85\xa3key\x01', 2], // MessagePack
    ['\xc2\xb5', 2],
    ['\x80\x01\0\x01', 1],
    ['\0\x1d\x20\x20\x01', 1], // DNS
    ['X / SIP/2.0\r\n', 13],
    ['X /\x7f', 4],
  ] as const;
  for (const [text, taken] of others) expect([text, ...slowly(text)]).toEqual([text, 'other', taken]);
});

tap.test('what any tolerant server takes for HTTP is HTTP, so that it is not forwarded unread', async () => {
  for (const text of [
    ' GET / HTTP/1.1\r\n',
    '\r\nGET / HTTP/1.1\r\n',
    '\nGET / HTTP/1.1\r\n',
    `${'\r\n'.repeat(100)}GET / HTTP/1.1\r\n`,
    '\r\n'.repeat(requestLineLimitBytes / 2),
    'GET\t/ HTTP/1.1\r\n',
    '\tX / HTTP/1.1\r\n',
    'X\t/ HTTP/1.1\r\n',
    'X  / HTTP/1.1\r\n',
    'X  HTTP/1.1\r\n',
    'X /\tHTTP/1.1\r\n',
    'X /a b  HTTP/1.1\r\n',
    'X / HTTP/2.0\r\n',
    'X / HTTP/1.11\r\n',
    'X / HTTP/1.01\r\n',
    'X / HTTP/1.1 \r\n',
    `${'X'.repeat(1_000)} / HTTP/1.1\r\n`,
    'X / http/1.1\r\n',
    'get / Http/1.1\r\n',
    'G/ET / HTTP/1.1\r\n',
    '@GET / HTTP/1.1\r\n',
    '"GET" / HTTP/1.1\r\n',
    "'GET' / HTTP/1.1\r\n",
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nGET / HTTP/1.1\r\n',
    'PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n',
    '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0GET / HTTP/1.1\r\n',
    'GET\r/admin\rHTTP/1.1\r\n',
    'X /\xa0HTTP/1.1\r\n',
  ]) {
    expect([text, slowly(text)[0]]).toEqual([text, 'http']);
  }
});

tap.test('white space of any alphabet, in front or between, makes no other protocol of a request', async () => {
  const ascii = [9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 0x85, 0xa0].map((code) => String.fromCharCode(code));
  const wide = Array.from('\x85\xa0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000\ufeff', (character) =>
    Buffer.from(character).toString('latin1'),
  );
  for (const white of [...ascii, ...wide]) {
    const texts = [`${white}GET / HTTP/1.1\r\n`, `${white}\r\n${white}X / HTTP/1.1\r\n`];
    // Behind a word LF is the end of a line.
    if (white !== '\n') texts.push(`GET${white}/admin${white}HTTP/1.1\r\n`, `X${white}/admin${white}http/1.1\r\n`);
    for (const text of texts) expect([text, slowly(text)[0]]).toEqual([text, 'http']);
  }
});

tap.test('nothing yet is waited for', async () => {
  for (const text of [
    '',
    'G',
    'GET',
    'PRI * HTTP/2.0',
    'X',
    'X /',
    'X / ',
    'X / HTTP',
    '\r\n',
    '\r\nX',
    '\r\n\r\n\0\r\nQUIT',
    'GET\r',
    'X /\r',
    '\xe2\x80',
    '\x16',
    '\x16\x03\x01\x02\x00',
  ]) {
    expect(slowly(text)[0]).toEqual('short');
  }
});

tap.test('a request line is looked for up to a limit, and what is still one there is HTTP', async () => {
  const limit = requestLineLimitBytes;
  for (const text of [`X /${'a'.repeat(limit)}`, 'X'.repeat(limit + 1), ' '.repeat(limit + 1)]) {
    expect(slowly(text)).toEqual(['http', limit]);
  }
  expect(slowly(`X ${'a'.repeat(limit - 3)}\n`)).toEqual(['other', limit]);
});

tap.test('8 KiB that dribble in cost what 8 KiB cost, not their square', async () => {
  const bytes = Buffer.from(`X /${'a'.repeat(requestLineLimitBytes)}`);
  const cpuMs = leastCpuMs(() => {
    for (let length = 0; length < requestLineLimitBytes; length++) recognise(bytes.subarray(0, length), length - 1);
  }, 2);
  expect(cpuMs).toBeLessThan(1_500);
});

tap.test('no bytes throw, no answer needs more than comes, and none changes with what follows', async () => {
  const word = fc.constantFrom(
    'GET',
    'X',
    'PRI',
    '*',
    '/',
    'HTTP/1.1',
    'HTTP/2.0',
    ' ',
    ' ',
    '\r\n',
    '\n',
    '\x16',
    '\x03',
    '\x01',
    'SM',
    'é',
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value)),
    fc.array(word, { maxLength: 12 }).map((words) => Buffer.from(words.join(''), 'latin1')),
  );
  fc.assert(
    fc.property(bytes, fc.uint8Array({ maxLength: 20 }), (first, rest) => {
      const [name, taken] = recogniseSlowly(first);
      const later = recognise(Buffer.concat([first, rest]));
      if (name !== 'short') expect([nameOf(later), taken <= first.length]).toEqual([name, true]);
    }),
    { seed: 241, numRuns: numRuns(2_000) },
  );
});

export default tap.start();
