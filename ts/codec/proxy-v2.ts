// Version 2 of the PROXY protocol: binary, with TLVs and a checksum.

import { ByteReader } from './byte-reader.js';
import { crc32c } from './crc32c.js';
import type { TDecoded } from './decoded.js';
import { foldIpv6, formatAddress, type TAddress } from './fold.js';
import { groupsOf } from './ip-number.js';
import {
  type IProxyEndpoint,
  type IProxyHeader,
  type IProxyHeaderDraft,
  type IProxyTlvs,
  pairOf,
  type TAddressPair,
  type TProxyFamily,
} from './proxy-header.js';
import { encodeChecksum, encodeTlvs, findChecksum, readTlvs } from './proxy-tlv.js';

export const proxyV2Signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Signature, version and command, family and transport, length. */
const fixedBytes = 16;

interface IFamilyFacts {
  readonly family: TProxyFamily;
  /** Of both addresses and ports. */
  readonly size: number;
}

/** By the 14th byte; what is not here is unknown or invalid. */
const families: ReadonlyMap<number, IFamilyFacts> = new Map([
  [0x11, { family: 'tcp4', size: 12 }],
  [0x12, { family: 'udp4', size: 12 }],
  [0x21, { family: 'tcp6', size: 36 }],
  [0x22, { family: 'udp6', size: 36 }],
  [0x31, { family: 'unix', size: 216 }],
  [0x32, { family: 'unix', size: 216 }],
]);

/**
 * Reads the header of bytes that begin with the signature. The length may be all that its field holds: 65 551 bytes in
 * all, from peers that are trusted with an address, and the caller's time limit bounds the wait.
 */
export function decodeProxyV2(bytes: Buffer): TDecoded<IProxyHeader> {
  const versionAndCommand = bytes[12] ?? 0x20;
  if (versionAndCommand >> 4 !== 2) return broken('a version that is not 2');
  if ((versionAndCommand & 15) > 1) return broken('an unknown command');
  if (bytes.length < fixedBytes) return { kind: 'short', need: fixedBytes };
  const used = fixedBytes + bytes.readUInt16BE(14);
  const familyByte = bytes[13] ?? 0;
  // A LOCAL header's family, addresses and TLVs are to be discarded unread.
  const isLocal = versionAndCommand === 0x20;
  if (!isLocal && (familyByte >> 4 > 3 || (familyByte & 15) > 2)) return broken('an unknown family or transport');
  const facts = isLocal ? undefined : families.get(familyByte);
  if (facts !== undefined && used < fixedBytes + facts.size) return broken('a length too short for its addresses');
  if (bytes.length < used) return { kind: 'short', need: used };
  if (facts === undefined) return done(isLocal ? 'local' : 'proxy', 'unknown', null, null, {}, used);
  // A copy: the values outlive the chunk that they came in, and must not keep it.
  const tlvs = readTlvs(new ByteReader(Buffer.from(bytes.subarray(fixedBytes + facts.size, used))));
  if (typeof tlvs === 'string') return broken(tlvs);
  const checksumAt = tlvs.crc32c === undefined ? -1 : findChecksum(bytes, fixedBytes + facts.size, used);
  if (checksumAt >= 0 && checksumOf(bytes.subarray(0, used), checksumAt) !== tlvs.crc32c)
    return broken('a wrong checksum');
  const ends = readEnds(new ByteReader(bytes, fixedBytes, fixedBytes + facts.size), facts);
  return done('proxy', facts.family, ends?.source ?? null, ends?.destination ?? null, tlvs, used);
}

const broken = (why: string): TDecoded<never> => ({ kind: 'broken', why: `PROXY v2: ${why}` });

function done(
  command: IProxyHeader['command'],
  family: TProxyFamily,
  source: IProxyEndpoint | null,
  destination: IProxyEndpoint | null,
  tlvs: IProxyTlvs,
  used: number,
): TDecoded<IProxyHeader> {
  return { kind: 'done', value: { version: 2, command, family, source, destination, tlvs }, used };
}

/** Over the whole header, its own four bytes read as zero. */
function checksumOf(header: Buffer, at: number): number {
  const copy = Buffer.from(header);
  copy.fill(0, at, at + 4);
  return crc32c(copy);
}

function readEnds(
  reader: ByteReader,
  facts: IFamilyFacts,
): { source: IProxyEndpoint; destination: IProxyEndpoint } | null {
  if (facts.family === 'unix') return null;
  const read = facts.size === 12 ? () => reader.u32() : () => readIpv6(reader);
  const source = formatAddress(read());
  const destination = formatAddress(read());
  return {
    source: { address: source, port: reader.u16() },
    destination: { address: destination, port: reader.u16() },
  };
}

function readIpv6(reader: ByteReader): TAddress {
  let address = 0n;
  for (let i = 0; i < 4; i++) address = (address << 32n) | BigInt(reader.u32());
  return foldIpv6(address);
}

/** The bytes of a draft. */
export function encodeProxyV2(draft: IProxyHeaderDraft): Buffer {
  const pair = pairOf(draft);
  const tlvs = pair === null || draft.tlvs === undefined ? Buffer.alloc(0) : encodeTlvs(draft.tlvs);
  const body = pair === null ? Buffer.alloc(0) : Buffer.concat([encodePair(pair), tlvs]);
  const empty = draft.checksum === true && pair !== null ? encodeChecksum(0) : Buffer.alloc(0);
  const length = body.length + empty.length;
  if (length > 0xffff) throw new RangeError('a PROXY header of more than 65 535 bytes');
  const head = Buffer.alloc(fixedBytes);
  proxyV2Signature.copy(head);
  head.writeUInt8(draft.command === 'local' ? 0x20 : 0x21, 12);
  head.writeUInt8(pair === null ? 0 : pair.family === 4 ? 0x11 : 0x21, 13);
  head.writeUInt16BE(length, 14);
  const header = Buffer.concat([head, body, empty]);
  if (empty.length > 0) header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

function encodePair(pair: TAddressPair): Buffer {
  const bytes = Buffer.alloc(pair.family === 4 ? 12 : 36);
  const [sourcePort, destinationPort] = pair.ports;
  if (pair.family === 4) {
    bytes.writeUInt32BE(pair.source, 0);
    bytes.writeUInt32BE(pair.destination, 4);
  } else {
    const groups = [...groupsOf(pair.source), ...groupsOf(pair.destination)];
    for (const [i, group] of groups.entries()) bytes.writeUInt16BE(group, 2 * i);
  }
  bytes.writeUInt16BE(sourcePort, bytes.length - 4);
  bytes.writeUInt16BE(destinationPort, bytes.length - 2);
  return bytes;
}
