// Frames of HTTP/2 octet by octet, right or wrong, for tests.

import { h2Frame } from '../../ts/codec/http2-frame.js';

export interface IRawFrame {
  readonly type: number;
  /** `HEADERS`, `DATA` ...; `type 11` of one that has no name. */
  readonly name: string;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Any frame. `stream` may have the reserved bit. */
export function rawFrame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

interface IRawMessage {
  /** END_STREAM. */
  readonly end?: boolean;
  /** Octets of padding; the frame is marked as padded if given. */
  readonly pad?: number;
}

interface IRawHeaders extends IRawMessage {
  /** False leaves END_HEADERS away. */
  readonly whole?: boolean;
  /** With priority, depending on this stream. */
  readonly dependsOn?: number;
}

/** `content`: that many octets, or these. */
export function rawData(stream: number, content: number | string | Uint8Array, { end, pad }: IRawMessage = {}): Buffer {
  const bytes = typeof content === 'number' ? Buffer.alloc(content, 'x') : Buffer.from(content);
  return rawFrame(h2Frame.data, flagsOf(end, pad, true, false) & ~4, stream, padded(bytes, pad));
}

/** `fields`: names and values in turn, or a block as it is. */
export function rawHeaders(stream: number, fields: readonly string[] | Buffer, options: IRawHeaders = {}): Buffer {
  const { end, pad, whole = true, dependsOn } = options;
  const block = Buffer.isBuffer(fields) ? fields : literalBlock(fields);
  const priority = dependsOn === undefined ? Buffer.alloc(0) : priorityOf(dependsOn);
  const flags = flagsOf(end, pad, whole, dependsOn !== undefined);
  return rawFrame(h2Frame.headers, flags, stream, padded(Buffer.concat([priority, block]), pad));
}

export const rawContinuation = (stream: number, block: Buffer, isLast: boolean): Buffer =>
  rawFrame(h2Frame.continuation, isLast ? 4 : 0, stream, block);

export const rawPriority = (stream: number, dependsOn: number): Buffer =>
  rawFrame(h2Frame.priority, 0, stream, priorityOf(dependsOn));

export const rawReset = (stream: number, code: number): Buffer => rawFrame(h2Frame.rstStream, 0, stream, uint32(code));

/** Identifiers and values in turn. */
export function rawSettings(...settings: number[]): Buffer {
  const payload = Buffer.alloc(settings.length * 3);
  for (let at = 0; at < settings.length; at += 2) {
    payload.writeUInt16BE(settings[at] ?? 0, at * 3);
    payload.writeUInt32BE(settings[at + 1] ?? 0, at * 3 + 2);
  }
  return rawFrame(h2Frame.settings, 0, 0, payload);
}

export const rawSettingsAck = (): Buffer => rawFrame(h2Frame.settings, 1, 0);

export const rawPing = (payload: string, isAck = false): Buffer =>
  rawFrame(h2Frame.ping, isAck ? 1 : 0, 0, Buffer.from(payload, 'latin1'));

export const rawGoaway = (lastStream: number, code: number): Buffer =>
  rawFrame(h2Frame.goaway, 0, 0, Buffer.concat([uint32(lastStream), uint32(code)]));

export const rawWindowUpdate = (stream: number, more: number): Buffer =>
  rawFrame(h2Frame.windowUpdate, 0, stream, uint32(more));

export const rawPriorityUpdate = (stream: number, text: string): Buffer =>
  rawFrame(h2Frame.priorityUpdate, 0, 0, Buffer.concat([uint32(stream), Buffer.from(text, 'latin1')]));

/** Literal fields that are not indexed (RFC 7541 §6.2.2). */
export function literalBlock(fields: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    parts.push(Buffer.of(0), literal(fields[at] ?? ''), literal(fields[at + 1] ?? ''));
  }
  return Buffer.concat(parts);
}

/** The fields of an ordinary request; more may follow. */
export const rawRequest = (path = '/', method = 'GET', ...more: string[]): string[] => [
  ...[':method', method, ':scheme', 'http', ':authority', 'a.test', ':path', path],
  ...more,
];

/** All frames in what was received; a rest that is no whole frame is left. */
export function readRawFrames(bytes: Buffer): { frames: IRawFrame[]; rest: Buffer } {
  const frames: IRawFrame[] = [];
  let at = 0;
  while (at + 9 <= bytes.length && at + 9 + bytes.readUIntBE(at, 3) <= bytes.length) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    const type = bytes[at + 3] ?? 0;
    const stream = bytes.readUInt32BE(at + 5);
    frames.push({ type, name: nameOf(type), flags: bytes[at + 4] ?? 0, stream, payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

const names = Object.entries({
  DATA: h2Frame.data,
  HEADERS: h2Frame.headers,
  PRIORITY: h2Frame.priority,
  RST_STREAM: h2Frame.rstStream,
  SETTINGS: h2Frame.settings,
  PUSH_PROMISE: h2Frame.pushPromise,
  PING: h2Frame.ping,
  GOAWAY: h2Frame.goaway,
  WINDOW_UPDATE: h2Frame.windowUpdate,
  CONTINUATION: h2Frame.continuation,
  PRIORITY_UPDATE: h2Frame.priorityUpdate,
});

const nameOf = (type: number): string => names.find(([, value]) => value === type)?.[0] ?? `type ${type}`;

const flagsOf = (end = false, pad: number | undefined, whole: boolean, hasPriority: boolean): number =>
  (end ? 1 : 0) | (whole ? 4 : 0) | (pad === undefined ? 0 : 8) | (hasPriority ? 32 : 0);

const padded = (bytes: Buffer, pad: number | undefined): Buffer =>
  pad === undefined ? bytes : Buffer.concat([Buffer.of(pad), bytes, Buffer.alloc(pad)]);

const priorityOf = (dependsOn: number): Buffer => Buffer.concat([uint32(dependsOn), Buffer.of(15)]);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** A string without Huffman's code; its length in 7 bits, or more (RFC 7541 §5.1). */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let left = bytes.length - 127;
    for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128);
    length.push(left);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
