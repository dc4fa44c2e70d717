// Attacks on chunked content and its trailers.

import { chunked, cut, family, type IHttp1Attack, posted, smuggled, type TEntry } from './attack.js';

const body = (text: string): string => chunked(text);
const named = (text: string): string => JSON.stringify(text).slice(1, 41);

const brokenSizes = [
  'x\r\nhello\r\n0\r\n\r\n',
  'g\r\nhello\r\n0\r\n\r\n',
  '\r\nhello\r\n0\r\n\r\n',
  ' 5\r\nhello\r\n0\r\n\r\n',
  '\t5\r\nhello\r\n0\r\n\r\n',
  '5 \r\nhello\r\n0\r\n\r\n',
  '5\t\r\nhello\r\n0\r\n\r\n',
  '+5\r\nhello\r\n0\r\n\r\n',
  '-5\r\nhello\r\n0\r\n\r\n',
  '0x5\r\nhello\r\n0\r\n\r\n',
  '0X5\r\nhello\r\n0\r\n\r\n',
  '5_\r\nhello\r\n0\r\n\r\n',
  '5.0\r\nhello\r\n0\r\n\r\n',
  '5,\r\nhello\r\n0\r\n\r\n',
  '5h\r\nhello\r\n0\r\n\r\n',
  '\x005\r\nhello\r\n0\r\n\r\n',
  '5\x00\r\nhello\r\n0\r\n\r\n',
  '5\x0b\r\nhello\r\n0\r\n\r\n',
  '\xb5\r\nhello\r\n0\r\n\r\n',
  '00000000000005\r\nhello\r\n0\r\n\r\n',
  '10000000000000005\r\nhello\r\n0\r\n\r\n',
  'ffffffffffffffff\r\nhello\r\n0\r\n\r\n',
  '100000000000000000000000000000005\r\nhello',
  ';a=b\r\nhello\r\n0\r\n\r\n',
];

const brokenLineEnds = [
  '5\nhello\r\n0\r\n\r\n',
  '5\rhello\r\n0\r\n\r\n',
  '5\r\r\nhello\r\n0\r\n\r\n',
  '5\n\r\nhello\r\n0\r\n\r\n',
  '5\r\nhello\n0\r\n\r\n',
  '5\r\nhello\r0\r\n\r\n',
  '5\r\nhello\r\r\n0\r\n\r\n',
  '5\r\nhello0\r\n\r\n',
  '5\rXhello\r\n0\r\n\r\n',
  '5\r\nhello\rX0\r\n\r\n',
  '5\r\nhelloX\n0\r\n\r\n',
  '5\r\nhello\r\n0\rX\r\n',
  '5\r\nhello\r\n0\r\n\rX',
  '5\r\nhello\r\n\r\n0\r\n\r\n',
  '5\r\nhelloXX0\r\n\r\n',
  '5\r\nhello\r\n0\n\r\n',
  '5\r\nhello\r\n0\n\n',
  '5\r\nhello\r\n0\r\n\n',
  '5\r\nhello\r\n0\r\r\n',
  '4\r\nhello\r\n0\r\n\r\n',
  '5\r\nhell\r\n0\r\n\r\n',
  '0\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n',
  `0\n\n${smuggled}`,
  '00\n\r\n',
];

const brokenExtensions = [
  '5;\r\nhello\r\n0\r\n\r\n',
  '5;;\r\nhello\r\n0\r\n\r\n',
  '5;a=\r\nhello\r\n0\r\n\r\n',
  '5;=b\r\nhello\r\n0\r\n\r\n',
  '5; a=b\r\nhello\r\n0\r\n\r\n',
  '5 a\r\nhello\r\n0\r\n\r\n',
  '5 ;a=b\r\nhello\r\n0\r\n\r\n',
  '5;a =b\r\nhello\r\n0\r\n\r\n',
  '5;a= b\r\nhello\r\n0\r\n\r\n',
  '5;a=b \r\nhello\r\n0\r\n\r\n',
  '5;a\nb\r\nhello\r\n0\r\n\r\n',
  '5;\nhello\r\n0\r\n\r\n',
  '5;a=b\nhello\r\n0\r\n\r\n',
  '5;a=b\rc\r\nhello\r\n0\r\n\r\n',
  '5;a\rhello\r\n0\r\n\r\n',
  '5;a\rXhello\r\n0\r\n\r\n',
  '5;a="b\nc"\r\nhello\r\n0\r\n\r\n',
  '5;a="b\r\nhello\r\n0\r\n\r\n',
  '5;a="b\r\n"\r\nhello\r\n0\r\n\r\n',
  '5;a="b\\\nc"\r\nhello\r\n0\r\n\r\n',
  '5;a="b"c\r\nhello\r\n0\r\n\r\n',
  '5;a=b"c"\r\nhello\r\n0\r\n\r\n',
  '5;a\x00\r\nhello\r\n0\r\n\r\n',
  '5;a="\x00"\r\nhello\r\n0\r\n\r\n',
  '5;a\xff\r\nhello\r\n0\r\n\r\n',
  '5;a,b\r\nhello\r\n0\r\n\r\n',
  `5;\n${smuggled}`,
];

