// Reads one message of HTTP/1 with our codec, whole or as it dribbles in, and says what became of it.

import type { IRequestHead, TFields } from '../../ts/codec/http-message.js';
import { ChunkedReader } from '../../ts/codec/http1-chunked.js';
import { decodeRequestHead, type IHeadLimits, type THeadDecoded } from '../../ts/codec/http1-request.js';

export const testHeadLimits: IHeadLimits = { maxBytes: 16_384, maxFields: 100 };

export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

export interface IReadContent {
  /** Latin1. */
  readonly body: string;
  readonly trailers: TFields | null;
  /** Place behind the message; -1 if it is not complete. */
  readonly end: number;
  readonly fault: string | null;
}

/** `length`: as IRequestHead says it. `step`: how many bytes come at once. */
export function readContent(bytes: Buffer, from: number, length: number, step = bytes.length + 1): IReadContent {
  if (length >= 0) {
    const end = from + length;
    return {
      body: bytes.toString('latin1', from, end),
      trailers: null,
      end: end <= bytes.length ? end : -1,
      fault: null,
    };
  }
  const reader = new ChunkedReader();
  let body = '';
  let at = from;
  while (at < bytes.length && !reader.done && reader.fault === null) {
    const piece = bytes.subarray(at, at + step);
    at += reader.read(piece, 0, (chunk) => {
      body += chunk.toString('latin1');
    });
  }
  return { body, trailers: reader.trailers, end: reader.done ? at : -1, fault: reader.fault };
}

/**
 * Feeds a head in `step` bytes at a time, into a buffer that grows, with the hint of what was seen. Throws if an answer comes and
 * then changes as more bytes arrive, or differs from that without the hint.
 */
export function decodeSlowly<T>(
  decode: (bytes: Buffer, scanned: number) => THeadDecoded<T>,
  bytes: Buffer,
  step: number,
): THeadDecoded<T> {
  const whole = decode(bytes, 0);
  let scanned = 0;
  for (let length = Math.min(step, bytes.length); ; length = Math.min(length + step, bytes.length)) {
    const part = bytes.subarray(0, length);
    const answer = decode(part, scanned);
    const fresh = decode(part, 0);
    if (stateOf(fresh) !== stateOf(answer))
      throw new Error(`${stateOf(answer)} at ${length}, afresh ${stateOf(fresh)}`);
    if (answer.kind !== 'short') {
      if (stateOf(answer) !== stateOf(whole))
        throw new Error(`${stateOf(answer)} at ${length}, then ${stateOf(whole)}`);
      return answer;
    }
    if (length === bytes.length) return answer;
    scanned = length;
  }
}

const stateOf = <T>(answer: THeadDecoded<T>): string => {
  if (answer.kind === 'broken') return `broken ${answer.status}`;
  return answer.kind === 'done' ? `done ${answer.used} ${JSON.stringify(answer.value)}` : 'short';
};

export const decodeRequest =
  (limits = testHeadLimits) =>
  (bytes: Buffer, scanned: number): THeadDecoded<IRequestHead> =>
    decodeRequestHead(bytes, 0, limits, scanned);

/** The value, or an error that says what it was instead. */
export function done<T>(answer: THeadDecoded<T>): T {
  if (answer.kind !== 'done') throw new Error(JSON.stringify(answer));
  return answer.value;
}

/** What `value` has under the names of `like`, to be compared with it. */
export const partOf = (value: object, like: object): Record<string, unknown> =>
  Object.fromEntries(Object.keys(like).map((name) => [name, (value as Record<string, unknown>)[name]]));
