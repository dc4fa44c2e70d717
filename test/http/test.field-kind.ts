// Names are known in any case, and only those.

import fc from 'fast-check';
import {
  connection,
  date,
  edge,
  forwarded,
  forwardedFor,
  hop,
  plain,
  requestKind,
  responseKind,
  te,
} from '../../ts/http/field-kind.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const known: readonly (readonly [name: string, kind: number])[] = [
  ['connection', connection],
  ['keep-alive', hop],
  ['proxy-connection', hop],
  ['transfer-encoding', hop],
  ['content-length', hop],
  ['upgrade', hop],
  ['http2-settings', hop],
  ['proxy-authorization', hop],
  ['proxy', hop],
  ['host', hop],
  ['te', te],
  ['x-forwarded-for', forwardedFor],
  ['forwarded', forwarded],
  ['x-real-ip', edge],
  ['client-cert-chain', edge],
  ['x-forwarded-tls-client-cert-info', edge],
  ['x-ssl-client-s-dn-and-a-name-that-is-very-long', edge],
  ['ssl-client-i-dn', edge],
  ['x-middleware-override-headers', edge],
  ['x-accel-mapping', edge],
];

const inAnyCase = (name: string) =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((uppers) => [...name].map((letter, at) => (uppers[at] ? letter.toUpperCase() : letter)).join(''));

tap.test('a name is the same in any case', () => {
  const cases = fc.constantFrom(...known).chain(([name, kind]) => fc.tuple(inAnyCase(name), fc.constant(kind)));
  fc.assert(
    fc.property(cases, ([name, kind]) => expect([name, requestKind(name)]).toEqual([name, kind])),
    { numRuns: numRuns(500), seed: 8 },
  );
});

tap.test('a name with another letter in it, one more or one less, is another name', () => {
  const all = new Set(known.map(([name]) => name));
  for (const [name] of known) {
    // Families are told by how their names begin.
    if (/^(x-forwarded-|x-ssl-client-|ssl-client-)/.test(name)) continue;
    for (let at = 0; at < name.length; at++) {
      for (const other of [
        `${name.slice(0, at)}q${name.slice(at + 1)}`,
        name.slice(0, at) + name.slice(at + 1),
        `${name.slice(0, at)}q${name.slice(at)}`,
      ]) {
        if (other === '' || all.has(other)) continue;
        const found = requestKind(other);
        expect([other, found]).toEqual([other, plain]);
      }
    }
  }
});

tap.test('letters and signs that share bits are not the same', () => {
  // `[` and `{`, `@` and a backquote differ in the bit that tells upper case from lower case.
  for (const name of ['@ost', '`ost', 'te\x00', '\x14e', 'T\x05', '', 'ho\x13t'])
    expect(requestKind(name)).toEqual(plain);
});

tap.test('answers have names of their own', () => {
  expect(['Date', 'CONNECTION', 'Te', 'Host', 'X-Forwarded-For', 'Set-Cookie'].map(responseKind)).toEqual([
    date,
    connection,
    hop,
    plain,
    plain,
    plain,
  ]);
});

export default tap.start();
