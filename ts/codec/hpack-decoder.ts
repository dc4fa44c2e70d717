// Header blocks of HTTP/2 to field lists (RFC 7541): the decoder of one connection.

import { decodeHuffman, mostDecoded } from './hpack-huffman.js';
import { indexing, isSecret, lastStatic, staticNames, staticValues } from './hpack-static.js';
import { entryBytes, HpackTable } from './hpack-table.js';
import { markNeverIndexed } from './never-indexed.js';

export interface IHpackLimits {
  /** What we announce as SETTINGS_HEADER_TABLE_SIZE. Until the peer has acknowledged it, the usual 4096 are good as well. */
  readonly maxTableBytes: number;
  /** RFC 9113 §6.5.2: of each field name, value and 32. */
  readonly maxListBytes: number;
  readonly maxFields: number;
}

/** RFC 9113 §6.5.2: SETTINGS_HEADER_TABLE_SIZE before anybody said anything. */
const usualTableBytes = 4096;

/** RFC 7541 §4.2: the smallest on the way, and the final one. */
const maxResizes = 2;

/** Octets behind an integer's prefix (RFC 7541 §5.1): 28 bits, more than any block has octets. */
const maxIntegerShift = 21;

/** What Huffman code is decoded into, of all connections. */
let scratch = Buffer.allocUnsafeSlow(1024);

export class HpackDecoder {
  readonly #table = new HpackTable(usualTableBytes);
  readonly #maxListBytes: number;
  readonly #maxLength: number;
  /** What the peer may make of the table. */
  #maxTableBytes: number;
  /** RFC 7541 §4.2: the next block begins with a size that is not above; -1: it need not. */
  #mustResizeTo = -1;
  #tooLarge = false;
  /** Of the block that is being decoded: the place, and what is left of the list's limit. */
  #at = 0;
  #room = 0;
  /** Of the string that was read last. */
  #text = '';
  #length = 0;

  constructor(limits: IHpackLimits) {
    this.#maxTableBytes = Math.max(limits.maxTableBytes, usualTableBytes);
    this.#maxListBytes = limits.maxListBytes;
    this.#maxLength = 2 * limits.maxFields;
  }

  /** The list of the last block was over a limit: what `decode` gave is not complete. The table is right all the same. */
  get tooLarge(): boolean {
    return this.#tooLarge;
  }

