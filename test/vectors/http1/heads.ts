// Attacks on the shape of a head: line ends, names, values, the request line's words, sizes.

import { family, get, type IHttp1Attack, passed, refused, smuggled, target, type TEntry } from './attack.js';

const entries = (texts: readonly string[], raw: (text: string) => string, status = 400): TEntry[] =>
  texts.map((text) => [JSON.stringify(text).slice(0, 60), raw(text), refused(status)]);

const host = 'Host: a.test';

const lineEnds: TEntry[] = [
  ['LF everywhere', `GET / HTTP/1.1\n${host}\n\n`, refused()],
  ['LF behind the request line', `GET / HTTP/1.1\n${host}\r\n\r\n`, refused()],
  ['LF behind a field', `GET / HTTP/1.1\r\n${host}\nX: y\r\n\r\n`, refused()],
  ['LF at the end', `GET / HTTP/1.1\r\n${host}\r\n\n`, refused()],
  ['LF LF at the end', `GET / HTTP/1.1\r\n${host}\n\n${smuggled}`, refused()],
  ['LF CR LF at the end', `GET / HTTP/1.1\r\n${host}\n\r\n`, refused()],
  ['CR everywhere', `GET / HTTP/1.1\r${host}\r\r`, refused()],
  ['CR behind the request line', `GET / HTTP/1.1\r${host}\r\n\r\n`, refused()],
  ['CR behind a field', `GET / HTTP/1.1\r\n${host}\rX: y\r\n\r\n`, refused()],
  ['CR CR LF behind a field', `GET / HTTP/1.1\r\n${host}\r\r\n\r\n`, refused()],
  ['CR at the end', `GET / HTTP/1.1\r\n${host}\r\n\r${smuggled}`, refused()],
  ['CR in a name', get('X\rY: b'), refused()],
  ['LF before the request line', `\nGET / HTTP/1.1\r\n${host}\r\n\r\n`, refused()],
  ['CR before the request line', `\rGET / HTTP/1.1\r\n${host}\r\n\r\n`, refused()],
  ['many empty lines before', `${'\r\n'.repeat(50)}GET / HTTP/1.1\r\n${host}\r\n\r\n`, refused()],
  ['one empty line before', `\r\nGET / HTTP/1.1\r\n${host}\r\n\r\n`, passed()],
  ['LF CR', `GET / HTTP/1.1\n\r${host}\n\r\n\r`, refused()],
  ['line separator U+0085', get('X: a\x85Y: b'), passed()],
];

const folds = [
  'X: a\r\n b',
  'X: a\r\n\tb',
  'X:\r\n a',
  'X: a\r\n \r\n b',
  'X: a\r\n ',
  'X: a\r\n\x0bb',
  'X: a\r\n Content-Length: 5',
  'X: a\r\n\tTransfer-Encoding: chunked',
];

const first: TEntry[] = [
  ['a first field that is folded', `GET / HTTP/1.1\r\n ${host}\r\n\r\n`, refused()],
  ['a first line of spaces', `GET / HTTP/1.1\r\n \r\n${host}\r\n\r\n`, refused()],
  ['white space before a first field', `GET / HTTP/1.1\r\n\tX: y\r\n${host}\r\n\r\n`, refused()],
];

const names = [
  ': a',
  ' : a',
  'X : a',
  'X\t: a',
  'X Y: a',
  'X\tY: a',
  'X',
  'X;',
  'X=a',
  'X(: a',
  'X): a',
  'X,Y: a',
  'X/Y: a',
  'X@Y: a',
  'X[0]: a',
  'X{Y}: a',
  'X"Y": a',
  'X\\Y: a',
  'X<Y>: a',
  'X?: a',
  'X\x00: a',
  'X\x01: a',
  'X\x7f: a',
  'X\x80: a',
  'X\xe9: a',
  '\xef\xbb\xbfX: a',
  'X\x0b: a',
  'GET /smuggled HTTP/1.1',
];

const controls = [...Array(32).keys(), 127].filter((code) => code !== 9).map((code) => String.fromCharCode(code));

const values: TEntry[] = [
  ...controls.map((octet): TEntry => [JSON.stringify(octet), get(`X: a${octet}b`), refused()]),
  ['NUL first', get('X: \x00'), refused()],
  ['NUL last', get('X: a\x00'), refused()],
  ['DEL alone', get('X: \x7f'), refused()],
  ['escape sequence', get('X: \x1b[2J'), refused()],
  ['HTAB', get('X: a\tb'), passed()],
  ['obs-text', get('X: \x80\xff'), passed()],
  ['empty', get('X:', 'Y: ', 'Z:\t'), passed()],
  ['colons', get('X: : a: b'), passed()],
];

