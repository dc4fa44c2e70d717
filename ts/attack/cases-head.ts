// Attacks on the shape of a head: line ends, names, values, the words of the request line.

import type { IAim, IAttack } from './types.js';
import { get, type IKind, lines, octets, quoted, smuggled } from './write-h1.js';

const change = 'Refuse it with 400, or write the head anew from what was understood; switch lenient parsing off.';

const ends: IKind = {
  family: 'head',
  about: 'line ends that only some readers take for one (CVE-2023-30589, CVE-2025-23167)',
  clause: 'RFC 9112 §2.2',
  change,
  wish: { must: 'one', absent: ['x-hidden'] },
};

const line = (aim: IAim): string => `GET ${aim.path} HTTP/1.1\r\n`;
const host = (aim: IAim): string => lines([`Host: ${aim.host}`, ...aim.extra]);

const lineEnds: readonly IAttack[] = [
  octets(ends, 'bare LF everywhere', (aim) => get(aim, 'X-Other: y').replaceAll('\r\n', '\n'), { absent: [] }),
  octets(ends, 'bare LF behind a field', (aim) => `${line(aim)}Host: ${aim.host}\nX-Other: y\r\n\r\n`, { absent: [] }),
  octets(ends, 'bare LF ends the head', (aim) => `${line(aim)}${host(aim)}\n`),
  octets(ends, 'bare CR in a value', (aim) => get(aim, 'X: y\rX-Hidden: z')),
  octets(ends, 'bare CR everywhere', (aim) => get(aim, 'X-Other: y').replaceAll('\r\n', '\r'), { must: 'refused' }),
  octets(ends, 'CR CR LF behind a field', (aim) => `${line(aim)}Host: ${aim.host}\r\r\nX-Other: y\r\n\r\n`),
  octets(ends, 'CR ends the head', (aim) => `${line(aim)}${host(aim)}\r${smuggled(aim)}`, { must: 'refused' }),
];

const folding: IKind = {
  family: 'head',
  about: 'obs-fold and its like (CVE-2022-32213 and others)',
  clause: 'RFC 9112 §2.2, §5.2',
  change,
  wish: { must: 'one', absent: ['x-hidden'] },
};

const folds: readonly IAttack[] = [
  octets(folding, 'a folded value', (aim) => get(aim, 'X: y\r\n X-Hidden: z')),
  octets(folding, 'folded by a tab', (aim) => get(aim, 'X: y\r\n\tX-Hidden: z')),
  octets(folding, 'white space before the first field', (aim) => `${line(aim)} X: y\r\n${host(aim)}\r\n`),
  octets(folding, 'folded by a vertical tab', (aim) => get(aim, 'X: y\r\n\x0bX-Hidden: z'), { must: 'refused' }),
];

const naming: IKind = {
  family: 'head',
  about: 'names that some readers repair (CVE-2023-25725, CVE-2024-27982)',
  clause: 'RFC 9112 §5.1',
  change,
  wish: { must: 'refused' },
};

/** RFC 9112 §5.1: refused, and not repaired. What is no field at all may also be left out. */
const names: readonly IAttack[] = [
  ...['X : y', 'X\t: y', 'X Y: z', ': y'].map((text) =>
    octets(naming, `name: ${quoted(text)}`, (aim) => get(aim, text)),
  ),
  ...['X', 'X\x00: y', 'X(: y', 'X"Y": z', 'X\xe9: y', '\xef\xbb\xbfX: y', 'GET /smuggled HTTP/1.1'].map((text) =>
    octets(naming, `name: ${quoted(text)}`, (aim) => get(aim, text), { must: 'one' }),
  ),
];

const controls: IKind = {
  family: 'head',
  about: 'controls in values',
  clause: 'RFC 9110 §5.5',
  change,
  wish: { must: 'one' },
};

const values = ['\x00', '\x01', '\x08', '\x0b', '\x1b', '\x7f'].map((octet) =>
  octets(controls, `value: ${quoted(octet)}`, (aim) => get(aim, `X: a${octet}b`)),
);

const words: IKind = {
  family: 'head',
  about: 'request lines that readers split differently',
  clause: 'RFC 9112 §2.3, §3',
  change,
  wish: { must: 'refused' },
};

