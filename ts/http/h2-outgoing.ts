// What one HTTP/2 stream sends: its content as it waits for windows, its end, its place among others.

import type { TFields } from '../codec/http-message.js';

/** The sending half of a stream; h2-send.ts frames what waits in it. */
export abstract class H2Outgoing {
  /** 0 until its header block is sent (target's side): numbers go up in the order of HEADERS (RFC 9113 §5.1.1). */
  id = 0;
  /** Octets that may be sent; below 0 after the peer made its windows smaller (§6.9.2). */
  sendWindow = 0;
  /** Of content that is not framed yet. */
  waitingBytes = 0;
  /** RFC 9218 §4: 0 goes first. */
  urgency = 3;
  /** Asked for as a whole: keeps its turn until all of it is sent. */
  whole = false;
  /** Is in the sender's list. */
  listed = false;
  /** The owner was told to stop. */
  full = false;
  /** The owner has ended it; nothing more will be queued. */
  ending = false;
  trailers: TFields | null = null;
  /** END_STREAM is sent. */
  sentEnd = false;
  #chunks: Uint8Array[] | null = null;
  /** Octets of the first chunk that are framed already. */
  #used = 0;

  /** Content waits no longer than it may: the owner can go on. */
  abstract roomAgain(): void;
  /** END_STREAM is sent. */
  abstract allSent(): void;

  queue(chunk: Uint8Array): void {
    this.#chunks ??= [];
    this.#chunks.push(chunk);
    this.waitingBytes += chunk.length;
  }

  /** Octets of the first chunk that wait. */
  get firstBytes(): number {
    return (this.#chunks?.[0]?.length ?? 0) - this.#used;
  }

  /** At most so many octets that lie together: memory of the chunk's. */
  take(atMost: number): Uint8Array {
    const chunk = this.#chunks?.[0] ?? nothing;
    const from = this.#used;
    const to = Math.min(chunk.length, from + atMost);
    this.waitingBytes -= to - from;
    this.#used = to;
    if (to === chunk.length) {
      this.#chunks?.shift();
      this.#used = 0;
    }
    return from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to);
  }

  /** Nothing that waits is sent any more. @returns how much that was. */
  drop(): number {
    const bytes = this.waitingBytes;
    this.#chunks = null;
    this.#used = 0;
    this.waitingBytes = 0;
    this.trailers = null;
    return bytes;
  }
}

const nothing = new Uint8Array(0);
