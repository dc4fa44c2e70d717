// Reads the requests of an HTTP/1.1 connection: bytes in, heads and content out, at the pace that it is told.

import type { IRequestHead, TFields } from '../codec/http-message.js';
import { decodeRequestHead, type IHeadLimits } from '../codec/http1-request.js';
import { RequestContent } from './request-content.js';

/** Whoever reads. Each call may change the reader's mode. */
export interface IReaderListener {
  /** The first bytes of a head are there, and the last are not. */
  headBegun(): void;
  /** `content` of it follows; it waits until the mode says otherwise. */
  headRead(head: IRequestHead): void;
  contentRead(chunk: Buffer): void;
  /** The content was read, or discarded, to its end. */
  contentEnded(trailers: TFields | null): void;
  /** It is no request, or no content of one: nothing behind it can be understood. */
  malformed(status: number, why: string): void;
  /** So many bytes wait that no more should come. */
  enough(): void;
  /** A call of the listener threw: a defect. */
  threw(error: unknown): void;
}

/** What the next bytes are for. `wait`: for later. `over`: for nobody. */
export type TReading = 'head' | 'content' | 'discard' | 'wait' | 'over';

/** In one read: a millisecond of work is some ten thousand. */
const manyPieces = 1_000;

/** Bytes that may wait, of content that nobody asks for or of further requests. */
const waitingBytes = 16_384;

export class RequestReader {
  mode: TReading = 'head';
  readonly #limits: IHeadLimits;
  readonly #listener: IReaderListener;
  readonly #content = new RequestContent();
  readonly #deliver: (chunk: Buffer) => void;
  /** Came and not understood yet. */
  #rest: Buffer | null;
  /** It lies in memory that will be used again. */
  #lent = false;
  /** How much of it is known not to be the end of a head. */
  #scanned = 0;
  #requests = 0;
  /** What came with the first head, while that is told. */
  #first: Buffer | null = null;
  #reading = false;

  constructor(limits: IHeadLimits, bytes: Buffer | null, listener: IReaderListener) {
    this.#limits = limits;
    this.#rest = bytes;
    this.#listener = listener;
    this.#deliver = (chunk) => {
      if (this.mode !== 'discard') listener.contentRead(this.#lent ? Buffer.from(chunk) : chunk);
    };
  }

  /** Heads that were read. */
  get requests(): number {
    return this.#requests;
  }

  /** Whether bytes wait. */
  get waits(): boolean {
    return this.#rest !== null;
  }

  /** Whether all content of the present request was read. */
  get contentDone(): boolean {
    return this.#content.done;
  }

  /** Bytes of it to come, as far as that is known; else more than any limit. */
  get contentLeft(): number {
    return this.#content.left;
  }

  /** Within `headRead` of the first request: its head and all that came behind it. */
  get original(): Buffer | null {
    return this.#first === null ? null : Buffer.from(this.#first);
  }

  /**
   * `owned`: the chunk's memory is the reader's; else it is used again when this returns.
   * @returns true if it held so many small pieces that others should have their turn.
   */
  push(chunk: Buffer, owned: boolean): boolean {
    if (this.mode === 'over') return false;
    this.#lent = !owned && this.#rest === null;
    this.#rest = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.read();
    if (this.#lent && this.#rest !== null) this.#rest = Buffer.from(this.#rest);
    this.#lent = false;
    return this.#content.countPieces() >= manyPieces;
  }

  /** Reads what waits, as far as the mode lets it. Not recursive: within a call of the listener it does nothing. */
  read(): void {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#rest !== null && this.#step(this.#rest));
    } catch (error) {
      this.#listener.threw(error);
    }
    this.#reading = false;
  }

  /** Ends the reading; what waited. */
  stop(): Buffer | null {
    const rest = this.#lent && this.#rest !== null ? Buffer.from(this.#rest) : this.#rest;
    this.mode = 'over';
    this.#rest = null;
    return rest;
  }

  #step(rest: Buffer): boolean {
    switch (this.mode) {
      case 'head':
        return this.#readHead(rest);
      case 'content':
      case 'discard':
        return this.#readContent(rest);
      case 'wait':
        if (rest.length >= waitingBytes) this.#listener.enough();
        return false;
      case 'over':
        this.#rest = null;
        return false;
    }
  }

  #readHead(rest: Buffer): boolean {
    const decoded = decodeRequestHead(rest, 0, this.#limits, this.#scanned);
    if (decoded.kind === 'short') {
      if (this.#scanned === 0) this.#listener.headBegun();
      this.#scanned = rest.length;
      return false;
    }
    this.#scanned = 0;
    if (decoded.kind === 'broken') {
      this.#listener.malformed(decoded.status, decoded.why);
      return false;
    }
    const { value, used } = decoded;
    this.#requests++;
    this.#content.begin(value.contentLength);
    this.#first = this.#requests === 1 ? rest : null;
    this.#rest = used === rest.length ? null : rest.subarray(used);
    this.mode = 'wait';
    this.#listener.headRead(value);
    this.#first = null;
    return true;
  }

  #readContent(rest: Buffer): boolean {
    const content = this.#content;
    const used = content.read(rest, 0, this.#deliver);
    // Whoever took the content may have ended the reading.
    if (this.#rest !== rest) return false;
    this.#rest = used === rest.length ? null : rest.subarray(used);
    if (content.fault !== null) {
      this.#listener.malformed(400, content.fault);
      return false;
    }
    if (!content.done) return false;
    // What follows is another request, whose turn comes when this one is answered; it may have been meanwhile.
    if (this.mode === 'content') this.mode = 'wait';
    this.#listener.contentEnded(content.trailers);
    return true;
  }
}
