// The content of one HTTP/1.1 request as it comes off the socket: how much of it is still to come.

import type { TFields } from '../codec/http-message.js';
import { ChunkedReader } from '../codec/http1-chunked.js';
import { Gather } from './gather.js';

export class RequestContent {
  /** Of a known length: bytes to come. */
  #left = 0;
  #chunked: ChunkedReader | null = null;
  /** Made for the first chunked content; `deliver` is the same for all. */
  #gather: Gather | null = null;

  /** `length` as in IRequestHead: -1 is chunked. */
  begin(length: number): void {
    this.#left = Math.max(length, 0);
    this.#chunked = length < 0 ? new ChunkedReader() : null;
  }

  get done(): boolean {
    return this.#left === 0 && (this.#chunked === null || this.#chunked.done);
  }

  /** Why it cannot be understood; null while it can. */
  get fault(): string | null {
    return this.#chunked === null ? null : this.#chunked.fault;
  }

  get trailers(): TFields | null {
    return this.#chunked === null ? null : this.#chunked.trailers;
  }

  /** Chunks, or parts of some, since this was asked last. */
  countPieces(): number {
    return this.#gather === null ? 0 : this.#gather.countPieces();
  }

  /** Bytes to come, as far as known; more than any limit where that is not known. */
  get left(): number {
    if (this.#chunked !== null && !this.#chunked.done) return Number.POSITIVE_INFINITY;
    return this.#left;
  }

  /** Gives the content in `bytes` from `at` on to `deliver`; the place behind what it took. */
  read(bytes: Buffer, at: number, deliver: (chunk: Buffer) => void): number {
    if (this.#chunked !== null) return this.#readChunks(this.#chunked, bytes, at, deliver);
    const end = Math.min(bytes.length, at + this.#left);
    if (end === at) return at;
    this.#left -= end - at;
    deliver(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    return end;
  }

  #readChunks(chunked: ChunkedReader, bytes: Buffer, at: number, deliver: (chunk: Buffer) => void): number {
    this.#gather ??= new Gather(deliver);
    const used = chunked.read(bytes, at, this.#gather.take);
    this.#gather.flush();
    return used;
  }
}
