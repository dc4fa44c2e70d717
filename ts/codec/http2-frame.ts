// Frames of HTTP/2 as they come (RFC 9113 §4): heads parsed in place, wherever the reads cut them.

/** RFC 9113 §6, RFC 9218 §7.1. */
export const h2Frame = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
  priorityUpdate: 16,
} as const;

export const h2Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** RFC 9113 §7. */
export const h2Error = {
  noError: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

/** RFC 9113 §3.4: what a client sends first. */
export const h2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const frameHeadBytes = 9;
/** RFC 9113 §4.2: the least that everyone takes, and the most that we let a peer send. */
export const leastMaxFrameBytes = 16_384;

/**
 * `none`: all that came is read. `frame`: a whole frame; of a type that is not known, without its payload.
 * `data`: content of a DATA frame. `broken`: by `fault` and `why`; nothing can be read any more.
 */
export type TFrameRead = 'none' | 'frame' | 'data' | 'broken';

/** `push` what was read, then call `next` until it is `none`: what is described by the fields holds until the next call. */
export class FrameReader {
  type = 0;
  flags = 0;
  stream = 0;
  /** Of the whole payload, padding included. */
  length = 0;
  /** Where the payload is, or a part of a DATA frame's content without padding. */
  bytes: Buffer = nothing;
  at = 0;
  end = 0;
  /** Of a DATA frame: octets of `length` that are no content; its first part, its last. */
  padding = 0;
  first = false;
  last = false;
  /** `bytes` is used again by whoever pushed it. */
  lent = false;
  fault = 0;
  why = '';
  #phase: TPhase;
  #chunk: Buffer = nothing;
  #chunkAt = 0;
  #chunkLent = false;
  /** Of the preface, a frame's head or a payload: octets that earlier chunks brought. */
  #had = 0;
  #part: Buffer | null = null;
  #left = 0;
  /** Padding that has not come yet. */
  #paddingLeft = 0;
  /** A part of the present DATA frame was given. */
  #begun = false;

  /** `expectsPreface`: we are the server. */
  constructor(expectsPreface: boolean) {
    this.#phase = expectsPreface ? 'preface' : 'head';
  }

  /** What was read ends within a frame that is neither content nor skipped. */
  get partial(): boolean {
    return this.#phase === 'payload' || (this.#phase === 'head' && this.#had > 0);
  }

  /** All of what was pushed before must have been read. `lent`: the memory is used again once this chunk is read. */
  push(chunk: Buffer, lent: boolean): void {
    this.#chunk = chunk;
    this.#chunkAt = 0;
    this.#chunkLent = lent;
  }

  next(): TFrameRead {
    let read: TFrameRead | null = null;
    while (read === null) read = this.#step();
    // Nothing of a chunk that was read is kept alive by an idle connection.
    if (read === 'none') this.bytes = this.#chunk = nothing;
    return read;
  }

  #step(): TFrameRead | null {
    switch (this.#phase) {
      case 'head':
        return this.#readHead();
      case 'payload':
        return this.#readPayload();
      case 'padLength':
        return this.#readPadLength();
      case 'data':
        return this.#readData();
      case 'skip':
        return this.#skip();
      case 'preface':
        return this.#readPreface();
      case 'broken':
        return 'none';
    }
  }

  #readPreface(): TFrameRead | null {
    const chunk = this.#chunk;
    const bytes = Math.min(h2Preface.length - this.#had, chunk.length - this.#chunkAt);
    if (chunk.compare(h2Preface, this.#had, this.#had + bytes, this.#chunkAt, this.#chunkAt + bytes) !== 0) {
      return this.#broken(h2Error.protocol, 'preface');
    }
    this.#had += bytes;
    this.#chunkAt += bytes;
    if (this.#had < h2Preface.length) return 'none';
    this.#had = 0;
    this.#phase = 'head';
    return null;
  }

  #readHead(): TFrameRead | null {
    const chunk = this.#chunk;
    const at = this.#chunkAt;
    const bytes = Math.min(frameHeadBytes - this.#had, chunk.length - at);
    if (bytes === frameHeadBytes) {
      this.#chunkAt = at + frameHeadBytes;
      return this.#begin(chunk, at);
    }
    if (bytes === 0) return 'none';
    this.#part ??= Buffer.allocUnsafe(frameHeadBytes);
    chunk.copy(this.#part, this.#had, at, at + bytes);
    this.#had += bytes;
    this.#chunkAt = at + bytes;
    if (this.#had < frameHeadBytes) return 'none';
    const head = this.#part;
    this.#had = 0;
    this.#part = null;
    return this.#begin(head, 0);
  }

  #begin(head: Buffer, at: number): TFrameRead | null {
    const length = head.readUIntBE(at, 3);
    const type = head[at + 3] as number;
    this.length = length;
    this.type = type;
    this.flags = head[at + 4] as number;
    this.stream = head.readUInt32BE(at + 5) & 0x7fff_ffff;
    if (length > leastMaxFrameBytes) return this.#broken(h2Error.frameSize, 'frame length');
    if (type === h2Frame.data) return this.#beginData();
    if (type <= h2Frame.continuation || type === h2Frame.priorityUpdate) {
      this.#phase = 'payload';
      return null;
    }
    this.#phase = 'skip';
    this.#left = length;
    this.at = 0;
    this.end = 0;
    return 'frame';
  }

  #readPayload(): TFrameRead {
    const chunk = this.#chunk;
    const at = this.#chunkAt;
    const { length } = this;
    const bytes = Math.min(length - this.#had, chunk.length - at);
    this.#chunkAt = at + bytes;
    if (bytes === length) return this.#whole(chunk, at, this.#chunkLent);
    if (bytes === 0) return 'none';
    this.#part ??= Buffer.allocUnsafe(length);
    chunk.copy(this.#part, this.#had, at, at + bytes);
    this.#had += bytes;
    if (this.#had < length) return 'none';
    const payload = this.#part;
    this.#had = 0;
    this.#part = null;
    return this.#whole(payload, 0, false);
  }

  #whole(bytes: Buffer, at: number, lent: boolean): TFrameRead {
    this.bytes = bytes;
    this.at = at;
    this.end = at + this.length;
    this.lent = lent;
    this.#phase = 'head';
    return 'frame';
  }

  #beginData(): TFrameRead | null {
    const isPadded = (this.flags & h2Flag.padded) !== 0;
    this.#left = this.length;
    this.padding = 0;
    this.#paddingLeft = 0;
    this.first = true;
    this.#phase = isPadded ? 'padLength' : 'data';
    return isPadded && this.length === 0 ? this.#broken(h2Error.frameSize, 'pad length') : null;
  }

  #readPadLength(): TFrameRead | null {
    if (this.#chunkAt === this.#chunk.length) return 'none';
    this.#paddingLeft = this.#chunk[this.#chunkAt++] as number;
    this.padding = 1 + this.#paddingLeft;
    this.#left -= this.padding;
    if (this.#left < 0) return this.#broken(h2Error.protocol, 'padding');
    this.#phase = 'data';
    return null;
  }

  #readData(): TFrameRead {
    const at = this.#chunkAt;
    const there = this.#chunk.length - at;
    const bytes = Math.min(this.#left, there);
    const padding = bytes === this.#left ? Math.min(this.#paddingLeft, there - bytes) : 0;
    this.#left -= bytes;
    this.#paddingLeft -= padding;
    this.#chunkAt = at + bytes + padding;
    const isWhole = this.#left === 0 && this.#paddingLeft === 0;
    if (bytes === 0 && !isWhole) return 'none';
    this.bytes = this.#chunk;
    this.lent = this.#chunkLent;
    this.at = at;
    this.end = at + bytes;
    // The part before, if there was one, has been read.
    if (this.#begun) this.first = false;
    this.#begun = !isWhole;
    this.last = isWhole;
    if (isWhole) this.#phase = 'head';
    return 'data';
  }

  #skip(): TFrameRead | null {
    const bytes = Math.min(this.#left, this.#chunk.length - this.#chunkAt);
    this.#chunkAt += bytes;
    this.#left -= bytes;
    if (this.#left > 0) return 'none';
    this.#phase = 'head';
    return null;
  }

  #broken(fault: number, why: string): TFrameRead {
    this.#phase = 'broken';
    this.fault = fault;
    this.why = why;
    return 'broken';
  }
}

type TPhase = 'preface' | 'head' | 'payload' | 'padLength' | 'data' | 'skip' | 'broken';

const nothing = Buffer.alloc(0);
