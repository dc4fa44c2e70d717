// The TLVs of PROXY protocol version 2, those inside the SSL one included.

import { ByteReader } from './byte-reader.js';
import type { IProxySsl, IProxyTlv, IProxyTlvs } from './proxy-header.js';

const alpn = 0x01;
const authority = 0x02;
const checksum = 0x03;
const noop = 0x04;
const uniqueId = 0x05;
const ssl = 0x20;
const netns = 0x30;

const known: ReadonlySet<number> = new Set([alpn, authority, checksum, uniqueId, ssl, netns]);
const maxUniqueIdBytes = 128;

type TDraft<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Reads all TLVs up to the reader's end, or says what is wrong with them. A known type given twice has two meanings and
 * is refused; unknown ones may repeat. The checksum is not judged here. Values are views of the reader's bytes.
 */
export function readTlvs(reader: ByteReader): IProxyTlvs | string {
  const list = readList(reader);
  if (list === null) return 'a TLV that overruns the header';
  const tlvs: TDraft<IProxyTlvs> = {};
  const others: IProxyTlv[] = [];
  const seen = new Set<number>();
  for (const tlv of list) {
    const fault = readTlv(tlv, tlvs, others, seen);
    if (fault !== null) return fault;
  }
  if (others.length > 0) tlvs.others = others;
  return tlvs;
}

function readTlv(tlv: IProxyTlv, tlvs: TDraft<IProxyTlvs>, others: IProxyTlv[], seen: Set<number>): string | null {
  const { type, value } = tlv;
  if (type === noop) return null;
  if (!known.has(type)) {
    others.push(tlv);
    return null;
  }
  if (seen.has(type)) return 'a TLV given twice';
  seen.add(type);
  if (type === alpn) tlvs.alpn = value.toString('latin1');
  if (type === authority) tlvs.authority = value.toString('utf8');
  if (type === netns) tlvs.netns = value.toString('latin1');
  if (type === uniqueId) {
    if (value.length > maxUniqueIdBytes) return 'a unique id of more than 128 bytes';
    tlvs.uniqueId = value;
  }
  if (type === checksum) {
    if (value.length !== 4) return 'a checksum that is not four bytes long';
    tlvs.crc32c = value.readUInt32BE(0);
  }
  if (type === ssl) {
    const facts = readSsl(value);
    if (facts === null) return 'a malformed SSL TLV';
    tlvs.ssl = facts;
  }
  return null;
}

function readList(reader: ByteReader): IProxyTlv[] | null {
  const list: IProxyTlv[] = [];
  while (reader.left > 0) {
    const type = reader.u8();
    const value = reader.slice(reader.u16());
    if (reader.failed) return null;
    list.push({ type, value });
  }
  return list;
}

/** Type numbers of the texts inside the SSL TLV. */
const sslTexts = [
  [0x21, 'version'],
  [0x22, 'commonName'],
  [0x23, 'cipher'],
  [0x24, 'signatureAlgorithm'],
  [0x25, 'keyAlgorithm'],
] as const;

function readSsl(value: Buffer): IProxySsl | null {
  const reader = new ByteReader(value);
  const facts: TDraft<IProxySsl> = { client: reader.u8(), verify: reader.u32() };
  const list = reader.failed ? null : readList(reader);
  if (list === null) return null;
  const others: IProxyTlv[] = [];
  for (const tlv of list) {
    const name = sslTexts.find(([type]) => type === tlv.type)?.[1];
    if (name === undefined) others.push(tlv);
    else if (facts[name] !== undefined) return null;
    else facts[name] = tlv.value.toString('utf8');
  }
  if (others.length > 0) facts.others = others;
  return facts;
}

/** All TLVs but the checksum, in order of type. */
export function encodeTlvs(tlvs: IProxyTlvs): Buffer {
  const parts: Buffer[] = [];
  if (tlvs.alpn !== undefined) parts.push(encodeTlv(alpn, Buffer.from(tlvs.alpn, 'latin1')));
  if (tlvs.authority !== undefined) parts.push(encodeTlv(authority, Buffer.from(tlvs.authority, 'utf8')));
  if (tlvs.uniqueId !== undefined) parts.push(encodeTlv(uniqueId, tlvs.uniqueId));
  if (tlvs.ssl !== undefined) parts.push(encodeTlv(ssl, encodeSsl(tlvs.ssl)));
  if (tlvs.netns !== undefined) parts.push(encodeTlv(netns, Buffer.from(tlvs.netns, 'latin1')));
  for (const { type, value } of tlvs.others ?? []) parts.push(encodeTlv(type, value));
  return Buffer.concat(parts);
}

function encodeSsl(facts: IProxySsl): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(facts.client & 255, 0);
  head.writeUInt32BE(facts.verify >>> 0, 1);
  const parts: Buffer[] = [head];
  for (const [type, name] of sslTexts) {
    const text = facts[name];
    if (text !== undefined) parts.push(encodeTlv(type, Buffer.from(text, 'utf8')));
  }
  for (const { type, value } of facts.others ?? []) parts.push(encodeTlv(type, value));
  return Buffer.concat(parts);
}

/** The TLV that holds a checksum; with 0 the one over which it is computed. */
export const encodeChecksum = (crc: number): Buffer => {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc);
  return encodeTlv(checksum, value);
};

function encodeTlv(type: number, value: Buffer): Buffer {
  if (value.length > 0xffff) throw new RangeError('a TLV of more than 65 535 bytes');
  const head = Buffer.alloc(3);
  head.writeUInt8(type & 255, 0);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

/** Where the checksum's four bytes lie between `from` and `end`; -1 if there is none. The TLVs there are well-formed. */
export function findChecksum(bytes: Buffer, from: number, end: number): number {
  for (let at = from; at < end; at += 3 + bytes.readUInt16BE(at + 1)) {
    if (bytes[at] === checksum) return at + 3;
  }
  return -1;
}
