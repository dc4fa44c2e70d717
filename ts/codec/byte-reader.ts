// Reads numbers and length-prefixed vectors from a buffer. Running out of bytes is remembered, never thrown, and nothing
// behind the end is ever read: a decoder reads on and asks `failed` where it matters.

const empty = Buffer.alloc(0);

export class ByteReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #failed = false;

  /** Reads `bytes` from `at` up to `end`, which must lie inside. */
  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** True once more was asked for than there was; everything read since is zero or empty. */
  get failed(): boolean {
    return this.#failed;
  }

  /** True if everything was read and nothing was missing. */
  get finished(): boolean {
    return !this.#failed && this.#at === this.#end;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : (this.#bytes[at] ?? 0);
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#bytes.readUInt16BE(at);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#bytes.readUInt32BE(at);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** The next bytes, as a view. */
  slice(length: number): Buffer {
    const at = this.#take(length);
    return at < 0 ? empty : this.#bytes.subarray(at, at + length);
  }

  /** The next bytes as text, one character a byte. */
  latin1(length: number): string {
    const at = this.#take(length);
    return at < 0 ? '' : this.#bytes.toString('latin1', at, at + length);
  }

  /** A reader of the next bytes. */
  sub(length: number): ByteReader {
    const at = this.#take(length);
    return at < 0 ? new ByteReader(empty) : new ByteReader(this.#bytes, at, at + length);
  }

  #take(length: number): number {
    const at = this.#at;
    if (this.#failed || this.#end - at < length) {
      this.#failed = true;
      this.#at = this.#end;
      return -1;
    }
    this.#at = at + length;
    return at;
  }
}
