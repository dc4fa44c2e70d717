// The first handshake message of a TLS connection, put together from as many records as it came in (RFC 8446 §5.1).

import type { TDecoded } from './decoded.js';

/** What a client may send before its ClientHello is complete, record headers included. */
export const clientHelloLimitBytes = 65_536;

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const maxFragmentBytes = 16_384;
const handshakeRecord = 22;
const clientHello = 1;

/**
 * The body of the ClientHello, without its four-byte header; a view where it came in one record.
 *
 * `foreign`: not SSL 3 or TLS (an SSLv2 hello neither: no server in use would answer it). `broken`: a handshake that
 * begins with anything but a ClientHello, since no client's does, and whatever else breaks the rules of the record layer.
 * `need` counts the headers of all records the rest takes at least, so a hello that dribbles in is not walked at every
 * byte; one that is cut into the smallest records is walked some tens of times.
 */
export function gatherClientHello(bytes: Buffer): TDecoded<Buffer> {
  if ((bytes.length > 0 && bytes[0] !== handshakeRecord) || (bytes.length > 1 && bytes[1] !== 3)) {
    return { kind: 'foreign' };
  }
  if (bytes.length < 2) return { kind: 'short', need: bytes.length + 1 };
  let at = 0;
  let gathered = 0;
  let header = 0;
  /** Of the message, its header included; no more than that header is known to come at first. */
  let size = messageHeaderBytes;
  while (gathered < size) {
    if (bytes.length - at < recordHeaderBytes) return waitFor(at + leastBytes(size - gathered));
    if (bytes[at] !== handshakeRecord || bytes[at + 1] !== 3) return broken('another record inside the ClientHello');
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > maxFragmentBytes) return broken('a handshake record of impossible length');
    const start = at + recordHeaderBytes;
    const here = Math.min(length, bytes.length - start);
    if (gathered === 0 && here > 0 && bytes[start] !== clientHello) return broken('a handshake without ClientHello');
    for (let i = 0; i < here && gathered + i < messageHeaderBytes; i++) header = header * 256 + (bytes[start + i] ?? 0);
    if (gathered + here >= messageHeaderBytes) size = messageHeaderBytes + (header & 0xffffff);
    const taken = Math.min(length, size - gathered);
    const least = start + taken + leastBytes(size - gathered - taken);
    if (here < taken || least > clientHelloLimitBytes) return waitFor(least);
    gathered += taken;
    at = start + taken;
  }
  return { kind: 'done', value: join(bytes, at, size), used: at };
}

const broken = (why: string): TDecoded<never> => ({ kind: 'broken', why });

function waitFor(need: number): TDecoded<never> {
  return need > clientHelloLimitBytes ? broken('a ClientHello of more than 64 KiB') : { kind: 'short', need };
}

/** Bytes on the wire that `length` bytes of handshake take at least. */
const leastBytes = (length: number): number => length + recordHeaderBytes * Math.ceil(length / maxFragmentBytes);

/** The message's body, from records that are known to be whole and in order. */
function join(bytes: Buffer, end: number, size: number): Buffer {
  if (end === recordHeaderBytes + size) return bytes.subarray(recordHeaderBytes + messageHeaderBytes, end);
  const message = Buffer.allocUnsafe(size);
  let written = 0;
  for (let at = 0; at < end; ) {
    const start = at + recordHeaderBytes;
    at = start + bytes.readUInt16BE(at + 3);
    written += bytes.copy(message, written, start, Math.min(at, end));
  }
  return message.subarray(messageHeaderBytes);
}
