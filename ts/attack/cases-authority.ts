// Attacks on where a request goes: Host, `:authority`, the forms of the target.

import { spoofedHost } from './markers.js';
import type { IAim, IAttack } from './types.js';
import { type IKind, lines, octets } from './write-h1.js';

const named: IKind = {
  family: 'authority',
  about: 'a Host that two readers take for two hosts',
  clause: 'RFC 9112 §3.2, RFC 9110 §7.2',
  change: 'Refuse it with 400: one Host, and that a valid authority.',
  wish: { must: 'refused' },
};

const hosted = (aim: IAim, ...hosts: string[]): string =>
  `GET ${aim.path} HTTP/1.1\r\n${lines([...hosts.map((host) => `Host: ${host}`), ...aim.extra])}\r\n`;

const invalid: readonly (readonly [name: string, value: (host: string) => string])[] = [
  ['user information', (host) => `${host}@${spoofedHost}`],
  ['user information before', (host) => `${spoofedHost}@${host}`],
  ['two by a comma', (host) => `${host}, ${spoofedHost}`],
  ['two by a space', (host) => `${host} ${spoofedHost}`],
  ['a path', (host) => `${host}/${spoofedHost}`],
  ['a backslash', (host) => `${host}\\${spoofedHost}`],
  ['a question mark', (host) => `${host}?${spoofedHost}`],
  ['a number sign', (host) => `${host}#${spoofedHost}`],
  ['a port that is none', (host) => `${host}:80${spoofedHost}`],
  ['two ports', (host) => `${host}:80:81`],
  ['a NUL', (host) => `${host}\x00`],
];

const hosts: readonly IAttack[] = [
  ...invalid.map(([name, value]) => octets(named, `Host with ${name}`, (aim) => hosted(aim, value(aim.host)))),
  octets(named, 'no Host', (aim) => hosted(aim)),
  octets(named, 'two Hosts', (aim) => hosted(aim, aim.host, spoofedHost)),
  octets(named, 'two Hosts, the other first', (aim) => hosted(aim, spoofedHost, aim.host)),
  octets(named, 'two Hosts, the same', (aim) => hosted(aim, aim.host, aim.host)),
  octets(named, 'Host, space before the colon', (aim) => hosted(aim, aim.host).replace('Host:', 'Host :')),
  octets(named, 'a second Host behind a space', (aim) => hosted(aim, `${aim.host}\r\n Host: ${spoofedHost}`)),
];

const form: IKind = {
  family: 'authority',
  about: 'forms of the target that readers take differently',
  clause: 'RFC 9112 §3.2',
  change: 'Go by the authority of an absolute form and write Host from it; refuse targets that are of no form.',
  wish: { must: 'refused' },
};

const start = (aim: IAim, target: string, host = aim.host): string =>
  `GET ${target} HTTP/1.1\r\n${lines([`Host: ${host}`, ...aim.extra])}\r\n`;
const scheme = (aim: IAim): string => (aim.isTls ? 'https' : 'http');

const forms: readonly IAttack[] = [
  octets(
    form,
    'an absolute form with another Host',
    (aim) => start(aim, `${scheme(aim)}://${aim.host}${aim.path}`, spoofedHost),
    {
      must: 'one',
    },
  ),
  octets(form, 'an absolute form with user information', (aim) =>
    start(aim, `${scheme(aim)}://${spoofedHost}@${aim.host}${aim.path}`),
  ),
  octets(form, '* with GET', (aim) => start(aim, '*')),
  octets(form, 'a target without a slash', (aim) => start(aim, `@${spoofedHost}${aim.path}`)),
  octets(form, 'a target with a fragment', (aim) => start(aim, `${aim.path}#attacker`)),
  octets(form, 'a target that begins with a backslash', (aim) => start(aim, `\\${spoofedHost}`)),
];

export const authorityAttacks: readonly IAttack[] = [...hosts, ...forms];
