// One stream of an end of HTTP/2 that is played on raw frames (h2-raw-streams.ts).

import { rawData, rawHeaders, rawReset } from './h2-raw.js';

/** The connection, as its streams use it. */
export interface IRawConnection {
  readonly live: Map<number, RawStream>;
  readonly cancelled: Set<number>;
  sendWindow: number;
  send(frame: Buffer): void;
}

/** What happens on a stream, in the order in which it does; `over` is the last. */
export type TRawEvent = 'head' | 'data' | 'end' | 'reset' | 'over';

const frameBytes = 16_384;

export class RawStream {
  readonly id: number;
  /** Header blocks that came. */
  readonly blocks: string[][] = [];
  /** Octets of content that came, and the last of them. */
  received = 0;
  last: Buffer = Buffer.alloc(0);
  gotEnd = false;
  sentEnd = false;
  /** Of the peer's RST_STREAM; -1: none came. */
  resetCode = -1;
  isOver = false;
  /** Called behind each event. */
  on: (event: TRawEvent) => void = () => {};
  /** What it may send, and what it may be sent. */
  sendWindow: number;
  window: number;
  readonly #connection: IRawConnection;
  #waiting: Buffer = Buffer.alloc(0);
  #ends = false;

  constructor(connection: IRawConnection, id: number, sendWindow: number, window: number) {
    this.#connection = connection;
    this.id = id;
    this.sendWindow = sendWindow;
    this.window = window;
  }

  /** A field of the first block that has one, pseudo-fields included. */
  field(name: string): string {
    for (const block of this.blocks) {
      for (let at = 0; at < block.length; at += 2) if (block[at] === name) return block[at + 1] ?? '';
    }
    return '';
  }

  head(fields: readonly string[], end = false): void {
    if (this.isOver) return;
    this.#connection.send(rawHeaders(this.id, fields, { end }));
    if (end) this.#sent();
  }

  /** Goes out as the windows allow. */
  data(content: Buffer, end = false): void {
    this.#waiting = this.#waiting.length === 0 ? content : Buffer.concat([this.#waiting, content]);
    this.#ends ||= end;
    this.push();
  }

  reset(code: number): void {
    if (this.isOver) return;
    this.#connection.send(rawReset(this.id, code));
    this.#connection.cancelled.add(this.id);
    this.over();
  }

  /** Sends what the windows allow. */
  push(): void {
    const connection = this.#connection;
    while (!this.isOver && !this.sentEnd) {
      const bytes = Math.min(this.#waiting.length, this.sendWindow, connection.sendWindow, frameBytes);
      const end = this.#ends && bytes === this.#waiting.length;
      if (bytes <= 0 && !end) return;
      connection.send(rawData(this.id, this.#waiting.subarray(0, Math.max(bytes, 0)), { end }));
      this.#waiting = this.#waiting.subarray(bytes);
      this.sendWindow -= bytes;
      connection.sendWindow -= bytes;
      if (end) this.#sent();
    }
  }

  tell(event: TRawEvent): void {
    this.on(event);
    if (this.gotEnd && this.sentEnd) this.over();
  }

  over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#connection.live.delete(this.id);
    this.on('over');
  }

  #sent(): void {
    this.sentEnd = true;
    if (this.gotEnd) this.over();
  }
}
