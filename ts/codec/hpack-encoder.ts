// Field lists to header blocks of HTTP/2 (RFC 7541): the encoder of one connection, with its dynamic table.
// Which fields become entries: hpack-static.ts, and docs/decisions/hpack.md for the reasons.

import { encodeHuffman, huffmanLength } from './hpack-huffman.js';
import { indexing, knownNames, lastStatic, staticValues, type TIndexing, unknownName } from './hpack-static.js';
import { entryBytes } from './hpack-table.js';
import type { TFields } from './http-message.js';
import { neverIndexed } from './never-indexed.js';

/** Where bytes are written. */
export interface IByteSink {
  buffer: Buffer;
  at: number;
  /** Makes room for so many bytes behind `at`; may replace `buffer`. */
  room(bytes: number): void;
}

/** Of our table, however much the peer allows: what stands for most connections, and bounds what one costs us. */
const maxTableBytes = 4096;

/** Powers of two, up to as many entries as have room; most connections stay with the first. */
const firstSlots = 16;

/** Entries of one name that are compared. */
const maxTries = 8;

/** What a field takes beyond its octets: three integers of RFC 7541 §5.1, and a new size before the first. */
const mostExtra = 24;

/** Longer ones, and those with a query, are seldom asked for again. */
const maxPathLength = 64;

/** Of encoders without entries: never written to. */
const noTexts: string[] = [];
const noPlaces: number[] = [];

export class HpackEncoder {
  /** By slot, where the entry that was added as the n-th is at `n & #mask`. Made when the first comes. */
  #names: string[] = noTexts;
  #values: string[] = noTexts;
  /** Which entry of the same name was added before; -1: none. */
  #previous: number[] = noPlaces;
  #mask = -1;
  /** The newest entry of each name; null: nothing was added yet. */
  #newest: Map<string, number> | null = null;
  /** How many were ever added, and how many of these are still there. */
  #added = 0;
  #count = 0;
  #bytes = 0;
  /** What the peer was told, or takes for granted. */
  #maxBytes = maxTableBytes;
  /** What it is to be told at the next block, and the smallest that it has allowed until then (RFC 7541 §4.2). */
  #wantedBytes = maxTableBytes;
  #smallestBytes = maxTableBytes;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, once we have acknowledged it. */
  setMaxTableBytes(bytes: number): void {
    this.#wantedBytes = Math.min(bytes, maxTableBytes);
    this.#smallestBytes = Math.min(this.#smallestBytes, this.#wantedBytes);
  }

  /** Names are in lower case, one character an octet. */
  encode(fields: TFields, sink: IByteSink): void {
    let most = mostExtra;
    for (let i = 0; i < fields.length; i += 2) {
      most += (fields[i] as string).length + (fields[i + 1] as string).length + mostExtra;
    }
    sink.room(most);
    const buffer = sink.buffer;
    let at = sink.at;
    if (this.#wantedBytes !== this.#maxBytes || this.#smallestBytes < this.#maxBytes) at = this.#resize(buffer, at);
    const never = neverIndexed(fields);
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      if (never?.has(name)) at = this.#marked(name, fields[i + 1] as string, buffer, at);
      else at = this.#field(name, fields[i + 1] as string, buffer, at);
    }
    sink.at = at;
  }

  #resize(buffer: Buffer, from: number): number {
    let at = from;
    const smallest = this.#smallestBytes;
    if (smallest < this.#wantedBytes && smallest < this.#maxBytes) {
      this.#evict(smallest);
      at = writeInteger(buffer, at, 0x20, 31, smallest);
    }
    this.#maxBytes = this.#wantedBytes;
    this.#smallestBytes = this.#wantedBytes;
    this.#evict(this.#maxBytes);
    return writeInteger(buffer, at, 0x20, 31, this.#maxBytes);
  }

  /** Gives the place behind it. */
  #field(name: string, value: string, buffer: Buffer, at: number): number {
    let place = this.#newest?.get(name) ?? -1;
    let nameIndex = place < 0 ? 0 : lastStatic + this.#added - place;
    const oldest = this.#added - this.#count;
    for (let tries = maxTries; place >= oldest && tries > 0; tries--) {
      if (this.#values[place & this.#mask] === value) {
        return writeInteger(buffer, at, 0x80, 127, lastStatic + this.#added - place);
      }
      place = this.#previous[place & this.#mask] as number;
    }
    const known = knownNames.get(name) ?? unknownName;
    if (known.index > 0) {
      nameIndex = known.index;
      for (let nth = 0; nth < known.values; nth++) {
        if (staticValues[nameIndex + nth] === value) return writeInteger(buffer, at, 0x80, 127, nameIndex + nth);
      }
    }
    const kind = this.#isWorthAdding(name, value, known.indexing) ? indexing.add : known.indexing & indexing.never;
    let end = writeInteger(buffer, at, kind, kind === indexing.add ? 63 : 15, nameIndex);
    if (nameIndex === 0) end = writeString(name, buffer, end);
    if (kind === indexing.add) this.#add(name, value);
    return writeString(value, buffer, end);
  }

