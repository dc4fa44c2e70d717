// The TLS ClientHello: what routing and fingerprints need of it (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301, RFC 8701).

import { ByteReader } from './byte-reader.js';
import type { TDecoded } from './decoded.js';
import { isIpLiteral, normaliseHost } from './host.js';
import { gatherClientHello } from './tls-record.js';

export { clientHelloLimitBytes } from './tls-record.js';

/** Protocol names that a client may offer; some forty are registered. */
export const alpnLimit = 128;

/** TLS versions, as Node names them. */
export type TOfferedTlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** Numbers of 16 bits, one a UTF-16 unit: a hello is kept as long as its connection, and typed arrays take ten times as much. */
export type TCodes = string;

/** Lists are in the client's order; GREASE values (RFC 8701) are left out of all of them. */
export interface IClientHello {
  /** Normalised; null: no SNI, or none that is a host name (an IP literal, a bad label). With ECH: the outer name. */
  readonly serverName: string | null;
  /** The name as sent; null: no SNI. Host name characters only, or an IP literal. */
  readonly rawServerName: string | null;
  /** Protocol names, one character a byte; at most `alpnLimit`. */
  readonly alpn: readonly string[];
  /** The highest version offered that we know; null: SSL 3 or nothing known. */
  readonly tlsVersion: TOfferedTlsVersion | null;
  /** Of `supported_versions`, else the one of the old version field. */
  readonly versions: readonly number[];
  readonly ciphers: TCodes;
  /** Types. */
  readonly extensions: TCodes;
  readonly signatureAlgorithms: TCodes;
  /** Encrypted Client Hello, real or GREASE: nobody on the way can tell. */
  readonly hasEch: boolean;
}

/**
 * Reads the ClientHello at the start of a connection: one or more TLS records, whole or still arriving. Never throws,
 * reads nothing behind the end, takes time linear in the bytes. `used` ends with the message; what a client sends
 * behind it (early data) is no concern of ours.
 *
 * What two readers could understand differently is `broken`, because the target may be the other reader: an extension
 * given twice (RFC 8446 §4.2), two host names (RFC 6066 §3), a name with bytes that no host name has (a NUL ends it for
 * some readers), lengths that don't add up. A name of the right characters that still is no host name routes like none.
 */
export function decodeClientHello(bytes: Buffer): TDecoded<IClientHello> {
  const gathered = gatherClientHello(bytes);
  if (gathered.kind !== 'done') return gathered;
  const hello = readHello(new ByteReader(gathered.value));
  return typeof hello === 'string'
    ? { kind: 'broken', why: hello }
    : { kind: 'done', value: hello, used: gathered.used };
}

type TDraft = { -readonly [K in keyof IClientHello]: IClientHello[K] };

/** The hello, or what is wrong with it. */
function readHello(body: ByteReader): IClientHello | string {
  const legacyVersion = body.u16();
  body.skip(32);
  const sessionIdLength = body.u8();
  body.skip(sessionIdLength);
  const ciphers = readCodes(body.sub(body.u16()));
  const compressions = body.u8();
  body.skip(compressions);
  if (body.failed || sessionIdLength > 32 || compressions === 0) return 'a ClientHello whose fields overrun';
  if (ciphers === null) return 'a malformed list of cipher suites';
  const hello: TDraft = {
    serverName: null,
    rawServerName: null,
    alpn: [],
    tlsVersion: null,
    versions: [legacyVersion],
    ciphers,
    extensions: '',
    signatureAlgorithms: '',
    hasEch: false,
  };
  // Before TLS 1.2 (RFC 5246 §7.4.1.2) a hello could end here.
  const fault = body.left > 0 ? readExtensions(body, hello) : null;
  if (fault !== null) return fault;
  const listed = hello.extensions.includes(String.fromCharCode(supportedVersions));
  hello.tlsVersion = highestVersion(listed ? hello.versions : [Math.min(legacyVersion, 0x0303)]);
  return hello;
}

const serverName = 0;
const signatureAlgorithms = 13;
const alpn = 16;
const supportedVersions = 43;
const encryptedClientHello = 0xfe0d;