/** RFC 9112 §2.3, §3: a recipient may be lenient here, and then must be the only one who is. */
const requestLines: readonly IAttack[] = [
  octets(words, 'two spaces before the target', (aim) => `GET  ${aim.path} HTTP/1.1\r\n${host(aim)}\r\n`, {
    must: 'one',
  }),
  octets(words, 'a tab before the target', (aim) => `GET\t${aim.path} HTTP/1.1\r\n${host(aim)}\r\n`, { must: 'one' }),
  octets(words, 'a space in the target', (aim) => `GET ${aim.path} x HTTP/1.1\r\n${host(aim)}\r\n`),
  octets(words, 'two versions', (aim) => `GET ${aim.path} HTTP/1.1 HTTP/1.1\r\n${host(aim)}\r\n`),
  octets(words, 'version http/1.1', (aim) => `GET ${aim.path} http/1.1\r\n${host(aim)}\r\n`, { must: 'one' }),
  octets(words, 'version HTTP/1.1x', (aim) => `GET ${aim.path} HTTP/1.1x\r\n${host(aim)}\r\n`),
  octets(words, 'version HTTP/2.0', (aim) => `GET ${aim.path} HTTP/2.0\r\n${host(aim)}\r\n`, { must: 'one' }),
  octets(words, 'HTTP/0.9', (aim) => `GET ${aim.path}\r\n${host(aim)}\r\n`, { must: 'one' }),
  octets(words, 'a method with a slash', (aim) => `G/ET ${aim.path} HTTP/1.1\r\n${host(aim)}\r\n`),
  octets(words, 'a control in the target', (aim) => `GET ${aim.path}\x01 HTTP/1.1\r\n${host(aim)}\r\n`),
];

const unread: IKind = {
  family: 'head',
  about: 'a request to a lenient reader, and another protocol to a strict one: forwarded unread past all rules',
  clause: 'RFC 9112 §3',
  change:
    'Refuse with 400 what any reader could take for a request, and forward no bytes unread beside routes of HTTP.',
  wish: { must: 'one' },
};

/** White space to some reader: of ASCII, of Latin-1, of UTF-8. */
const whites: readonly (readonly [name: string, white: string])[] = [
  ['a vertical tab', '\x0b'],
  ['a form feed', '\x0c'],
  ['a bare CR', '\r'],
  ['FS', '\x1c'],
  ['GS', '\x1d'],
  ['RS', '\x1e'],
  ['US', '\x1f'],
  ['NEL', '\x85'],
  ['a no-break space', '\xa0'],
  ['a no-break space of UTF-8', '\xc2\xa0'],
  ['an ideographic space of UTF-8', '\xe3\x80\x80'],
];

const proxyV2 = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x01\x01\x01\x02\x02\x02\x02\0\x01\0\x02';

/** What the first bytes of a connection may be taken for. */
const openings: readonly IAttack[] = [
  ...whites.flatMap(([name, white]) => [
    octets(unread, `${name} between the words`, (aim) => get(aim).replace(/ (\S+) /, `${white}$1${white}`)),
    octets(unread, `${name} in front`, (aim) => `${white}${get(aim)}`),
  ]),
  octets(unread, 'a byte order mark in front', (aim) => `\xef\xbb\xbf${get(aim)}`),
  octets(unread, 'NUL in front', (aim) => `\0${get(aim)}`),
  octets(unread, 'a sign in front of the method', (aim) => `@${get(aim)}`),
  octets(unread, 'a quoted method', (aim) => get(aim).replace('GET', '"GET"')),
  octets(unread, 'all in lower case', (aim) => get(aim).replace('GET', 'get').replace('HTTP', 'http')),
  octets(unread, 'a PROXY header in front', (aim) => `PROXY TCP4 192.0.2.9 192.0.2.1 1 80\r\n${get(aim)}`),
  octets(unread, 'a binary PROXY header in front', (aim) => `${proxyV2}${get(aim)}`),
];

export const headAttacks: readonly IAttack[] = [
  ...[...lineEnds, ...folds, ...names, ...values, ...requestLines],
  ...openings,
];
