// Attacks on what targets believe of a request: addresses, hosts, words of proxies, fields of one connection.

import { spoofedHost, spoofedIp } from './markers.js';
import type { IAttack } from './types.js';
import { get, type IKind, octets, request } from './write-h1.js';

const spoofed: IKind = {
  family: 'trust',
  about: 'a client that says what only a proxy may say of it',
  clause: 'RFC 7239 §8.1',
  change:
    'Replace what clients say of addresses, hosts and schemes; continue it only for peers that are known as proxies.',
  wish: { must: 'one' },
};

const claims: readonly (readonly [name: string, value: string])[] = [
  ['X-Forwarded-For', spoofedIp],
  ['X-Forwarded-For', `${spoofedIp}, 127.0.0.1`],
  ['X-Forwarded-Host', spoofedHost],
  ['X-Forwarded-Proto', 'attacker'],
  ['X-Forwarded-Port', 'attacker'],
  ['X-Forwarded-Server', spoofedHost],
  ['X-Forwarded-Prefix', '/attacker'],
  ['Forwarded', `for=${spoofedIp};host=${spoofedHost};proto=https`],
  ['X-Real-IP', spoofedIp],
  ['X-Client-IP', spoofedIp],
  ['X-Cluster-Client-IP', spoofedIp],
  ['X-Original-Forwarded-For', spoofedIp],
  ['Client-IP', spoofedIp],
  ['True-Client-IP', spoofedIp],
  ['CF-Connecting-IP', spoofedIp],
];

const nameOf = (name: string, value: string): string => `${name}: ${value}`;

const addresses = claims.map(([name, value]) =>
  request(spoofed, nameOf(name, value), () => ({ fields: [name, value] })),
);

const twice: readonly IAttack[] = [
  request(spoofed, 'X-Forwarded-For twice', () => ({
    fields: ['X-Forwarded-For', spoofedIp, 'X-Forwarded-For', spoofedIp],
  })),
  request(spoofed, 'x-forwarded-for in other cases', () => ({ fields: ['x-FORWARDED-for', spoofedIp] })),
];

const twin: IKind = {
  ...spoofed,
  about: 'underscores for hyphens: CGI, WSGI and others take both for the same name',
  clause: 'RFC 3875 §4.1.18',
  change: 'Drop or refuse fields whose names have underscores.',
};

const twins = ['X_Forwarded_For', 'X-Forwarded_For', 'X_Real_IP', 'X_Forwarded_Host'].map((name) =>
  request(twin, nameOf(name, spoofedIp), () => ({ fields: [name, spoofedIp] })),
);

const internal: IKind = {
  family: 'trust',
  about: 'words that frameworks take from their own front (CVE-2025-29927, CVE-2018-14773, CVE-2016-5385)',
  clause: 'RFC 9110 §16.3.2',
  change: 'Remove it from every request that comes from outside.',
  wish: { must: 'one' },
};

const internals = [
  ['X-Original-URL', '/attacker'],
  ['X-Rewrite-URL', '/attacker'],
  ['X-Middleware-Subrequest', 'attacker:attacker:attacker'],
  ['X-Sendfile-Type', 'attacker'],
  ['X-Accel-Mapping', '/attacker/=/'],
  ['Proxy', `http://${spoofedHost}/`],
].map(([name = '', value = '']) => request(internal, nameOf(name, value), () => ({ fields: [name, value] })));

const certificate: IKind = {
  ...internal,
  about: 'a client that says it has shown a certificate',
  clause: 'RFC 9440 §4',
};

const certificates = [
  'Client-Cert',
  'X-Client-Cert',
  'X-SSL-Client-Verify',
  'X-SSL-Client-S-DN',
  'SSL-Client-Cert',
].map((name) => request(certificate, name, () => ({ fields: [name, 'attacker'] })));

const hop: IKind = {
  family: 'trust',
  about: 'what concerns one connection only, passed on to another',
  clause: 'RFC 9110 §7.6.1',
  change: 'Remove Connection and every field that it names, and Keep-Alive, Proxy-Connection, TE, Upgrade.',
  wish: { must: 'one' },
};

const hops: readonly IAttack[] = [
  octets(hop, 'a field that Connection names', (aim) => get(aim, 'Connection: X-Hop', 'X-Hop: y'), {
    absent: ['x-hop'],
  }),
  octets(hop, 'Keep-Alive', (aim) => get(aim, 'Connection: Keep-Alive', 'Keep-Alive: timeout=9999'), {
    absent: ['keep-alive'],
  }),
  octets(hop, 'Proxy-Connection', (aim) => get(aim, 'Proxy-Connection: keep-alive'), { absent: ['proxy-connection'] }),
  octets(hop, 'TE', (aim) => get(aim, 'Connection: TE', 'TE: gzip, attacker')),
  octets(hop, 'Proxy-Authorization', (aim) => get(aim, 'Proxy-Authorization: Basic attacker')),
];

const stolen: IKind = {
  ...hop,
  about: 'Connection made to remove what the target decides by (CVE-2024-45410)',
  change: 'Never let Connection remove Host, Cookie, Authorization or what the proxy adds; remove first, then add.',
};

const thefts = [
  ['X-Forwarded-For', ['x-forwarded-for']],
  [
    'close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Real-IP',
    ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'],
  ],
  ['Forwarded, Via', ['forwarded', 'via']],
  ['Host', ['host']],
  ['Cookie', ['cookie']],
  ['close, Content-Length', ['host']],
] as const;

const removals = thefts.map(([value, kept]) =>
  octets(stolen, `Connection: ${value}`, (aim) => get(aim, 'Cookie: session=innocent', `Connection: ${value}`), {
    kept,
  }),
);

export const trustAttacks: readonly IAttack[] = [
  ...addresses,
  ...twice,
  ...twins,
  ...internals,
  ...certificates,
  ...hops,
  ...removals,
];
