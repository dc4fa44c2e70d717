// Chunked content (RFC 9112 §7.1), read from any pieces: data comes out as it is, extensions are dropped, trailers kept.

import type { TFields } from './http-message.js';
import { tokenOctets, valueOctets } from './http-octets.js';
import { TrailerSection } from './http1-trailers.js';

export interface IChunkLimits {
  /** Of all extensions of one message. */
  readonly maxExtensionBytes: number;
  readonly maxTrailerBytes: number;
  readonly maxTrailers: number;
}

export const chunkLimits: IChunkLimits = { maxExtensionBytes: 4096, maxTrailerBytes: 8192, maxTrailers: 64 };

/** More hexadecimal digits, leading zeros among them, would not be exact as a number. */
const maxSizeDigits = 13;

const step = {
  size: 0,
  /** Behind digits: `;` or CR. */
  sizeEnd: 1,
  sizeLf: 2,
  extensionName: 3,
  extensionValue: 4,
  extensionToken: 5,
  extensionQuoted: 6,
  extensionEscaped: 7,
  extensionEnd: 8,
  data: 9,
  dataCr: 10,
  dataLf: 11,
  trailers: 12,
  done: 13,
  broken: 14,
} as const;
type TStep = (typeof step)[keyof typeof step];

const cr = 13;
const lf = 10;
const semicolon = 59;
const equals = 61;
const quote = 34;
const backslash = 92;

/** Reads one message's content. */
export class ChunkedReader {
  readonly #limits: IChunkLimits;
  #step: TStep = step.size;
  /** Of the present chunk: digits read, its size, then how much of it is still to come. */
  #digits = 0;
  #left = 0;
  #extensionRoom: number;
  /** True if the present extension has a name. */
  #named = false;
  #section: TrailerSection | null = null;
  #fault: string | null = null;

  constructor(limits: IChunkLimits = chunkLimits) {
    this.#limits = limits;
    this.#extensionRoom = limits.maxExtensionBytes;
  }

  get done(): boolean {
    return this.#step === step.done;
  }

  /** Those that may be believed and passed on; null: there are none. */
  get trailers(): TFields | null {
    const fields = this.#section?.fields;
    return fields !== undefined && fields.length > 0 && this.done ? fields : null;
  }

  /** Why it cannot go on; null as long as it can. What `data` got before stands. */
  get fault(): string | null {
    return this.#fault;
  }

  /**
   * Gives `data` parts of `bytes` itself, never copies. Returns the place behind what it took: the end of `bytes`; of the content,
   * once `done`; or of what was still right, if there is a `fault`.
   */
  read(bytes: Buffer, from: number, data: (chunk: Buffer) => void): number {
    let at = from;
    while (at < bytes.length && this.#step < step.done) {
      if (this.#step === step.data) {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        if (this.#left === 0) this.#step = step.dataCr;
        data(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
        at = end;
      } else {
        const octet = bytes[at] as number;
        if (this.#step === step.trailers) this.#readTrailer(octet);
        else if (this.#step <= step.sizeLf || this.#step >= step.dataCr) this.#readFrame(octet);
        else this.#readExtension(octet);
        if (this.#fault !== null) break;
        at++;
      }
    }
    return at;
  }

  #readFrame(octet: number): void {
    switch (this.#step) {
      case step.size:
        return this.#readSize(octet);
      case step.sizeEnd:
        if (octet === semicolon) return this.#beginExtension();
        return octet === cr ? this.#go(step.sizeLf) : this.#refuse('chunk size');
      case step.sizeLf:
        if (octet !== lf) return this.#refuse('bare CR behind a chunk size');
        this.#digits = 0;
        return this.#go(this.#left === 0 ? step.trailers : step.data);
      case step.dataCr:
        return octet === cr ? this.#go(step.dataLf) : this.#refuse('more data than the chunk size says');
      default:
        return octet === lf ? this.#go(step.size) : this.#refuse('bare CR behind chunk data');
    }
  }

  #readSize(octet: number): void {
    const digit = hexValues[octet] as number;
    if (digit < 16) {
      if (++this.#digits > maxSizeDigits) return this.#refuse('chunk size too long');
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#digits === 0) return this.#refuse('chunk size');
    this.#step = step.sizeEnd;
    this.#readFrame(octet);
  }

  #beginExtension(): void {
    this.#named = false;
    this.#step = step.extensionName;
  }

  /**
   * RFC 9112 §7.1.1 without the white space that only tolerant readers allow there. What is read is dropped; it is read because
   * an end of line that is hidden in it would be seen by others.
   */
  #readExtension(octet: number): void {
    if (--this.#extensionRoom < 0) return this.#refuse('chunk extensions too large');
    const isTokenOctet = tokenOctets[octet] === 1;
    switch (this.#step) {
      case step.extensionName:
        if (isTokenOctet) this.#named = true;
        else if (!this.#named) this.#refuse('chunk extension');
        else if (octet === equals) this.#step = step.extensionValue;
        else this.#endExtension(octet);
        return;
      case step.extensionValue:
        if (octet !== quote && !isTokenOctet) return this.#refuse('chunk extension');
        return this.#go(octet === quote ? step.extensionQuoted : step.extensionToken);
      case step.extensionToken:
        if (!isTokenOctet) this.#endExtension(octet);
        return;
      case step.extensionQuoted:
        if (octet === quote) return this.#go(step.extensionEnd);
        if (octet === backslash) return this.#go(step.extensionEscaped);
        if (valueOctets[octet] !== 1) this.#refuse('chunk extension');
        return;
      case step.extensionEscaped:
        return valueOctets[octet] === 1 ? this.#go(step.extensionQuoted) : this.#refuse('chunk extension');
      default:
        return this.#endExtension(octet);
    }
  }

  #endExtension(octet: number): void {
    if (octet === semicolon) this.#beginExtension();
    else if (octet === cr) this.#step = step.sizeLf;
    else this.#refuse('chunk extension');
  }

  #readTrailer(octet: number): void {
    this.#section ??= new TrailerSection(this.#limits.maxTrailerBytes, this.#limits.maxTrailers);
    this.#section.take(octet);
    if (this.#section.fault !== null) this.#refuse(this.#section.fault);
    else if (this.#section.done) this.#step = step.done;
  }

  #go(next: TStep): void {
    this.#step = next;
  }

  #refuse(why: string): void {
    this.#fault = why;
    this.#step = step.broken;
  }
}

const hexValues = Uint8Array.from({ length: 256 }, (_, octet) => {
  const digit = Number.parseInt(String.fromCharCode(octet), 16);
  return Number.isNaN(digit) ? 255 : digit;
});
