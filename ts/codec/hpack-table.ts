// The dynamic table of a decoder (RFC 7541 §2.3.2, §4): a ring of names and values, made when the first entry comes.

/** RFC 7541 §4.1: what an entry counts for beyond its octets. */
export const entryBytes = 32;

const firstSlots = 16;

/** Of tables without entries: never written to. */
const nothing: string[] = [];

export class HpackTable {
  /** By slot; their number is a power of two. */
  #names: string[] = nothing;
  #values: string[] = nothing;
  #mask = -1;
  /** The slot that the next entry takes. */
  #next = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** `nth`: 0 is the newest, below `count`. */
  name(nth: number): string {
    return this.#names[(this.#next - 1 - nth) & this.#mask] as string;
  }

  value(nth: number): string {
    return this.#values[(this.#next - 1 - nth) & this.#mask] as string;
  }

  /** Entries that do not fit any more leave (RFC 7541 §4.3). */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evict(maxBytes);
    if (this.#count > 0) return;
    this.#names = nothing;
    this.#values = nothing;
    this.#mask = -1;
    this.#next = 0;
  }

  /** Room for an entry of so many bytes (RFC 7541 §4.4). False: it is larger than the table, which is empty then. */
  makeRoom(bytes: number): boolean {
    this.#evict(this.#maxBytes - bytes);
    return bytes <= this.#maxBytes;
  }

  /** After `makeRoom` was true for it. */
  add(name: string, value: string): void {
    if (this.#count > this.#mask) this.#grow();
    this.#names[this.#next] = name;
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) & this.#mask;
    this.#count++;
    this.#bytes += name.length + value.length + entryBytes;
  }

  #evict(maxBytes: number): void {
    while (this.#bytes > maxBytes && this.#count > 0) {
      const slot = (this.#next - this.#count) & this.#mask;
      this.#bytes -= (this.#names[slot] as string).length + (this.#values[slot] as string).length + entryBytes;
      this.#names[slot] = '';
      this.#values[slot] = '';
      this.#count--;
    }
  }

  #grow(): void {
    const names: string[] = [];
    const values: string[] = [];
    for (let nth = this.#count - 1; nth >= 0; nth--) {
      names.push(this.name(nth));
      values.push(this.value(nth));
    }
    const slots = Math.max(firstSlots, 2 * this.#count);
    for (let slot = this.#count; slot < slots; slot++) {
      names.push('');
      values.push('');
    }
    this.#names = names;
    this.#values = values;
    this.#mask = slots - 1;
    this.#next = this.#count;
  }
}