const methods: TEntry[] = [
  ...entries(
    ['', 'GE T', 'G\tET', 'G(ET', 'GET,', 'G/ET', 'G:ET', 'G\x00ET', 'G\xc9T', '"GET"', '{}', 'A'.repeat(300)],
    (method) => target('/', method),
  ),
  ['a space before', ` GET / HTTP/1.1\r\n${host}\r\n\r\n`, refused()],
  ['lower case is another method', target('/', 'get'), passed({ method: 'get' })],
  ['odd, but a token', target('/', "X!#$%&'*+-.^_`|~9"), passed({ method: "X!#$%&'*+-.^_`|~9" })],
];

const line = (text: string): string => `${text}\r\n${host}\r\n\r\n`;
const requestLines: TEntry[] = [
  ...entries(
    [
      'GET  / HTTP/1.1',
      'GET /  HTTP/1.1',
      'GET\t/ HTTP/1.1',
      'GET /\tHTTP/1.1',
      'GET / HTTP/1.1 ',
      'GET / HTTP/1.1\t',
      'GET / HTTP/1.1 HTTP/1.1',
      'GET / a HTTP/1.1',
      'GET /',
      'GET / ',
      'GET',
      'GET HTTP/1.1',
      'GET / http/1.1',
      'GET / Http/1.1',
      'GET / HTTP/1',
      'GET / HTTP/1.',
      'GET / HTTP/.1',
      'GET / HTTP/1.1.1',
      'GET / HTTP/1.10',
      'GET / HTTP/01.1',
      'GET / HTTP/1,1',
      'GET / HTTP/+1.1',
      'GET / HTTP 1.1',
      'GET / HTTP/ 1.1',
      'GET / HTTP/1.x',
      'GET / HTTP/1.\xb9',
      'GET / HTTP\\1.1',
      'GET / HTTPS/1.1',
      'GET / ICY/1.1',
      'GET / RTSP/1.0',
      'GET / HTTP/1.1\x00',
      'GET / HTTP/1.1\x0b',
      'GET\x0b/\x0bHTTP/1.1',
      'GET\x0b/ HTTP/1.1',
      'GET\x0c/\x0cHTTP/1.1',
      'GET\r/\rHTTP/1.1',
      'GET\x1c/\x1cHTTP/1.1',
      'GET\x1f/\x1fHTTP/1.1',
      'GET\x85/\x85HTTP/1.1',
      'GET\xa0/\xa0HTTP/1.1',
      'GET\xc2\xa0/\xc2\xa0HTTP/1.1',
      'FOO\x0b/\x0bHTTP/1.1',
      '\x0bGET / HTTP/1.1',
      '\x0cGET / HTTP/1.1',
      '\x85GET / HTTP/1.1',
      '\xa0GET / HTTP/1.1',
      '\xef\xbb\xbfGET / HTTP/1.1',
      '@GET / HTTP/1.1',
      'get / http/1.1',
      'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET / HTTP/1.1',
      '\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x00GET / HTTP/1.1',
    ],
    line,
  ),
  ...entries(
    ['GET / HTTP/0.9', 'GET / HTTP/1.2', 'GET / HTTP/1.9', 'GET / HTTP/2.0', 'GET / HTTP/3.0', 'GET / HTTP/9.9'],
    line,
    505,
  ),
  ['HTTP/0.9', 'GET /\r\n', refused()],
];

const sizes: TEntry[] = [
  ['a target of 70 000', target(`/${'a'.repeat(70_000)}`), refused(414)],
  ['a query of 70 000', target(`/?${'a'.repeat(70_000)}`), refused(414)],
  ['a value of 70 000', get(`X: ${'a'.repeat(70_000)}`), refused(431)],
  ['a name of 70 000', get(`${'X'.repeat(70_000)}: a`), refused(431)],
  ['5 000 fields', get(...Array.from({ length: 5_000 }, (_, n) => `X${n}: a`)), refused(431)],
  ['5 000 fields of one name', get(...Array.from({ length: 5_000 }, () => 'X: a')), refused(431)],
  ['5 000 empty fields', get(...Array.from({ length: 5_000 }, () => 'X:')), refused(431)],
];

export const headAttacks: readonly IHttp1Attack[] = [
  ...family('line end', 'bare CR and LF (CVE-2023-30589, CVE-2025-23167); RFC 9112 §2.2', lineEnds),
  ...family('fold', 'obs-fold (CVE-2022-32213 and others); RFC 9112 §5.2', [
    ...entries(folds, (text) => get(text)),
    ...first,
  ]),
  ...family(
    'name',
    'names that some readers repair (CVE-2023-25725, CVE-2024-27982); RFC 9112 §5.1',
    entries(names, (text) => get(text)),
  ),
  ...family('value', 'controls; RFC 9110 §5.5', values),
  ...family('method', 'RFC 9110 §9.1', methods),
  ...family('request line', 'RFC 9112 §2.3, §3', requestLines),
  ...family('size', 'RFC 9110 §15.5.15, RFC 6585 §5', sizes),
];
