// Attacks on where a message ends: lengths and codings that two readers take differently.

import type { IAim, IAttack, IAttackWish } from './types.js';
import { get, type IKind, inChunks, octets, post, quoted, request, smuggled } from './write-h1.js';

const coding = 'Transfer-Encoding: chunked';
const change =
  'Refuse it with 400 and close the connection, or frame the message anew from what was understood; switch lenient parsing off.';

const both: IKind = {
  family: 'framing',
  about: 'CL.TE and TE.CL: Content-Length together with Transfer-Encoding',
  clause: 'RFC 9112 §6.3',
  change,
  wish: { must: 'one' },
};

const empty = inChunks('');
const length = (text: string): string => `Content-Length: ${text.length}`;

const lengthAndCoding: readonly IAttack[] = [
  octets(both, 'CL.TE', (aim) => post(aim, [length(empty + smuggled(aim)), coding], empty + smuggled(aim)), {
    content: '',
  }),
  octets(
    both,
    'CL.TE, coding first',
    (aim) => post(aim, [coding, length(empty + smuggled(aim))], empty + smuggled(aim)),
    {
      content: '',
    },
  ),
  octets(both, 'TE.CL', (aim) => post(aim, ['Content-Length: 4', coding], inChunks(smuggled(aim)))),
  octets(both, 'TE.CL, coding first', (aim) => post(aim, [coding, 'Content-Length: 4'], inChunks(smuggled(aim)))),
  octets(both, 'CL.TE with length 0', (aim) => post(aim, ['Content-Length: 0', coding], inChunks(smuggled(aim)))),
  octets(both, 'CL.TE from GET', (aim) => get(aim, 'Content-Length: 5', coding) + empty + smuggled(aim)),
];

const obfuscated: IKind = {
  family: 'framing',
  about: 'TE.TE: a coding that only some readers take for chunked',
  clause: 'RFC 9112 §6.1, §6.3',
  change,
  wish: { must: 'refused' },
};

const codings: readonly (readonly [name: string, ...fields: string[]])[] = [
  ['xchunked', 'Transfer-Encoding: xchunked'],
  ['chunked behind a word', 'Transfer-Encoding: x chunked'],
  ['chunked, identity', 'Transfer-Encoding: chunked, identity'],
  ['chunked twice', 'Transfer-Encoding: chunked, chunked'],
  ['chunked in two lines', coding, coding],
  ['a second line', coding, 'Transfer-Encoding: x'],
  ['a parameter', 'Transfer-Encoding: chunked;q=1'],
  ['quoted', 'Transfer-Encoding: "chunked"'],
  ['identity', 'Transfer-Encoding: identity'],
  ['empty', 'Transfer-Encoding:'],
  ['a vertical tab', 'Transfer-Encoding: \x0bchunked'],
  ['a NUL behind', 'Transfer-Encoding: chunked\x00'],
  ['obs-text', 'Transfer-Encoding: chunked\xff'],
  ['space before the colon', 'Transfer-Encoding : chunked'],
  ['behind a bare CR', 'X: y\rTransfer-Encoding: chunked'],
];

const unclearCodings = codings.map(([name, ...fields]) =>
  octets(obfuscated, `TE.TE: ${name}`, (aim) => post(aim, fields, empty + smuggled(aim))),
);

/** RFC 9112 §5.2: a fold may be read as a space, and then must reach nobody as a fold. */
const folded = octets(
  obfuscated,
  'TE.TE: folded',
  (aim) => post(aim, ['Transfer-Encoding:\r\n chunked'], inChunks('hello')),
  { must: 'one', content: 'hello' },
);

const numbers: IKind = {
  family: 'framing',
  about: 'CL.CL: a Content-Length that readers take differently',
  clause: 'RFC 9110 §8.6, RFC 9112 §6.3',
  change,
  wish: { must: 'refused' },
};

const lengths = [
  '+5',
  '-5',
  '0x5',
  '5.0',
  '5e0',
  '5,6',
  '"5"',
  '5 5',
  '5x',
  '',
  '\x0b5',
  '18446744073709551621',
  '1_0',
];

