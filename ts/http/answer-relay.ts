// Leads an answer to the client: its fields as the route wants them, its content at the client's pace.

import type { IResponseHead, TFields } from '../codec/http-message.js';
import { compressorFor, type ICompressor } from './compress.js';
import type { IClientSide, IOrigin } from './exchange-types.js';
import type { IAnswering } from './exchange-view.js';
import { fieldsForClient } from './response-fields.js';

export class AnswerRelay {
  readonly #exchange: IAnswering;
  readonly #side: IClientSide;
  /** null: the answer is our own, and all there. */
  readonly #origin: IOrigin | null;
  #compressor: ICompressor | null = null;
  #held = false;

  constructor(exchange: IAnswering, origin: IOrigin | null) {
    this.#exchange = exchange;
    this.#side = exchange.side;
    this.#origin = origin;
  }

  head(head: IResponseHead): void {
    const { request, route } = this.#exchange;
    const cookie = this.#origin === null ? null : this.#exchange.stickyCookie();
    const fields = fieldsForClient(this.#exchange, head.fields, cookie);
    const plain = { status: head.status, reason: head.reason, fields, contentLength: head.contentLength };
    if (route === null || route.compression === null) return this.#side.head(plain);
    this.#compressor = compressorFor(request.head, plain, route.compression, this);
    this.#side.head(this.#compressor === null ? plain : this.#compressor.head);
  }

  data(chunk: Uint8Array): void {
    const wantsMore = this.#compressor === null ? this.#side.data(chunk) : this.#compressor.push(chunk);
    if (!wantsMore) this.#hold();
  }

  end(trailers: TFields | null): void {
    if (this.#compressor === null) this.#exchange.answered(trailers);
    else this.#compressor.end(trailers);
  }

  /** What came so far must not wait: an event stream's reader waits for it. */
  flush(): void {
    if (this.#compressor === null) this.#side.flush();
    else this.#compressor.flush();
  }

  /** The client takes more again. */
  drained(): void {
    if (this.#compressor !== null) this.#compressor.drained();
    else this.#goOn();
  }

  cancel(): void {
    this.#compressor?.cancel();
    this.#compressor = null;
  }

  // --- what a compressor says ---

  /** False if the client takes no more for now. */
  compressed(chunk: Uint8Array): boolean {
    return this.#side.data(chunk);
  }

  compressedPause(): void {
    this.#side.flush();
  }

  compressedEnd(trailers: TFields | null): void {
    this.#exchange.answered(trailers);
  }

  compressorDrained(): void {
    this.#goOn();
  }

  compressorFailed(error: Error): void {
    this.#exchange.originFailed({ error, unsent: false, stale: false });
  }

  #hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#exchange.time.readerHeld();
    this.#origin?.hold();
  }

  #goOn(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#exchange.time.readerDrained();
    this.#origin?.pull();
  }
}
