// Content that came and that nobody asks for yet. Many small parts take little more memory than they are long.

/** Parts below this are copied together. */
const smallBytes = 4_096;

export class H2Held {
  bytes = 0;
  readonly #chunks: Buffer[] = [];
  /** The last of them, if it has room. */
  #tail: Buffer | null = null;
  #tailBytes = 0;

  /** `lent`: the memory is used again. */
  add(piece: Buffer, lent: boolean): void {
    this.bytes += piece.length;
    if (piece.length >= smallBytes) {
      this.#closeTail();
      this.#chunks.push(lent ? Buffer.from(piece) : piece);
      return;
    }
    for (let from = 0; from < piece.length; ) from += this.#append(piece, from);
  }

  take(): Buffer {
    if (this.#chunks.length === 0) this.#closeTail();
    const chunk = this.#chunks.shift() ?? nothing;
    this.bytes -= chunk.length;
    return chunk;
  }

  #append(piece: Buffer, from: number): number {
    if (this.#tail === null) {
      // As large as what is there already: few parts where much comes, little memory where little does.
      this.#tail = Buffer.allocUnsafeSlow(Math.max(piece.length - from, Math.min(this.bytes, smallBytes)));
      this.#tailBytes = 0;
    }
    const bytes = piece.copy(this.#tail, this.#tailBytes, from);
    this.#tailBytes += bytes;
    if (this.#tailBytes === this.#tail.length) this.#closeTail();
    return bytes;
  }

  #closeTail(): void {
    if (this.#tail !== null) this.#chunks.push(this.#tail.subarray(0, this.#tailBytes));
    this.#tail = null;
  }
}

const nothing = Buffer.alloc(0);