  /** RFC 7541 §6.2.3: that, even where the same field is an entry for another's sake. Its name may be said by an index. */
  #marked(name: string, value: string, buffer: Buffer, at: number): number {
    const place = this.#newest?.get(name) ?? -1;
    const { index } = knownNames.get(name) ?? unknownName;
    const nameIndex = index > 0 || place < 0 ? index : lastStatic + this.#added - place;
    let end = writeInteger(buffer, at, indexing.never, 15, nameIndex);
    if (nameIndex === 0) end = writeString(name, buffer, end);
    return writeString(value, buffer, end);
  }

  #isWorthAdding(name: string, value: string, kind: TIndexing): boolean {
    if (kind !== indexing.add) return false;
    // One that would push out most others.
    if ((name.length + value.length + entryBytes) * 4 > this.#maxBytes * 3) return false;
    return name !== ':path' || (value.length <= maxPathLength && !value.includes('?'));
  }

  #add(name: string, value: string): void {
    const bytes = name.length + value.length + entryBytes;
    this.#evict(this.#maxBytes - bytes);
    if (this.#count > this.#mask) this.#grow();
    const ownName = detached(name);
    const slot = this.#added & this.#mask;
    this.#names[slot] = ownName;
    this.#values[slot] = detached(value);
    this.#newest ??= new Map();
    this.#previous[slot] = this.#newest.get(name) ?? -1;
    this.#newest.set(ownName, this.#added);
    this.#added++;
    this.#count++;
    this.#bytes += bytes;
  }

  #evict(maxBytes: number): void {
    while (this.#bytes > maxBytes && this.#count > 0) {
      const oldest = this.#added - this.#count;
      const slot = oldest & this.#mask;
      const name = this.#names[slot] as string;
      this.#bytes -= name.length + (this.#values[slot] as string).length + entryBytes;
      if (this.#newest?.get(name) === oldest) this.#newest.delete(name);
      this.#names[slot] = '';
      this.#values[slot] = '';
      this.#count--;
    }
  }

  #grow(): void {
    const [names, values, previous, mask] = [this.#names, this.#values, this.#previous, this.#mask];
    const slots = Math.max(firstSlots, 2 * (mask + 1));
    this.#names = new Array<string>(slots).fill('');
    this.#values = new Array<string>(slots).fill('');
    this.#previous = new Array<number>(slots).fill(-1);
    this.#mask = slots - 1;
    for (let place = this.#added - this.#count; place < this.#added; place++) {
      const slot = place & this.#mask;
      this.#names[slot] = names[place & mask] as string;
      this.#values[slot] = values[place & mask] as string;
      this.#previous[slot] = previous[place & mask] as number;
    }
  }
}

/** RFC 7541 §5.1: `flags` stand above a prefix whose bits are all set in `full`. Gives the place behind it. */
function writeInteger(buffer: Buffer, from: number, flags: number, full: number, value: number): number {
  let at = from;
  if (value < full) {
    buffer[at] = flags | value;
    return at + 1;
  }
  buffer[at++] = flags | full;
  let rest = value - full;
  for (; rest >= 0x80; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80;
  buffer[at] = rest;
  return at + 1;
}

/** RFC 7541 §5.2, in the shorter form. */
function writeString(text: string, buffer: Buffer, from: number): number {
  const coded = huffmanLength(text);
  if (coded < text.length) return encodeHuffman(text, buffer, writeInteger(buffer, from, 0x80, 127, coded));
  let at = writeInteger(buffer, from, 0, 127, text.length);
  for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
  return at;
}

/** Shorter texts are never cut out of others. */
const maxWholeLength = 12;

const scratch = Buffer.allocUnsafeSlow(maxTableBytes);

/** The same text in memory of its own: one that was cut out of a head would keep all of that head alive. */
function detached(text: string): string {
  if (text.length <= maxWholeLength) return text;
  return scratch.toString('latin1', 0, scratch.write(text, 0, 'latin1'));
}
