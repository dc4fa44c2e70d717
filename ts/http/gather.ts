// Content that comes in small pieces, each in a chunk of its own, gathered into larger ones before anybody hears of it: what is done
// once a piece costs much more than the piece.

/** What is as large goes on by itself. */
const smallBytes = 512;
const gatheredBytes = 8_192;

/** To be flushed before its caller returns: nothing waits for more. */
export class Gather {
  readonly #deliver: (chunk: Buffer) => void;
  /** A first small piece, as it lies; there may be no second. */
  #first: Buffer | null = null;
  #gathered: Buffer | null = null;
  #length = 0;
  #pieces = 0;

  constructor(deliver: (chunk: Buffer) => void) {
    this.#deliver = deliver;
  }

  readonly take = (chunk: Buffer): void => {
    this.#pieces++;
    if (chunk.length >= smallBytes) {
      this.flush();
      this.#deliver(chunk);
    } else if (this.#first === null && this.#gathered === null) {
      this.#first = chunk;
    } else {
      this.#add(chunk);
    }
  };

  /** Pieces since this was asked last. */
  countPieces(): number {
    const pieces = this.#pieces;
    this.#pieces = 0;
    return pieces;
  }

  flush(): void {
    const first = this.#first;
    const gathered = this.#gathered;
    const length = this.#length;
    this.#first = null;
    this.#gathered = null;
    this.#length = 0;
    if (gathered !== null) this.#deliver(gathered.subarray(0, length));
    else if (first !== null) this.#deliver(first);
  }

  #add(chunk: Buffer): void {
    if (this.#length + chunk.length > gatheredBytes) {
      this.flush();
      this.#first = chunk;
      return;
    }
    // Whoever gets it keeps it: each time another.
    this.#gathered ??= Buffer.allocUnsafe(gatheredBytes);
    if (this.#first !== null) {
      this.#length += this.#first.copy(this.#gathered, this.#length);
      this.#first = null;
    }
    // For an octet or two a copy by Buffer costs more than all else.
    if (chunk.length > 8) this.#length += chunk.copy(this.#gathered, this.#length);
    else for (let at = 0; at < chunk.length; at++) this.#gathered[this.#length++] = chunk[at] as number;
  }
}
