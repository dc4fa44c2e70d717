// One stream of HTTP/2: what its owner uses of it, and its content on the way to the owner.

import type { TFields } from '../codec/http-message.js';
import { H2Held } from './h2-held.js';
import { H2Outgoing } from './h2-outgoing.js';
import type { H2Sender } from './h2-send.js';
import type { IH2Stream, IH2StreamOwner } from './h2-types.js';

/** The connection, as its streams use it. */
export interface IH2StreamHost {
  readonly sender: H2Sender;
  /** What a stream may have sent that was not taken. */
  readonly streamWindow: number;
  /** The window of a stream grows by so much, or less. */
  grow(bytes: number): number;
  /** It needs that no more. */
  shrink(bytes: number): void;
  /** Gives it its number; false if none is left, or the connection is over. */
  begin(stream: H2Stream): boolean;
  /** Something of it ended: if all has, it is over. */
  ended(stream: H2Stream): void;
  /** Its owner resets it. */
  reset(stream: H2Stream, code: number): void;
  /** Its owner was told something: `h2Pause` is due. */
  told(stream: H2Stream): void;
}

export class H2Stream extends H2Outgoing implements IH2Stream {
  /** Null while it is opened. */
  owner: IH2StreamOwner | null;
  /** Octets that the peer may still send. */
  window: number;
  received = 0;
  /** Header blocks that came. */
  blocks = 0;
  /** END_STREAM came. */
  gotEnd = false;
  /** The owner knows that. */
  toldEnd = false;
  /** `h2Pause` is due. */
  pauses = false;
  over = false;
  /** The connection ended by this code before anyone had taken the stream; else -1. */
  lostBy = -1;
  /** RST_STREAM NO_ERROR follows what waits. */
  resetsAfter = false;
  readonly #host: IH2StreamHost;
  /** What its window is when all was taken. */
  #size: number;
  /** Taken by the owner, and not told to the peer yet. */
  #taken = 0;
  #pulled = false;
  #delivering = false;
  #held: H2Held | null = null;
  /** Trailers, while content before them waits. */
  #endFields: string[] | null = null;

  constructor(host: IH2StreamHost, owner: IH2StreamOwner | null, sendWindow: number, window: number) {
    super();
    this.#host = host;
    this.owner = owner;
    this.sendWindow = sendWindow;
    this.window = window;
    this.#size = host.streamWindow;
  }

  get overtaken(): number {
    return this.sendWindow > 0 ? this.#host.sender.dataFrames : 0;
  }

  sendHeaders(fields: TFields, end: boolean): void {
    if (this.over || this.ending) return;
    if (this.id === 0 && !this.#host.begin(this)) return;
    this.ending = end;
    this.#host.sender.headers(this, fields, end);
  }

  sendData(chunk: Uint8Array): boolean {
    if (this.over || this.ending || this.id === 0) return true;
    return this.#host.sender.data(this, chunk);
  }

  sendEnd(trailers: TFields | null): void {
    if (this.over || this.ending || this.id === 0) return;
    this.ending = true;
    this.trailers = trailers;
    this.#host.sender.end(this);
  }

  reset(code: number): void {
    if (!this.over) this.#host.reset(this, code);
  }

  hold(): void {
    this.#pulled = false;
  }

  pull(): void {
    this.#pulled = true;
    if (!this.over && !this.#delivering && this.#held !== null) this.#deliver(this.#held);
  }

  /** Content came. `lent`: its memory is used again. */
  content(piece: Buffer, lent: boolean): void {
    this.received += piece.length;
    if (this.resetsAfter) return;
    if (this.#pulled && this.#held === null && this.owner !== null) {
      this.#give(this.owner, lent ? Buffer.from(piece) : piece);
      return;
    }
    this.#held ??= new H2Held();
    this.#held.add(piece, lent);
  }

  /** END_STREAM came without trailers. */
  contentEnds(): void {
    this.gotEnd = true;
    this.#tellEnd();
    this.#host.ended(this);
  }

  /** Trailers wait for the content before them. */
  fieldsEnd(fields: string[]): void {
    this.gotEnd = true;
    this.#endFields = fields;
    this.#tellEnd();
    this.#host.ended(this);
  }

  /** The peer is allowed so much more; told to it when that is worth a frame. */
  opens(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken * 2 < this.#size || this.gotEnd || this.over) return;
    // A peer that is far away fills a larger window between two of our frames; an owner that takes all at once keeps nothing of it.
    if (this.received >= this.#size * 2 && this.#held === null) {
      const more = this.#host.grow(this.#size);
      this.#size += more;
      this.#taken += more;
    }
    const { sender } = this.#host;
    sender.writer.windowUpdate(this.id, this.#taken);
    this.window += this.#taken;
    this.#taken = 0;
    sender.later();
  }

  roomAgain(): void {
    this.owner?.h2Drained();
  }

  allSent(): void {
    if (!this.over) this.#host.ended(this);
  }

  /** Is over: nothing that waits goes anywhere. */
  finish(): void {
    this.over = true;
    this.#held = null;
    this.#endFields = null;
    this.#host.shrink(this.#size - this.#host.streamWindow);
    this.#host.sender.forget(this);
  }

  #give(owner: IH2StreamOwner, chunk: Buffer): void {
    this.#host.told(this);
    owner.h2Data(chunk);
    this.opens(chunk.length);
  }

  #deliver(held: H2Held): void {
    const { owner } = this;
    if (owner === null) return;
    this.#delivering = true;
    while (this.#pulled && !this.over && held.bytes > 0) this.#give(owner, held.take());
    this.#delivering = false;
    if (this.over || held.bytes > 0) return;
    this.#held = null;
    if (!this.gotEnd) return;
    this.#tellEnd();
    this.#host.ended(this);
  }

  #tellEnd(): void {
    const { owner } = this;
    if (this.toldEnd || this.over || owner === null || this.#held !== null) return;
    this.toldEnd = true;
    if (this.resetsAfter) return;
    this.#host.told(this);
    const fields = this.#endFields;
    this.#endFields = null;
    if (fields === null) owner.h2End();
    else owner.h2Headers(fields, true);
  }
}
