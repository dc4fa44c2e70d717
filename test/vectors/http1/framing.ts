// Attacks on the length of a message: Content-Length and Transfer-Encoding.

import { family, get, type IHttp1Attack, passed, post, posted, refused, smuggled, type TEntry } from './attack.js';

const te = 'Transfer-Encoding: chunked';
const empty = '0\r\n\r\n';
const hello = '5\r\nhello\r\n0\r\n\r\n';

const both: TEntry[] = [
  ['length first', post(['Content-Length: 4', te], `${empty}${smuggled}`), refused()],
  ['coding first', post([te, 'Content-Length: 4'], `${empty}${smuggled}`), refused()],
  ['length 0', post([te, 'Content-Length: 0'], `${empty}${smuggled}`), refused()],
  ['lengths that agree', post([te, `Content-Length: ${hello.length}`], hello), refused()],
  ['apart', post(['Content-Length: 6', 'X-Between: 1', te], `${empty}G`), refused()],
  ['odd case', post(['cOnTeNt-lEnGtH: 4', 'tRANSFER-eNCODING: cHUNKED'], empty), refused()],
  ['an unknown coding', post(['Content-Length: 5', 'Transfer-Encoding: x'], 'hello'), refused()],
  ['identity', post(['Content-Length: 5', 'Transfer-Encoding: identity'], 'hello'), refused()],
  ['an empty coding', post(['Content-Length: 5', 'Transfer-Encoding:'], 'hello'), refused()],
  ['an odd length', post([te, 'Content-Length: x'], hello), refused()],
  ['on GET', get('Content-Length: 4', te) + empty, refused()],
  ['in a coding of two lines', post(['Content-Length: 4', 'Transfer-Encoding: gzip', te], empty), refused()],
];

/** Whose last word is not `chunked`, or who hide it from one reader. */
const unclear = [
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx',
  'Transfer-Encoding: chun ked',
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: chunked; a=b',
  'Transfer-Encoding: [chunked]',
  'Transfer-Encoding: x: chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip',
  'Transfer-Encoding: x',
  'Transfer-Encoding:',
  'Transfer-Encoding: ,',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: , chunked',
  'Transfer-Encoding: chunked chunked',
  'Transfer-Encoding: cow\r\nTransfer-Encoding: chunked, x',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding:',
  'Transfer-Encoding:\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  'Transfer-Encoding\x0b: chunked',
  'Transfer-Encoding\xa0: chunked',
  'Transfer-Encoding\x00: chunked',
  ' Transfer-Encoding: chunked',
  '\tTransfer-Encoding: chunked',
  'Transfer Encoding: chunked',
  'Transfer-Encoding chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: chunked\r\n x',
  'Transfer-Encoding:\n chunked',
  'Transfer-Encoding: chunked\nX: y',
  'Transfer-Encoding: chunked\rX: y',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\r\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: \x0bchunked',
  'Transfer-Encoding: chunked\x0b',
  'Transfer-Encoding: \x0cchunked',
  'Transfer-Encoding: \x00chunked',
  'Transfer-Encoding: chunked\x00',
  'Transfer-Encoding: chunked\x7f',
  'Transfer-Encoding: \xa0chunked',
  'Transfer-Encoding: chunked\x85',
  'Transfer-Encoding: \xefchunked',
  'Transfer-Encoding: =?utf-8?q?chunked?=',
  '\xefTransfer-Encoding: chunked',
  '(Transfer-Encoding): chunked',
  '"Transfer-Encoding": chunked',
];

const unclearCodings: TEntry[] = unclear.map((field) => [
  JSON.stringify(field),
  post([field], `${empty}${smuggled}`),
  refused(),
]);

const codings: TEntry[] = [
  ['gzip, chunked', post(['Transfer-Encoding: gzip, chunked'], hello), refused(501)],
  ['identity, chunked', post(['Transfer-Encoding: identity, chunked'], hello), refused(501)],
  ['x;a=b, chunked', post(['Transfer-Encoding: x;a=b, chunked'], hello), refused(501)],
  ['gzip and chunked in two lines', post(['Transfer-Encoding: gzip', te], hello), refused(501)],
  ['no space', post(['Transfer-Encoding:chunked'], hello), posted('hello')],
  ['a tab', post(['Transfer-Encoding:\tchunked'], hello), posted('hello')],
  ['a space behind', post(['Transfer-Encoding: chunked '], hello), refused()],
  ['a tab behind', post(['Transfer-Encoding: chunked\t'], hello), refused()],
  ['capitals', post(['TRANSFER-ENCODING: CHUNKED'], hello), posted('hello')],
];

const unclearLengths = [
  '+5',
  '-5',
  '-0',
  '0x5',
  '5.0',
  '5e0',
  '5,5',
  '5, 5',
  '5,6',
  '5;',
  '"5"',
  '5 5',
  '5x',
  'x5',
  '',
  ' ',
  '1_0',
  '\xb2',
  '\xa05',
  '5\xa0',
  '5\x00',
  '\x0b5',
  '5\x0b',
  '9999999999999999',
  '0000000000000005',
  '18446744073709551616',
  '18446744073709551621',
  '4294967301, 5',
  'NaN',
  'Infinity',
];

