// Attacks by size, which cost a proxy without limits its memory or its time; and by slowness, which cost it connections.

import type { IAttack } from './types.js';
import { get, type IKind, octets, post } from './write-h1.js';

const sized: IKind = {
  family: 'limits',
  about: 'heads without an end',
  clause: 'RFC 6585 §5, RFC 9110 §15.5.15',
  change: 'Limit the octets and the fields of a head; 16 KB and 100 fields serve all that browsers send.',
  wish: { must: 'refused' },
};

const many = (count: number, of: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => of(at)).join('');
const large = 300_000;

const heads: readonly IAttack[] = [
  octets(sized, 'a target of 300 000 octets', (aim) => get(aim).replace(aim.path, `${aim.path}?${'a'.repeat(large)}`)),
  octets(sized, 'a value of 300 000 octets', (aim) => get(aim, `X: ${'a'.repeat(large)}`)),
  octets(sized, 'a name of 300 000 octets', (aim) => get(aim, `X${'a'.repeat(large)}: y`)),
  octets(sized, '20 000 fields', (aim) => get(aim, many(20_000, (at) => `X${at}: y\r\n`).slice(0, -2))),
  octets(sized, '20 000 fields of one name', (aim) => get(aim, many(20_000, () => 'X: y\r\n').slice(0, -2))),
  octets(sized, 'a method of 9 000 octets', (aim) => get(aim).replace('GET', 'A'.repeat(9_000))),
];

const chunked: IKind = {
  ...sized,
  about: 'chunk extensions and trailers without an end (CVE-2024-22019)',
  clause: 'RFC 9112 §7.1.1, §7.1.2',
  change: 'Limit the octets of extensions and trailers of one message.',
};

const coding = ['Transfer-Encoding: chunked'];

const chunks: readonly IAttack[] = [
  octets(chunked, 'an extension of 300 000 octets', (aim) =>
    post(aim, coding, `1;${'a'.repeat(large)}\r\nx\r\n0\r\n\r\n`),
  ),
  octets(chunked, 'extensions of 20 000 chunks', (aim) =>
    post(aim, coding, `${many(20_000, () => '1;abcdefgh\r\nx\r\n')}0\r\n\r\n`),
  ),
  octets(chunked, 'trailers of 300 000 octets', (aim) => post(aim, coding, `0\r\nX: ${'a'.repeat(large)}\r\n\r\n`)),
  octets(chunked, '20 000 trailers', (aim) => post(aim, coding, `0\r\n${many(20_000, () => 'X: y\r\n')}\r\n`)),
];

export const limitAttacks: readonly IAttack[] = [...heads, ...chunks];

const slow = {
  family: 'slow',
  clause: 'RFC 9112 §9.5',
  change: 'Give the first octets, each head and each handshake a time of seconds, and content a least rate.',
  wish: { must: 'closed' },
} as const;

/** They take their time: tried only where asked for. */
export const slowAttacks: readonly IAttack[] = [
  {
    ...slow,
    name: 'a connection that says nothing',
    about: 'connections that are held for nothing',
    send: { kind: 'slow', begin: () => '', drip: '' },
  },
  {
    ...slow,
    name: 'slow head',
    about: 'slowloris: a head that goes on, octet by octet',
    send: { kind: 'slow', begin: (aim) => `GET ${aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\nX-Slow: `, drip: 'a' },
  },
  {
    ...slow,
    name: 'slow fields',
    about: 'slowloris: a head to which a field is added now and then',
    send: { kind: 'slow', begin: (aim) => `GET ${aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\n`, drip: 'X: y\r\n' },
  },
  {
    ...slow,
    name: 'a head that stops',
    about: 'a head that never ends',
    send: { kind: 'slow', begin: (aim) => `GET ${aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\n`, drip: '' },
  },
  {
    ...slow,
    name: 'slow content',
    about: 'R.U.D.Y.: content that comes octet by octet, and holds a connection to the target too',
    send: {
      kind: 'slow',
      begin: (aim) => `POST ${aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\nContent-Length: 100000\r\n\r\n`,
      drip: 'a',
    },
  },
];