/** RFC 9110 §8.6: the same value several times may be taken as once. */
const same: IAttackWish = { must: 'one', content: 'hello' };

const unclearLengths: readonly IAttack[] = [
  ...lengths.map((value) =>
    octets(numbers, `CL: ${quoted(value)}`, (aim) => post(aim, [`Content-Length: ${value}`], `hello${smuggled(aim)}`)),
  ),
  octets(numbers, 'CL.CL: two that differ', (aim) => post(aim, ['Content-Length: 5', 'Content-Length: 6'], 'hello!')),
  octets(numbers, 'CL.CL: 0 first', (aim) => post(aim, ['Content-Length: 0', length(smuggled(aim))], smuggled(aim))),
  octets(
    numbers,
    'CL.CL: the same twice',
    (aim) => post(aim, ['Content-Length: 5', 'Content-Length: 5'], 'hello'),
    same,
  ),
  octets(numbers, 'CL: a list of the same', (aim) => post(aim, ['Content-Length: 5, 5'], 'hello'), same),
  octets(numbers, 'CL: space before the colon', (aim) => post(aim, ['Content-Length : 5'], 'hello')),
  octets(numbers, 'CL: folded', (aim) => post(aim, ['Content-Length:\r\n 5'], 'hello'), same),
];

const old: IKind = {
  family: 'framing',
  about: 'a transfer coding from a client of HTTP/1.0 (the CVE-2026-2835 family)',
  clause: 'RFC 9112 §6.1',
  change,
  wish: { must: 'one' },
};

const oldPost = (aim: IAim, fields: readonly string[], content: string): string =>
  post(aim, fields, content).replace(' HTTP/1.1\r\n', ' HTTP/1.0\r\n');

const oldCodings: readonly IAttack[] = [
  octets(old, 'HTTP/1.0 with a coding', (aim) =>
    oldPost(aim, [coding, 'Connection: keep-alive'], empty + smuggled(aim)),
  ),
  octets(old, 'HTTP/1.0 with coding and length', (aim) =>
    oldPost(aim, [coding, 'Content-Length: 5', 'Connection: keep-alive'], empty + smuggled(aim)),
  ),
];

const unexpected: IKind = {
  family: 'framing',
  about: 'TE.0 and CL.0: content where many expect none (CVE-2026-29057)',
  clause: 'RFC 9110 §9.3.1, RFC 9112 §6.3',
  change:
    'Frame the content again for every method, or refuse it; never leave the framing of a forwarded request to its method.',
  wish: { must: 'one' },
};

const contents = ['GET', 'HEAD', 'OPTIONS', 'DELETE'].flatMap((method) => [
  octets(unexpected, `TE.0: ${method}`, (aim) => post(aim, [coding], inChunks(smuggled(aim))).replace('POST', method)),
  octets(unexpected, `CL.0: ${method}`, (aim) =>
    post(aim, [length(smuggled(aim))], smuggled(aim)).replace('POST', method),
  ),
]);

const twin: IKind = {
  family: 'framing',
  about: 'names that CGI and others fold to those that frame a message',
  clause: 'RFC 9110 §5.1, RFC 3875 §4.1.18',
  change: 'Drop or refuse fields whose names have underscores.',
  wish: { must: 'one', content: 'hello' },
};

const twins: readonly IAttack[] = [
  request(twin, 'Content_Length', () => ({ method: 'POST', content: 'hello', fields: ['Content_Length', '0'] }), {
    absent: ['content_length'],
  }),
  request(
    twin,
    'Transfer_Encoding',
    () => ({ method: 'POST', content: 'hello', fields: ['Transfer_Encoding', 'chunked'] }),
    { absent: ['transfer_encoding'] },
  ),
];

export const framingAttacks: readonly IAttack[] = [
  ...lengthAndCoding,
  ...unclearCodings,
  folded,
  ...unclearLengths,
  ...oldCodings,
  ...contents,
  ...twins,
];