const lengths: TEntry[] = [
  ...unclearLengths.map(
    (value): TEntry => [JSON.stringify(value), post([`Content-Length: ${value}`], `hello${smuggled}`), refused()],
  ),
  ['twice the same', post(['Content-Length: 5', 'Content-Length: 5'], 'hello'), refused()],
  ['two that differ', post(['Content-Length: 5', 'Content-Length: 6'], 'hello!'), refused()],
  ['two, the first 0', post(['Content-Length: 0', 'Content-Length: 44'], smuggled), refused()],
  ['two in other cases', post(['content-length: 5', 'CONTENT-LENGTH: 5'], 'hello'), refused()],
  ['space before the colon', post(['Content-Length : 5'], 'hello'), refused()],
  ['behind a bare LF', post(['X: y\nContent-Length: 5'], 'hello'), refused()],
  ['folded', post(['Content-Length:\r\n 5'], 'hello'), refused()],
  ['continued', post(['Content-Length: 5\r\n 0'], 'hello'), refused()],
  ['leading zeros', post(['Content-Length: 0005'], 'hello'), posted('hello')],
  ['spaces around', post(['Content-Length:  5  '], 'hello'), posted('hello')],
  ['a tab behind', post(['Content-Length: 5\t'], 'hello'), refused()],
  ['no space', post(['Content-Length:5'], 'hello'), posted('hello')],
  ['0 with POST', post(['Content-Length: 0']), posted('')],
  ['none with POST', post([]), posted('')],
];

const twins: TEntry[] = [
  [
    'Content_Length',
    post(['Content-Length: 5', 'Content_Length: 0'], 'hello'),
    posted('hello', { absent: ['content_length'] }),
  ],
  ['Content_Length alone', post(['Content_Length: 5']), posted('', { absent: ['content_length'] })],
  [
    'Transfer_Encoding',
    post(['Content-Length: 5', 'Transfer_Encoding: chunked'], 'hello'),
    posted('hello', { absent: ['transfer_encoding'] }),
  ],
  [
    'Content-Length_',
    post(['Content-Length: 5', 'Content-Length_: 9'], 'hello'),
    posted('hello', { absent: ['content-length_'] }),
  ],
  ['Content-Encoding: chunked', post(['Content-Encoding: chunked']), posted('')],
  ['TE: chunked', post(['TE: chunked', 'Connection: TE']), posted('', { absent: ['te'] })],
  ['X-Transfer-Encoding', post(['X-Transfer-Encoding: chunked']), posted('')],
  ['Content-Length in another value', post(['X: Content-Length: 5']), posted('')],
];

const old = (fields: readonly string[], body: string): string =>
  `POST / HTTP/1.0\r\nHost: a.test\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${body}`;

const oldCodings: TEntry[] = [
  ['chunked', old([te], hello), refused()],
  ['chunked and kept alive', old([te, 'Connection: keep-alive'], `${empty}${smuggled}`), refused()],
  ['chunked and a length', old([te, 'Content-Length: 5'], 'hello'), refused()],
  ['identity', old(['Transfer-Encoding: identity'], 'hello'), refused()],
  ['gzip, chunked', old(['Transfer-Encoding: gzip, chunked'], 'hello'), refused()],
  ['a length', old(['Content-Length: 5'], 'hello'), posted('hello')],
];

/** RFC 9110 §9.3.1: odd, but framed as any other. Who forwards it must frame it again. */
const unexpected: TEntry[] = ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'QUERY', 'PURGE', 'PROPFIND'].flatMap(
  (method): TEntry[] => [
    [
      `chunked ${method}`,
      `${method} / HTTP/1.1\r\nHost: a.test\r\n${te}\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
      passed({ method, body: smuggled }),
    ],
    [
      `${method} with a length`,
      `${method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
      passed({ method, body: smuggled }),
    ],
  ],
);

export const framingAttacks: readonly IHttp1Attack[] = [
  ...family('both', 'CL.TE and TE.CL; RFC 9112 §6.1, §6.3', both),
  ...family(
    'unclear coding',
    'TE.TE and TE.CL by spellings that only some readers know; RFC 9112 §6.1, §7',
    unclearCodings,
  ),
  ...family(
    'coding',
    'RFC 9112 §6.1: a coding that is not understood, and spellings that all must understand',
    codings,
  ),
  ...family('length', 'CL.CL by numbers that readers take differently; RFC 9110 §8.6, RFC 9112 §6.3', lengths),
  ...family('twin', 'names that CGI and others fold to the real ones', twins),
  ...family('HTTP/1.0', 'RFC 9112 §6.1: a coding from a client that knows none', oldCodings),
  ...family('unexpected content', 'TE.0 and CL.0 (CVE-2026-29057): content where many expect none', unexpected),
];
