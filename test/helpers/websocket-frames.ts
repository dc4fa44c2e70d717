// Makes and reads frames of WebSockets (RFC 6455 §5.2), for tests that look at bytes.

export interface IFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly masked: boolean;
  readonly content: Buffer;
}

export interface IFrameParts {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly mask?: readonly number[] | null;
  /** How the length is written: at least so many bytes. */
  readonly lengthBytes?: 0 | 2 | 8;
}

/** A frame as bytes; unmasked and final unless told otherwise. */
export function makeFrame(content: Uint8Array | string, parts: IFrameParts = {}): Buffer {
  const { opcode = 2, fin = true, mask = null, lengthBytes = 0 } = parts;
  const bytes = Buffer.from(content);
  const { length } = bytes;
  const maskBit = mask === null ? 0 : 0x80;
  const needs = length > 0xffff ? 8 : length > 125 ? 2 : 0;
  const size = Math.max(needs, lengthBytes);
  const header = Buffer.alloc(2 + size);
  header[0] = (fin ? 0x80 : 0) | opcode;
  header[1] = maskBit | (size === 8 ? 127 : size === 2 ? 126 : length);
  if (size === 2) header.writeUInt16BE(length, 2);
  if (size === 8) header.writeBigUInt64BE(BigInt(length), 2);
  if (mask === null) return Buffer.concat([header, bytes]);
  return Buffer.concat([header, Buffer.from(mask), bytes.map((byte, at) => byte ^ (mask[at & 3] as number))]);
}

/** All frames of a stream that ends with one. Throws where it does not. */
export function readFrames(bytes: Buffer): IFrame[] {
  const frames: IFrame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    const short = second & 0x7f;
    at += 2;
    let length = short;
    if (short === 126) length = bytes.readUInt16BE(at);
    if (short === 127) length = Number(bytes.readBigUInt64BE(at));
    at += short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (second & 0x80) !== 0;
    const mask = masked ? bytes.subarray(at, at + 4) : Buffer.alloc(4);
    at += masked ? 4 : 0;
    if (at + length > bytes.length) throw new Error(`a frame of ${length} bytes has ${bytes.length - at}`);
    const content = bytes.subarray(at, at + length).map((byte, place) => byte ^ (mask[place & 3] as number));
    frames.push({ fin: (first & 0x80) !== 0, opcode: first & 0x0f, masked, content: Buffer.from(content) });
    at += length;
  }
  return frames;
}