function readExtensions(body: ByteReader, hello: TDraft): string | null {
  const block = body.sub(body.u16());
  if (!body.finished) return 'an extension block whose length does not fit';
  const seen = new Set<number>();
  const extensions: number[] = [];
  while (block.left > 0) {
    const type = block.u16();
    const content = block.sub(block.u16());
    if (block.failed) return 'an extension that overruns';
    if (seen.has(type)) return 'an extension given twice';
    seen.add(type);
    if (!isGrease(type)) extensions.push(type);
    const fault = readExtension(type, content, hello);
    if (fault !== null) return fault;
  }
  hello.extensions = packCodes(extensions);
  return null;
}

function readExtension(type: number, content: ByteReader, hello: TDraft): string | null {
  if (type === serverName) return readServerName(content, hello);
  if (type === alpn) {
    const names = readAlpn(content);
    if (names === null) return 'a malformed ALPN extension';
    hello.alpn = names;
  } else if (type === supportedVersions) {
    const versions = readCodes(content.sub(content.u8()));
    if (versions === null || !content.finished) return 'a malformed supported_versions extension';
    hello.versions = unpackCodes(versions);
  } else if (type === signatureAlgorithms) {
    const algorithms = readCodes(content.sub(content.u16()));
    if (algorithms === null || !content.finished) return 'a malformed signature_algorithms extension';
    hello.signatureAlgorithms = algorithms;
  } else if (type === encryptedClientHello) {
    hello.hasEch = true;
  }
  return null;
}

const hostName = 0;
const malformedName = 'a malformed server_name extension';

/** RFC 6066 §3: names of other types are skipped by their length, which all types have. */
function readServerName(content: ByteReader, hello: TDraft): string | null {
  const list = content.sub(content.u16());
  if (!content.finished || list.left === 0) return malformedName;
  while (list.left > 0) {
    const type = list.u8();
    const name = list.latin1(list.u16());
    if (list.failed) return malformedName;
    if (type !== hostName) continue;
    if (name === '') return malformedName;
    if (hello.rawServerName !== null) return 'two host names in server_name';
    const isIp = isIpLiteral(name);
    if (!isIp && !/^[\w.-]+$/.test(name)) return 'a server name with bytes that no host name has';
    hello.rawServerName = name;
    hello.serverName = isIp ? null : normaliseHost(name);
  }
  return null;
}

/** RFC 7301 §3.1: at least one name, none of them empty; null if they are too many. */
function readAlpn(content: ByteReader): string[] | null {
  const list = content.sub(content.u16());
  if (!content.finished || list.left === 0) return null;
  const names: string[] = [];
  while (list.left > 0) {
    const name = list.latin1(list.u8());
    if (name === '' || names.length === alpnLimit) return null;
    if (!isGreaseName(name)) names.push(name);
  }
  // What grew has room for sixteen more.
  return names.slice();
}

/** A non-empty list of 16-bit codes without GREASE. */
function readCodes(list: ByteReader): TCodes | null {
  if (list.left === 0 || list.left % 2 !== 0) return null;
  const codes: number[] = [];
  while (list.left > 0) {
    const code = list.u16();
    if (!isGrease(code)) codes.push(code);
  }
  return packCodes(codes);
}

/** In one piece: a text that grows by single characters is kept as a tree of them. */
export function packCodes(codes: readonly number[]): TCodes {
  const bytes = Buffer.allocUnsafe(2 * codes.length);
  for (let i = 0; i < codes.length; i++) bytes.writeUInt16LE(codes[i] as number, 2 * i);
  return bytes.toString('utf16le');
}

export const unpackCodes = (codes: TCodes): number[] =>
  Array.from({ length: codes.length }, (_, i) => codes.charCodeAt(i));

/** 0x0a0a, 0x1a1a ... 0xfafa (RFC 8701 §2). */
const isGrease = (code: number): boolean => (code & 0x0f0f) === 0x0a0a && code >> 8 === (code & 255);

const isGreaseName = (name: string): boolean =>
  name.length === 2 && isGrease(name.charCodeAt(0) * 256 + name.charCodeAt(1));

const versionNames: ReadonlyMap<number, TOfferedTlsVersion> = new Map([
  [0x0301, 'TLSv1'],
  [0x0302, 'TLSv1.1'],
  [0x0303, 'TLSv1.2'],
  [0x0304, 'TLSv1.3'],
]);

function highestVersion(versions: readonly number[]): TOfferedTlsVersion | null {
  const known = versions.filter((version) => versionNames.has(version));
  return versionNames.get(Math.max(0, ...known)) ?? null;
}
