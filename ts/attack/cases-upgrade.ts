// Attacks by what a request asks for besides its answer: another protocol, a tunnel, to go on.

import { spoofedHost } from './markers.js';
import type { IAttack } from './types.js';
import { get, type IKind, octets, post, smuggled } from './write-h1.js';

const change = 'Pass Upgrade on only for protocols that a route allows, and tunnel only after the 101 of the target.';

const plain: IKind = {
  family: 'upgrade',
  about: 'h2c smuggling: a tunnel to the target, past every rule, by an upgrade that is passed on',
  clause: 'RFC 9110 §7.8, RFC 9113 §3.1',
  change,
  wish: { must: 'one', absent: ['upgrade', 'http2-settings'] },
};

const settings = 'HTTP2-Settings: AAMAAABkAAQAAP__';

const upgrades: readonly IAttack[] = [
  octets(plain, 'h2c', (aim) => get(aim, 'Upgrade: h2c', settings, 'Connection: Upgrade, HTTP2-Settings')),
  octets(plain, 'h2c that Connection does not name', (aim) => get(aim, 'Upgrade: h2c', settings)),
  octets(plain, 'h2c with content', (aim) =>
    post(aim, ['Upgrade: h2c', 'Connection: Upgrade', 'Content-Length: 5'], 'hello'),
  ),
  octets(plain, 'websocket and h2c', (aim) => get(aim, 'Upgrade: websocket, h2c', 'Connection: Upgrade')),
  octets(plain, 'a protocol that nobody knows', (aim) => get(aim, 'Upgrade: attacker/1', 'Connection: Upgrade')),
];

const broken: IKind = {
  family: 'upgrade',
  about: 'WebSocket smuggling: a handshake that the proxy takes for one and the target does not (CVE-2026-2833)',
  clause: 'RFC 6455 §4.2.1, RFC 9110 §7.8',
  change,
  wish: { must: 'one', absent: ['upgrade'] },
};

const connection = 'Connection: Upgrade';
const websocket = ['Upgrade: websocket', connection];
const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';

const handshakes: readonly IAttack[] = [
  octets(
    broken,
    'WebSocket with a length',
    (aim) =>
      get(aim, ...websocket, key, 'Sec-WebSocket-Version: 13', `Content-Length: ${smuggled(aim).length}`) +
      smuggled(aim),
  ),
  octets(
    broken,
    'WebSocket with a coding',
    (aim) => `${get(aim, ...websocket, key, 'Sec-WebSocket-Version: 13', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  ),
  octets(broken, 'WebSocket of a version that is none', (aim) =>
    get(aim, ...websocket, key, 'Sec-WebSocket-Version: 1777'),
  ),
  octets(broken, 'WebSocket without a key', (aim) => get(aim, ...websocket, 'Sec-WebSocket-Version: 13')),
  octets(broken, 'WebSocket that Connection does not name', (aim) =>
    get(aim, 'Upgrade: websocket', key, 'Sec-WebSocket-Version: 13'),
  ),
];

const tunnel: IKind = {
  family: 'upgrade',
  about: 'CONNECT through a proxy that is for its own targets alone',
  clause: 'RFC 9110 §9.3.6',
  change: 'Refuse CONNECT.',
  wish: { must: 'refused' },
};

const trace: IKind = {
  family: 'upgrade',
  about: 'TRACE, which gives credentials back to scripts that may not see them',
  clause: 'RFC 9110 §9.3.8',
  change: 'Refuse TRACE, or remove credentials from it.',
  wish: { must: 'one', absent: ['cookie', 'authorization'] },
};

const methods: readonly IAttack[] = [
  octets(tunnel, 'CONNECT', () => `CONNECT ${spoofedHost}:80 HTTP/1.1\r\nHost: ${spoofedHost}:80\r\n\r\n`),
  octets(tunnel, 'CONNECT with a path', (aim) => `CONNECT ${aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n`),
  octets(trace, 'TRACE', (aim) => get(aim, 'Cookie: session=innocent').replace('GET', 'TRACE')),
];

const expecting: IKind = {
  family: 'upgrade',
  about: '0.CL: an Expect that only one side waits for (CVE-2024-24791)',
  clause: 'RFC 9110 §10.1.1',
  change:
    'Answer expectations other than 100-continue by 417, and settle the content before a connection is used again.',
  wish: { must: 'one', content: 'hello' },
};

const expectations = ['100-continue', '100-continue, x', 'x 100-continue', '"100-continue"', '100-continu'].map(
  (value) =>
    octets(expecting, `Expect: ${value}`, (aim) => post(aim, ['Content-Length: 5', `Expect: ${value}`], 'hello')),
);

export const upgradeAttacks: readonly IAttack[] = [...upgrades, ...handshakes, ...methods, ...expectations];
