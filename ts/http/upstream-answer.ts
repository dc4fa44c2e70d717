// The answer's half of a target's HTTP/1.1 connection: bytes in, calls of a listener and a verdict out. No socket here.

import type { TFields } from '../codec/http-message.js';
import { ChunkedReader } from '../codec/http1-chunked.js';
import type { IHeadLimits } from '../codec/http1-request.js';
import { decodeResponseHead, type IHttp1Response } from '../codec/http1-response.js';
import type { IAnswerListener } from './exchange-types.js';
import { Gather } from './gather.js';

/**
 * `more`: the answer goes on. `complete`: it ended where the bytes do. `excess`: it ended before. `switched`: `head` and
 * `rest` say to what. `tired`: the target closes because nothing was asked in time. `broken`: `why`. `stopped`: by `stop`.
 */
export type TAnswerVerdict = 'more' | 'complete' | 'excess' | 'switched' | 'tired' | 'broken' | 'stopped';

/** Interim answers to one request; more is a flood. */
const maxInforms = 32;

/** One for all answers of a connection. */
export class UpstreamAnswer {
  /** A byte of it came. */
  heard = false;
  /** Only its connection's end delimits its content. */
  untilClose = false;
  /** As it says itself; valid once its head was told. */
  keepAlive = false;
  trailers: TFields | null = null;
  head: IHttp1Response | null = null;
  rest: Buffer | null = null;
  why = '';

  readonly #limits: IHeadLimits;
  #listener: IAnswerListener | null = null;
  #method = '';
  #upgrade: string | null = null;
  #served = false;
  /** What is read now lies in memory that will be used again. */
  #lent = false;
  #informs = 0;
  /** An interim answer said that the connection ends. */
  #leaves = false;
  #inContent = false;
  /** The beginning of a head. */
  #partial: Buffer | null = null;
  /** Of content with a length: what is still to come. */
  #left = 0;
  #chunks: ChunkedReader | null = null;
  /** Made for the first chunked answer. */
  #gather: Gather | null = null;

  constructor(limits: IHeadLimits) {
    this.#limits = limits;
  }

  /** `served`: this is not the first answer. */
  begin(method: string, upgrade: string | null, listener: IAnswerListener, served: boolean): void {
    this.#listener = listener;
    this.#method = method;
    this.#upgrade = upgrade;
    this.#served = served;
    this.#informs = 0;
    this.#leaves = false;
    this.#inContent = false;
    this.heard = false;
    this.untilClose = false;
    this.keepAlive = false;
    this.trailers = null;
  }

  /** Nothing more is told. */
  stop(): void {
    this.#listener = null;
    this.#partial = null;
    this.#chunks = null;
  }

  /** `owned`: the memory is the answer's; else it is used again when this returns. */
  read(bytes: Buffer, owned: boolean): TAnswerVerdict {
    const listener = this.#listener;
    if (listener === null) return 'stopped';
    this.heard = true;
    this.#lent = !owned;
    return this.#inContent ? this.#readContent(bytes, 0, listener) : this.#readHeads(bytes, listener);
  }

  #readHeads(piece: Buffer, listener: IAnswerListener): TAnswerVerdict {
    // Each octet is looked for the end of the head once, however many pieces it comes in.
    let scanned = this.#partial === null ? 0 : this.#partial.length;
    const bytes = this.#partial === null ? piece : Buffer.concat([this.#partial, piece]);
    if (this.#partial !== null) this.#lent = false;
    this.#partial = null;
    let at = 0;
    for (;;) {
      const decoded = decodeResponseHead(bytes, at, this.#limits, this.#method, scanned);
      if (decoded.kind === 'broken') return this.#broken(decoded.why);
      if (decoded.kind === 'short') {
        if (at < bytes.length) this.#partial = this.#keep(bytes.subarray(at));
        return 'more';
      }
      at += decoded.used;
      scanned = 0;
      const head = decoded.value;
      if (head.status >= 200 || head.status === 101) return this.#takeHead(head, bytes, at, listener);
      this.#informs += 1;
      if (!head.keepAlive) this.#leaves = true;
      if (this.#informs > maxInforms) return this.#broken('too many interim answers');
      listener.answerInform(head.status, head.fields);
      if (this.#listener === null) return 'stopped';
    }
  }

  #takeHead(head: IHttp1Response, bytes: Buffer, at: number, listener: IAnswerListener): TAnswerVerdict {
    const { status, framing } = head;
    if (status === 101 || (this.#method === 'CONNECT' && status < 300)) return this.#switch(head, bytes, at);
    // A target that tired of waiting says so to whatever comes next (RFC 9110 §15.5.9).
    if (status === 408 && this.#served && !head.keepAlive) return 'tired';
    // Content where none may be: nobody can tell whose it is.
    if (framing === 'none' && at < bytes.length) return this.#broken('bytes behind an answer without content');
    this.keepAlive = head.keepAlive && !this.#leaves;
    listener.answerHead(head);
    if (this.#listener === null) return 'stopped';
    if (framing === 'none') return 'complete';
    this.#inContent = true;
    this.#left = framing === 'length' ? head.contentLength : -1;
    this.#chunks = framing === 'chunked' ? new ChunkedReader() : null;
    this.untilClose = framing === 'close';
    return this.#readContent(bytes, at, listener);
  }

  /** The rest of `bytes` is content; there may be none of it yet. */
  #readContent(bytes: Buffer, at: number, listener: IAnswerListener): TAnswerVerdict {
    if (this.#chunks !== null) return this.#readChunks(this.#chunks, bytes, at);
    const { length } = bytes;
    const stop = this.#left < 0 ? length : Math.min(length, at + this.#left);
    if (stop > at) {
      if (this.#left > 0) this.#left -= stop - at;
      listener.answerData(this.#keep(at === 0 && stop === length ? bytes : bytes.subarray(at, stop)));
      if (this.#listener === null) return 'stopped';
    }
    if (this.#left !== 0) return 'more';
    return stop < length ? 'excess' : 'complete';
  }

  #readChunks(chunks: ChunkedReader, bytes: Buffer, at: number): TAnswerVerdict {
    this.#gather ??= new Gather(this.#onChunk);
    const stop = chunks.read(bytes, at, this.#gather.take);
    this.#gather.flush();
    if (this.#listener === null) return 'stopped';
    if (chunks.fault !== null) return this.#broken(chunks.fault);
    if (!chunks.done) return 'more';
    this.#chunks = null;
    this.trailers = chunks.trailers;
    return stop < bytes.length ? 'excess' : 'complete';
  }

  readonly #onChunk = (chunk: Buffer): void => {
    if (this.#listener !== null) this.#listener.answerData(this.#keep(chunk));
  };

  #switch(head: IHttp1Response, bytes: Buffer, at: number): TAnswerVerdict {
    if (head.status === 101 && (this.#upgrade === null || head.upgrade !== this.#upgrade)) {
      return this.#broken('a switch to a protocol that nobody asked for');
    }
    this.head = head;
    this.rest = at < bytes.length ? this.#keep(bytes.subarray(at)) : null;
    return 'switched';
  }

  /** In memory that nobody else uses. */
  #keep(bytes: Buffer): Buffer {
    return this.#lent ? Buffer.from(bytes) : bytes;
  }

  #broken(why: string): TAnswerVerdict {
    this.why = why;
    return 'broken';
  }
}
