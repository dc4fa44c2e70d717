// How long a request may wait for what it waits for: the client's content, its answer, the answer's reader.
//
// The least rates of content are judged by what came in all: `rateGrace`, and a second for each so many bytes. Only time counts in
// which nobody but the client is waited for.

import { ProxyError } from '../base/errors.js';
import { fieldValue, type IRequestHead } from '../codec/http-message.js';
import type { IResolvedRoute } from '../config/resolved.js';
import { overdue } from './exchange-errors.js';
import type { IClientSide } from './exchange-types.js';
import type { Visitor } from './visitor.js';

/** What the exchange has come to. */
export interface IProgress {
  /** The request is with an origin. */
  readonly sent: boolean;
  /** The head of the answer went out. */
  readonly answered: boolean;
  /** Who was to answer; null: nobody but us and the program's functions. */
  readonly place: { readonly host: string; readonly port: number } | null;
}

/** What waits on our side when a client takes no more, as a rule at most. */
const waitingBytes = 65_536;

const never = Number.POSITIVE_INFINITY;

export class ExchangeTime {
  readonly startedMs: number;
  /** All of the request has come. */
  received: boolean;
  /** The origin takes no more content for now. */
  stalled = false;
  contentBytes = 0;
  readonly #visitor: Visitor;
  readonly #side: IClientSide;
  readonly #head: IRequestHead;
  /** The client sends its content, unless it is held: it was told to, or did not wait for that. */
  #flows: boolean;
  /** From when on its content counts: moved by the time in which it was held. 0: from when it flows. */
  #contentFromMs = 0;
  #stalledMs = 0;
  /** Bytes of the answer that the client's side was given while it waited, and a little before; how long they waited for room in all; since when they do. */
  #givenBytes = 0;
  #readerMs = 0;
  #readerFromMs = 0;

  constructor(visitor: Visitor, side: IClientSide, head: IRequestHead) {
    this.#visitor = visitor;
    this.#side = side;
    this.#head = head;
    this.received = head.contentLength === 0;
    this.#flows = !head.expectsContinue;
    this.startedMs = visitor.nowMs();
  }

  /** From the end of the request on the answer has its time; before that each piece of content has, and the whole. */
  watch(route: IResolvedRoute | null, isAwaited: boolean): void {
    const { responseTimeoutMs = 0, stallTimeoutMs = 0 } = route?.timeouts ?? {};
    if (!isAwaited) return this.limit();
    if (this.received || !this.#flows) return this.limit(responseTimeoutMs);
    const leftMs = this.#contentLeftMs();
    this.limit(leftMs === never ? stallTimeoutMs : least(stallTimeoutMs, leftMs));
  }

  /** `answerMs`: for what is waited for now besides; 0: no limit. */
  limit(answerMs = 0): void {
    const visitor = this.#visitor;
    const readerMs = this.#readerFromMs === 0 ? 0 : this.#readerLeftMs();
    this.#side.limit(visitor.requestLimitMs(this.startedMs, least(answerMs, readerMs)), 'request_timeout');
  }

  /** True: the client is told to send the content that it kept back. */
  informed(status: number): boolean {
    if (status !== 100 || this.#flows) return false;
    this.#flows = true;
    return true;
  }

  /** The answer begins. */
  begin(): void {
    this.#visitor.connection.lastActivityMs = this.#visitor.nowMs();
    this.limit();
  }

  took(bytes: number): void {
    this.contentBytes += bytes;
    this.#flows = true;
  }

  /** The origin takes no more for now. */
  stall(stallTimeoutMs: number): void {
    this.stalled = true;
    this.#stalledMs = this.#visitor.nowMs();
    this.limit(stallTimeoutMs);
  }

  /** It takes more again: true where it did not. */
  goOn(): boolean {
    if (!this.stalled) return false;
    this.stalled = false;
    if (this.#contentFromMs > 0) this.#contentFromMs += this.#visitor.nowMs() - this.#stalledMs;
    return true;
  }

  gave(bytes: number): void {
    this.#givenBytes += bytes;
    this.#visitor.connection.lastActivityMs = this.#visitor.nowMs();
  }

  /** The client takes no more of the answer for now. */
  readerHeld(): void {
    if (this.#readerFromMs > 0 || this.#visitor.http.minResponseBytesPerSecond === 0) return;
    // What went into the kernel's memory before the client was waited for says nothing about its pace.
    if (this.#readerMs === 0) this.#givenBytes = Math.min(this.#givenBytes, waitingBytes);
    this.#readerFromMs = Math.max(1, this.#visitor.nowMs());
    this.limit();
  }

  readerDrained(): void {
    if (this.#readerFromMs === 0) return;
    this.#readerMs += this.#visitor.nowMs() - this.#readerFromMs;
    this.#readerFromMs = 0;
    this.limit();
  }

  /** What is to be said when a limit has passed. */
  passed({ sent, answered, place }: IProgress): ProxyError {
    if (answered && this.#readerFromMs > 0 && this.#readerLeftMs() <= 1) {
      return new ProxyError('CLIENT_TOO_SLOW', 'the client takes the answer too slowly');
    }
    // Content that nobody asked for yet is no reproach either.
    const received = this.received || this.stalled || !sent || !this.#flows;
    if (!answered && !received && this.#contentLeftMs() <= 1) {
      return new ProxyError('CLIENT_TOO_SLOW', 'the content comes too slowly');
    }
    return overdue({ answered, received, place });
  }

  /** Until content that comes no faster is too slow. */
  #contentLeftMs(): number {
    const { minRequestBytesPerSecond: rate, rateGraceMs } = this.#visitor.http;
    if (rate === 0) return never;
    const nowMs = this.#visitor.nowMs();
    if (this.#contentFromMs === 0) this.#contentFromMs = isLive(this.#head) ? never : Math.max(1, nowMs);
    return Math.max(1, this.#contentFromMs + rateGraceMs + (this.contentBytes * 1000) / rate - nowMs);
  }

  #readerLeftMs(): number {
    const { minResponseBytesPerSecond: rate, rateGraceMs } = this.#visitor.http;
    const waitedMs = this.#readerMs + this.#visitor.nowMs() - this.#readerFromMs;
    return Math.max(1, rateGraceMs + (this.#givenBytes * 1000) / rate - waitedMs);
  }
}

/** Of two limits, 0 being none. */
const least = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b));

/** Messages of gRPC come when there is something to say. */
const isLive = ({ fields }: IRequestHead): boolean =>
  (fieldValue(fields, 'content-type') ?? '').toLowerCase().startsWith('application/grpc');
