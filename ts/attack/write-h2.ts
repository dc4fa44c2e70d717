// Frames of HTTP/2 as an attacker writes them: any field, in any order, right or wrong.

import { h2Flag, h2Frame } from '../codec/http2-frame.js';
import type { IAim, IAttackRequest } from './types.js';

/** RFC 9113 §4.1. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

/** Names and values in turn as literals that are not indexed (RFC 7541 §6.2.2). */
export function block(fields: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    parts.push(Buffer.of(0), literal(fields[at] ?? ''), literal(fields[at + 1] ?? ''));
  }
  return Buffer.concat(parts);
}

/** RFC 7541 §5.1, §5.2: without Huffman's code. */
function literal(text: string): Buffer {
  const octets = Buffer.from(text, 'latin1');
  if (octets.length < 127) return Buffer.concat([Buffer.of(octets.length), octets]);
  const length = [127];
  let left = octets.length - 127;
  for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128);
  return Buffer.concat([Buffer.from([...length, left]), octets]);
}

/** A header section, in CONTINUATION frames where one frame is too small. */
export function headers(stream: number, fields: readonly string[] | Buffer, end = true): Buffer {
  const whole = Buffer.isBuffer(fields) ? fields : block(fields);
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < whole.length; at += maxFrameBytes) {
    const isLast = at + maxFrameBytes >= whole.length;
    const flags = (isLast ? h2Flag.endHeaders : 0) | (at === 0 && end ? h2Flag.endStream : 0);
    const type = at === 0 ? h2Frame.headers : h2Frame.continuation;
    parts.push(frame(type, flags, stream, whole.subarray(at, at + maxFrameBytes)));
  }
  return Buffer.concat(parts);
}

/** RFC 9113 §4.2: what everyone takes. */
const maxFrameBytes = 16_384;

export const data = (stream: number, content: string, end = true): Buffer =>
  frame(h2Frame.data, end ? h2Flag.endStream : 0, stream, Buffer.from(content, 'latin1'));

export function settings(...values: number[]): Buffer {
  const payload = Buffer.alloc(values.length * 3);
  for (let at = 0; at < values.length; at += 2) {
    payload.writeUInt16BE(values[at] ?? 0, at * 3);
    payload.writeUInt32BE(values[at + 1] ?? 0, at * 3 + 2);
  }
  return frame(h2Frame.settings, 0, 0, payload);
}

export function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
}

/** The pseudo-header fields of a request (RFC 9113 §8.3.1). */
export const pseudo = (aim: IAim, method = 'GET', target = aim.path): string[] => [
  ...[':method', method, ':scheme', aim.isTls ? 'https' : 'http'],
  ...[':authority', aim.host, ':path', target],
];

/** The fields that each request has besides. */
export const regular = ({ extra }: IAim): string[] =>
  extra.flatMap((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });

/** A request of its own on a stream; names go in lower case, and what only HTTP/1.1 has is left out. */
export function requestFrames(stream: number, aim: IAim, request: IAttackRequest): Buffer[] {
  const { method, target, fields = [], content } = request;
  const more = regular(aim);
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] ?? '').toLowerCase();
    if (name !== 'connection') more.push(name, fields[at + 1] ?? '');
  }
  const head = headers(stream, [...pseudo(aim, method, target), ...more], content === undefined);
  return content === undefined ? [head] : [head, data(stream, content)];
}