const pieces = (size: number, line: string): string => Array.from({ length: size }, () => line).join('');

const extensions: TEntry[] = [
  ...brokenExtensions.map((text): TEntry => [named(text), body(text), cut]),
  ['a long one', body(`5;${'a'.repeat(70_000)}\r\nhello\r\n0\r\n\r\n`), cut],
  ['a long quoted one', body(`5;a="${'b'.repeat(70_000)}"\r\nhello\r\n0\r\n\r\n`), cut],
  ['many short ones', body(`${pieces(9_000, '1;abcdefg\r\nx\r\n')}0\r\n\r\n`), cut],
  ['a name', body('5;a\r\nhello\r\n0\r\n\r\n'), posted('hello')],
  ['name and value', body('5;a=b\r\nhello\r\n0;c=d\r\n\r\n'), posted('hello')],
  ['a quoted value', body('5;a="b c\\"d;e"\r\nhello\r\n0\r\n\r\n'), posted('hello')],
  ['two', body('5;a;b=c\r\nhello\r\n0\r\n\r\n'), posted('hello')],
];

const refusedTrailers = [
  'Content-Length: 5',
  'content-length: 5',
  'Transfer-Encoding: chunked',
  'Host: b.test',
  'Connection: close',
  'Keep-Alive: timeout=5',
  'Upgrade: websocket',
  'TE: trailers',
  'Trailer: Host',
  'Forwarded: for=127.0.0.1',
  'X-Forwarded-For: 127.0.0.1',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: b.test',
  'X-Real-IP: 127.0.0.1',
  'Via: 1.1 b.test',
  'HTTP2-Settings: AAMAAABk',
  ': value',
  'Name',
  'Name : value',
  ' Name: value',
  'Name: a\nb: c',
  'Name: a\rb: c',
  'Name: a\x00',
  'Name: a\r\n continued',
  'Na me: a',
  'Name\x00: a',
  '\x7f: a',
];

const trailers: TEntry[] = [
  ...refusedTrailers.map((line): TEntry => [JSON.stringify(line), body(`5\r\nhello\r\n0\r\n${line}\r\n\r\n`), cut]),
  ['a large one', body(`0\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`), cut],
  ['many', body(`0\r\n${pieces(5_000, 'X: a\r\n')}\r\n`), cut],
  ...[
    'Authorization: Basic YTpi',
    'Cookie: a=b',
    'Set-Cookie: a=b',
    'Content-Type: text/html',
    'Content-Encoding: gzip',
    'Content-Range: bytes 0-1/2',
    'Content_Length: 7',
    'X_Forwarded_For: 127.0.0.1',
    'Proxy-Authorization: Basic YTpi',
    'If-Match: a',
    'Range: bytes=0-1',
    'Expect: 100-continue',
    'Cache-Control: no-store',
  ].map((line): TEntry => {
    const absent = [line.slice(0, line.indexOf(':')).toLowerCase()];
    return [JSON.stringify(line), body(`5\r\nhello\r\n0\r\n${line}\r\n\r\n`), posted('hello', { absent })];
  }),
  ['a checksum', body('5\r\nhello\r\n0\r\nX-Checksum: abc\r\n\r\n'), posted('hello')],
];

const spills: TEntry[] = [
  ['a chunk that looks like the end', body('7\r\n0\r\n\r\nGE\r\n0\r\n\r\n'), posted('0\r\n\r\nGE')],
  ['a chunk that is a request', body(`${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`), posted(smuggled)],
  ['capital digits', body('A\r\n0123456789\r\n0\r\n\r\n'), posted('0123456789')],
  ['leading zeros', body('0005\r\nhello\r\n000\r\n\r\n'), posted('hello')],
  [
    'chunks of one octet',
    body(`${[...'hello'].map((octet) => `1\r\n${octet}\r\n`).join('')}0\r\n\r\n`),
    posted('hello'),
  ],
  ['binary data', body('4\r\n\x00\r\n\xff\r\n0\r\n\r\n'), posted('\x00\r\n\xff')],
];

export const chunkAttacks: readonly IHttp1Attack[] = [
  ...family(
    'chunk size',
    'TERM.EXT, numbers that readers take differently; RFC 9112 §7.1',
    brokenSizes.map((text): TEntry => [named(text), body(text), cut]),
  ),
  ...family(
    'chunk end',
    'bare CR and LF, data that spills over; RFC 9112 §7.1',
    brokenLineEnds.map((text): TEntry => [named(text), body(text), cut]),
  ),
  ...family('chunk extension', 'EXT.TERM, CVE-2024-22019, Funky Chunks; RFC 9112 §7.1.1', extensions),
  ...family('trailer', 'fields that are merged into a head; RFC 9110 §6.5.1, RFC 9112 §7.1.2', trailers),
  ...family('chunk data', 'RFC 9112 §7.1: data is data, whatever it looks like', spills),
];
