// Attacks by what a request asks for besides its answer: to go on (Expect), to change protocols (Upgrade).

import { family, get, type IHttp1Attack, passed, post, posted, refused, smuggled, type TEntry } from './attack.js';

const expecting = (value: string): string => post(['Content-Length: 5', `Expect: ${value}`], 'hello');

const expectations: TEntry[] = [
  ...[
    '',
    '100',
    '100-continu',
    '100-continuex',
    'x 100-continue',
    '100-continue x',
    '100-continue, 100-continue',
    '100-continue,',
    '100-continue; q=1',
    '"100-continue"',
    '100 continue',
    '200-ok',
    'y 100-continue',
    '100-continue\xa0',
    '\xff',
  ].map((value): TEntry => [JSON.stringify(value), expecting(value), refused(417)]),
  ['two lines', post(['Content-Length: 5', 'Expect: 100-continue', 'Expect: 100-continue'], 'hello'), refused(417)],
  ['two lines, one empty', post(['Content-Length: 5', 'Expect:', 'Expect: 100-continue'], 'hello'), refused(417)],
  ['unknown, without content', get('Expect: x'), refused(417)],
  ['a control', expecting('\x0b100-continue'), refused()],
  ['folded', post(['Content-Length: 5', 'Expect:\r\n 100-continue'], 'hello'), refused()],
  ['space before the colon', post(['Content-Length: 5', 'Expect : 100-continue'], 'hello'), refused()],
  ['capitals', expecting('100-CONTINUE'), posted('hello')],
  ['100-continue without content', get('Expect: 100-continue'), passed({ absent: ['expect'] })],
  [
    '100-continue and length 0',
    post(['Content-Length: 0', 'Expect: 100-continue']),
    posted('', { absent: ['expect'] }),
  ],
  [
    'unknown from HTTP/1.0',
    'POST / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: x\r\n\r\nhello',
    posted('hello', { absent: ['expect'] }),
  ],
  [
    '100-continue from HTTP/1.0',
    'POST / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello',
    posted('hello', { absent: ['expect'] }),
  ],
];

const connection = 'Connection: Upgrade';
const stripped = { absent: ['upgrade', 'http2-settings'] };

const upgrades: TEntry[] = [
  ['a length', get('Upgrade: websocket', connection, 'Content-Length: 5'), refused()],
  ['length 0', get('Upgrade: websocket', connection, 'Content-Length: 0'), refused()],
  [
    'a smuggled request as content',
    get('Upgrade: websocket', connection, `Content-Length: ${smuggled.length}`) + smuggled,
    refused(),
  ],
  ['a coding', `${get('Upgrade: websocket', connection, 'Transfer-Encoding: chunked')}0\r\n\r\n`, refused()],
  [
    'a coding and a length',
    get('Upgrade: websocket', connection, 'Transfer-Encoding: chunked', 'Content-Length: 5'),
    refused(),
  ],
  ['an odd coding', get('Upgrade: websocket', connection, 'Transfer-Encoding: x'), refused()],
  ['no token', get('Upgrade: "websocket"', connection), refused()],
  ['two words', get('Upgrade: web socket', connection), refused()],
  ['empty', get('Upgrade:', connection), refused()],
  ['an empty member', get('Upgrade: websocket,', connection), refused()],
  ['a version that is none', get('Upgrade: websocket/', connection), refused()],
  ['a name that is none', get('Upgrade: /13', connection), refused()],
  ['two slashes', get('Upgrade: a/b/c', connection), refused()],
  ['obs-text', get('Upgrade: websocket\xff', connection), refused()],
  ['a control', get('Upgrade: websocket\x0b', connection), refused()],
  ['folded', get('Upgrade:\r\n websocket', connection), refused()],
  ['space before the colon', get('Upgrade : websocket', connection), refused()],
  ['no Connection', get('Upgrade: websocket'), passed(stripped)],
  ['another Connection', get('Upgrade: websocket', 'Connection: keep-alive'), passed(stripped)],
  ['Connection with a lookalike', get('Upgrade: websocket', 'Connection: Upgradex'), passed(stripped)],
  ['Connection without Upgrade', get(connection), passed(stripped)],
  [
    'h2c',
    get('Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Connection: Upgrade, HTTP2-Settings'),
    passed(stripped),
  ],
  ['h2c without settings', get('Upgrade: h2c', connection), passed(stripped)],
  ['H2C', get('Upgrade: H2C', connection), passed(stripped)],
  ['h2c and websocket', get('Upgrade: h2c, websocket', connection), passed(stripped)],
  ['websocket and h2c', get('Upgrade: websocket', 'Upgrade: h2c', connection), passed(stripped)],
  ['h2', get('Upgrade: h2', connection), passed(stripped)],
  ['h2c with content', post(['Upgrade: h2c', connection, 'Content-Length: 5'], 'hello'), posted('hello', stripped)],
  [
    'from HTTP/1.0',
    'GET / HTTP/1.0\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    passed(stripped),
  ],
];

export const askAttacks: readonly IHttp1Attack[] = [
  ...family('Expect', '0.CL and CVE-2024-24791; RFC 9110 §10.1.1', expectations),
  ...family('Upgrade', 'tunnels where there is none (CVE-2026-2833, h2c smuggling); RFC 9110 §7.8', upgrades),
];
