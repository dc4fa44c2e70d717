// Which streams of a connection live, and of those that do not, what has to be known of them (RFC 9113 §5.1).

import type { H2Stream } from './h2-stream.js';

/**
 * So many numbers of streams that we reset are remembered: what the peer sent before it knew is let pass. Whoever resets more at
 * once can tell no more of the oldest how they ended.
 */
const maxReset = 512;
/** Of the numbers that the peer left out; only for telling which fault it makes when it uses one later. */
const maxSkipped = 16;

export class H2Table {
  readonly live = new Map<number, H2Stream>();
  /** The highest number of a stream that the peer opened, that we opened. */
  lastPeer = 0;
  lastOwn = 0;
  readonly #isServer: boolean;
  #reset: Set<number> | null = null;
  /** The highest that is not remembered any more. */
  #forgotten = 0;
  /** First and last in turn. */
  #skipped: number[] | null = null;

  constructor(isServer: boolean) {
    this.#isServer = isServer;
  }

  /** Streams with odd numbers are the client's (§5.1.1). */
  isPeers(id: number): boolean {
    return (id & 1) === (this.#isServer ? 1 : 0);
  }

  /** No frame of it was ever sent or received. */
  isIdle(id: number): boolean {
    return this.isPeers(id) ? id > this.lastPeer : id > this.lastOwn;
  }

  opened(id: number): void {
    if (id > this.lastPeer + 2 && this.lastPeer > 0) {
      this.#skipped ??= [];
      this.#skipped.push(this.lastPeer + 2, id - 2);
      if (this.#skipped.length > maxSkipped * 2) this.#skipped.splice(0, 2);
    } else if (this.lastPeer === 0 && id > 1) this.#skipped = [1, id - 2];
    this.lastPeer = id;
  }

  /** It became closed without ever being used, when a higher one was opened. */
  wasSkipped(id: number): boolean {
    const skipped = this.#skipped ?? [];
    for (let at = 0; at < skipped.length; at += 2) {
      if (id >= (skipped[at] as number) && id <= (skipped[at + 1] as number)) return true;
    }
    return false;
  }

  /** We have sent RST_STREAM for it, or may have. */
  wasReset(id: number): boolean {
    return id <= this.#forgotten || (this.#reset?.has(id) ?? false);
  }

  rememberReset(id: number): void {
    this.#reset ??= new Set();
    this.#reset.add(id);
    if (this.#reset.size <= maxReset) return;
    const [oldest] = this.#reset;
    if (oldest === undefined) return;
    this.#reset.delete(oldest);
    this.#forgotten = Math.max(this.#forgotten, oldest);
  }
}
