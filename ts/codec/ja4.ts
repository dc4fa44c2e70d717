// JA4: a fingerprint of a TLS client by its ClientHello, as FoxIO published it.

import * as plugins from '../plugins.js';
import { type IClientHello, type TCodes, unpackCodes } from './client-hello.js';

/** What carried the hello: `t` TCP, `q` QUIC, `d` DTLS. */
export type TJa4Transport = 't' | 'q' | 'd';

const serverName = 0;
const alpn = 16;

/** `t13d1516h2_8daaf6152771_e5627efa2ab1`: computed when asked for, since few routes need it. */
export function ja4Of(hello: IClientHello, transport: TJa4Transport = 't'): string {
  const types = unpackCodes(hello.extensions);
  const named = types.includes(serverName) ? 'd' : 'i';
  const version = versionCodes.get(Math.max(0, ...hello.versions)) ?? '00';
  const counts = countOf(hello.ciphers) + countOf(hello.extensions);
  const extensions = hex(types.filter((type) => type !== serverName && type !== alpn)).sort();
  const algorithms = hex(unpackCodes(hello.signatureAlgorithms));
  const listed = algorithms.length === 0 ? extensions.join() : `${extensions.join()}_${algorithms.join()}`;
  return [
    `${transport}${version}${named}${counts}${alpnCode(hello.alpn[0])}`,
    digest(hex(unpackCodes(hello.ciphers)).sort().join()),
    digest(extensions.length === 0 ? '' : listed),
  ].join('_');
}

const versionCodes: ReadonlyMap<number, string> = new Map([
  [0x0304, '13'],
  [0x0303, '12'],
  [0x0302, '11'],
  [0x0301, '10'],
  [0x0300, 's3'],
  [0x0002, 's2'],
  [0xfeff, 'd1'],
  [0xfefd, 'd2'],
  [0xfefc, 'd3'],
]);

const countOf = (codes: TCodes): string => String(Math.min(codes.length, 99)).padStart(2, '0');

const hex = (codes: readonly number[]): string[] => codes.map((code) => code.toString(16).padStart(4, '0'));

/** First and last character of the name, or of its hexadecimal form where one of them is not alphanumeric. */
function alpnCode(name: string | undefined): string {
  if (name === undefined) return '00';
  const ends = name.charAt(0) + name.charAt(name.length - 1);
  if (/^[\da-z]{2}$/i.test(ends)) return ends;
  const bytes = Buffer.from(name, 'latin1').toString('hex');
  return bytes.charAt(0) + bytes.charAt(bytes.length - 1);
}

/** Twelve digits of SHA-256; zeros for an empty list. */
const digest = (list: string): string =>
  list === '' ? '000000000000' : plugins.crypto.createHash('sha256').update(list).digest('hex').slice(0, 12);
