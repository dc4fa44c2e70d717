// Content of requests that is kept so that it can be sent again. It is copied: what it is a part of is not kept with it, and
// pieces of a byte each take no more than a large one.

const blockBytes = 4_096;
/** Of all requests together: a client may begin as many as it likes and end none. What comes beyond that is not sent again. */
const mostBytesInAll = 67_108_864;

/** What all requests of a proxy keep. */
export class HeldBytes {
  readonly #most: number;
  #bytes = 0;

  constructor(most = mostBytesInAll) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False: there is no room. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#most) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** Of one request. */
export class HeldContent {
  readonly #all: HeldBytes;
  readonly #most: number;
  #blocks: Buffer[] = [];
  /** Of the last block. */
  #room = 0;
  #bytes = 0;
  #taken = 0;

  /** @param most bytes of content */
  constructor(all: HeldBytes, most: number) {
    this.#all = all;
    this.#most = most;
  }

  /** False: it is more than is kept. What was kept of it before is still there. */
  add(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#most) return false;
    const last = this.#blocks.at(-1);
    const fits = last === undefined ? 0 : chunk.copy(last, last.length - this.#room);
    this.#room -= fits;
    if (fits === chunk.length) return true;
    const rest = chunk.length - fits;
    const bytes = Math.max(rest, Math.min(blockBytes, rest + this.#most - this.#bytes));
    if (!this.#all.take(bytes)) return false;
    this.#taken += bytes;
    const block = Buffer.allocUnsafeSlow(bytes);
    this.#room = bytes - chunk.copy(block, 0, fits);
    this.#blocks.push(block);
    return true;
  }

  /** All of it, in pieces. */
  get pieces(): readonly Buffer[] {
    const end = this.#blocks.length - 1;
    return this.#blocks.map((block, at) => (at === end ? block.subarray(0, block.length - this.#room) : block));
  }

  /** It is not needed any more. */
  release(): void {
    this.#all.give(this.#taken);
    this.#taken = 0;
    this.#blocks = [];
    this.#room = 0;
  }
}
