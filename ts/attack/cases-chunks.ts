// Attacks on chunked content and its trailers.

import { spoofedIp } from './markers.js';
import type { IAttack } from './types.js';
import { type IKind, octets, post, quoted, smuggled } from './write-h1.js';

const coding = ['Transfer-Encoding: chunked'];

const broken: IKind = {
  family: 'chunks',
  about: 'chunks that readers measure differently (chunk spill, CVE-2024-22019 and others)',
  clause: 'RFC 9112 §7.1',
  change:
    'Refuse it with 400, close the connection, and leave the request to the target unfinished; write chunks anew.',
  wish: { must: 'refused' },
};

const texts = [
  'g\r\nhello\r\n0\r\n\r\n',
  ' 5\r\nhello\r\n0\r\n\r\n',
  '+5\r\nhello\r\n0\r\n\r\n',
  '-5\r\nhello\r\n0\r\n\r\n',
  '0x5\r\nhello\r\n0\r\n\r\n',
  '5_\r\nhello\r\n0\r\n\r\n',
  '5\nhello\r\n0\r\n\r\n',
  '5\rhello\r\n0\r\n\r\n',
  '5\r\nhello\n0\r\n\r\n',
  '5\r\nhello0\r\n\r\n',
  '5\r\nhelloXX0\r\n\r\n',
  '4\r\nhello\r\n0\r\n\r\n',
  '10000000000000005\r\nhello\r\n0\r\n\r\n',
  '5;a\nb\r\nhello\r\n0\r\n\r\n',
  '5;a\rb\r\nhello\r\n0\r\n\r\n',
  '5;a="b\nc"\r\nhello\r\n0\r\n\r\n',
  '5;a\x00\r\nhello\r\n0\r\n\r\n',
].map((text) => octets(broken, quoted(text.slice(0, -5)), (aim) => post(aim, coding, text)));

const spills: readonly IAttack[] = [
  octets(broken, 'a bare LF behind an extension, and a request', (aim) => post(aim, coding, `5;\n${smuggled(aim)}`)),
  octets(broken, 'a last chunk that ends by LF, and a request', (aim) => post(aim, coding, `0\n\n${smuggled(aim)}`)),
  octets(
    { ...broken, about: 'a chunk that reads like an end and a request', wish: { must: 'one' } },
    'a chunk that holds a request',
    (aim) => post(aim, coding, `${smuggled(aim).length.toString(16)}\r\n${smuggled(aim)}\r\n0\r\n\r\n`),
  ),
];

const extended: IKind = {
  family: 'chunks',
  about: 'chunk extensions, which nobody needs and few read alike',
  clause: 'RFC 9112 §7.1.1',
  change: 'Drop chunk extensions: write chunks anew.',
  wish: { must: 'one', content: 'hello' },
};

const extensions = ['5;a', '5;a=b', '5;a="b;c"'].map((size) =>
  octets(extended, `extension: ${size}`, (aim) => post(aim, coding, `${size}\r\nhello\r\n0\r\n\r\n`)),
);

const trailing: IKind = {
  family: 'chunks',
  about: 'trailers that name what heads are for: framing, routing, trust, credentials',
  clause: 'RFC 9110 §6.5.1',
  change: 'Drop trailers, or pass on only those that are known to be harmless; never merge them into the head.',
  wish: { must: 'one', content: 'hello' },
};

const trailers = [
  'Content-Length: 7',
  'Transfer-Encoding: chunked',
  'Host: attacker.example',
  'Connection: close',
  'Authorization: Basic YXR0YWNrZXI=',
  'Cookie: attacker=1',
  `X-Forwarded-For: ${spoofedIp}`,
  'Content_Length: 7',
].map((field) =>
  octets(trailing, `trailer: ${field}`, (aim) => post(aim, coding, `5\r\nhello\r\n0\r\n${field}\r\n\r\n`), {
    absent: [`trailer ${field.slice(0, field.indexOf(':')).toLowerCase()}`],
  }),
);

const shape: IKind = {
  ...trailing,
  about: 'trailers that are none',
  clause: 'RFC 9112 §5, §7.1.2',
  wish: { must: 'one', content: 'hello' },
};

const brokenTrailers = ['X : y', ' X: y', 'X', 'X: a\nY: b', 'X: a\rY: b', 'X: \x00'].map((field) =>
  octets(shape, `trailer: ${quoted(field)}`, (aim) => post(aim, coding, `5\r\nhello\r\n0\r\n${field}\r\n\r\n`)),
);

export const chunkAttacks: readonly IAttack[] = [...texts, ...spills, ...extensions, ...trailers, ...brokenTrailers];