  /** What the dynamic table holds now, counted as RFC 7541 §4.1 does. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /**
   * The peer has acknowledged this SETTINGS_HEADER_TABLE_SIZE. Its next block begins with a smaller size, if the table's was larger
   * (RFC 9113 §4.3.1).
   */
  setMaxTableBytes(bytes: number): void {
    this.#maxTableBytes = bytes;
    if (bytes >= this.#table.maxBytes) return;
    this.#mustResizeTo = this.#mustResizeTo < 0 ? bytes : Math.min(this.#mustResizeTo, bytes);
  }

  /**
   * Names and values in turn, one character an octet; the list is the caller's. null: the block is malformed, and with it the
   * connection (COMPRESSION_ERROR).
   */
  decode(block: Buffer): string[] | null {
    const fields: string[] = [];
    this.#room = this.#maxListBytes;
    this.#tooLarge = false;
    this.#at = 0;
    if (!this.#resizes(block)) return null;
    const table = this.#table;
    while (this.#at < block.length) {
      const octet = block[this.#at] as number;
      if (octet < 0x80) {
        // A new size behind a field (RFC 7541 §4.2).
        if (octet >= 0x20 && octet < 0x40) return null;
        if (!this.#literal(block, fields, octet)) return null;
        continue;
      }
      let index = octet & 0x7f;
      if (index < 0x7f) this.#at++;
      else index = this.#integer(block, 7);
      const nth = index - lastStatic - 1;
      if (index <= 0 || nth >= table.count) return null;
      if (nth < 0) this.#take(fields, staticNames[index] as string, staticValues[index] as string);
      else this.#take(fields, table.name(nth), table.value(nth));
    }
    return fields;
  }

  /** Changes of the table's size, which begin a block or do not come (RFC 7541 §4.2, §6.3). */
  #resizes(block: Buffer): boolean {
    let resizes = 0;
    while (this.#at < block.length && ((block[this.#at] as number) & 0xe0) === 0x20) {
      const bytes = this.#integer(block, 5);
      if (bytes < 0 || bytes > this.#maxTableBytes || ++resizes > maxResizes) return false;
      if (this.#mustResizeTo >= 0 && bytes > this.#mustResizeTo) return false;
      this.#mustResizeTo = -1;
      this.#table.resize(bytes);
    }
    return this.#mustResizeTo < 0;
  }

  /** RFC 7541 §6.2; `octet`: the first, which says whether the field becomes an entry. False: it is malformed. */
  #literal(block: Buffer, fields: string[], octet: number): boolean {
    const table = this.#table;
    const adds = octet >= indexing.add;
    // Nobody asks for the text of what is longer than this.
    const most = adds ? Math.max(this.#room, table.maxBytes) : this.#room;
    const index = this.#integer(block, adds ? 6 : 4);
    const nth = index - lastStatic - 1;
    if (index < 0 || nth >= table.count) return false;
    let name = '';
    let bytes = entryBytes;
    if (index === 0) {
      if (!this.#string(block, most)) return false;
      name = this.#text;
      bytes += this.#length;
    } else {
      name = nth < 0 ? (staticNames[index] as string) : table.name(nth);
      bytes += name.length;
    }
    if (!this.#string(block, most)) return false;
    bytes += this.#length;
    if (adds && table.makeRoom(bytes)) table.add(name, this.#text);
    if (bytes > this.#room) this.#overflow();
    else this.#take(fields, name, this.#text);
    // Of those that we never index either nothing has to be kept.
    if (!adds && octet >= indexing.never && !isSecret(name)) markNeverIndexed(fields, name);
    return true;
  }

  /** To the list, as long as that is within its limits. */
  #take(fields: string[], name: string, value: string): void {
    const room = this.#room - name.length - value.length - entryBytes;
    if (room < 0 || fields.length >= this.#maxLength) {
      this.#overflow();
      return;
    }
    this.#room = room;
    fields.push(name, value);
  }

  #overflow(): void {
    this.#tooLarge = true;
    this.#room = 0;
  }

  /** RFC 7541 §5.2, into `#text`, if it has at most so many octets, and `#length`. False: it is malformed. */
  #string(block: Buffer, most: number): boolean {
    if (this.#at >= block.length) return false;
    const isHuffman = (block[this.#at] as number) >= 0x80;
    const octets = this.#integer(block, 7);
    const from = this.#at;
    const end = from + octets;
    if (octets < 0 || end > block.length) return false;
    this.#at = end;
    if (!isHuffman) {
      this.#length = octets;
      this.#text = octets === 0 || octets > most ? '' : latin1(block, from, end);
      return true;
    }
    const need = Math.min(mostDecoded(octets), most);
    if (need > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * need);
    const length = decodeHuffman(block, from, end, scratch);
    if (length < 0) return false;
    this.#length = length;
    this.#text = length === 0 || length > most ? '' : latin1(scratch, 0, length);
    return true;
  }

  /** RFC 7541 §5.1, with a prefix of so many bits. -1: it does not end, or is larger than anything that we take. */
  #integer(block: Buffer, prefix: number): number {
    const full = (1 << prefix) - 1;
    let value = (block[this.#at++] as number) & full;
    if (value < full) return value;
    for (let shift = 0; shift <= maxIntegerShift; shift += 7) {
      if (this.#at >= block.length) return -1;
      const octet = block[this.#at++] as number;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    return -1;
  }
}

const latin1 = (bytes: Buffer, from: number, to: number): string => bytes.toString('latin1', from, to);
