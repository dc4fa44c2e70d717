// The state of one HTTP/2 connection that its parts share: its streams and how they end, its errors, its own end.

import { h2Error } from '../codec/http2-frame.js';
import { firstWindow, maxWindow, PeerSettings } from '../codec/http2-settings.js';
import { H2Budget } from './h2-budget.js';
import type { IH2Limits, TH2BudgetName } from './h2-limits.js';
import { H2Pings } from './h2-pings.js';
import { H2Sender } from './h2-send.js';
import type { IH2SessionOptions } from './h2-session-options.js';
import { H2Stream, type IH2StreamHost } from './h2-stream.js';
import { H2Table } from './h2-table.js';
import type { IH2SessionListener, IH2StreamOwner } from './h2-types.js';

/** What a session does for its core. */
export interface IH2Life {
  /** The peer has acknowledged our SETTINGS. */
  settingsKnown(): void;
  /**
   * What was read ends within a frame that is no content, or within a header block (true); that is complete now (false).
   */
  partly(isPart: boolean): void;
  /** Nothing of the connection's is to be waited for any more. */
  coreEnded(): void;
}

export class H2Core implements IH2StreamHost {
  readonly isServer: boolean;
  readonly listener: IH2SessionListener;
  readonly limits: IH2Limits;
  readonly budget: H2Budget;
  readonly sender: H2Sender;
  readonly pings: H2Pings;
  readonly table: H2Table;
  readonly peer = new PeerSettings();
  readonly streamWindow: number;
  /** What a stream that is opened now may send: the peer may not know our SETTINGS yet. */
  newWindow: number;
  /** Streams that are not over. */
  count = 0;
  /** Above it the peer's streams are not served (GOAWAY). */
  lastServed = maxWindow;
  /** The first SETTINGS of the peer came. */
  settled = false;
  /** GOAWAY was sent, or came: no new streams. */
  drains = false;
  over = false;
  /** Bytes are read: pauses are told behind them. */
  reading = false;
  /** By how much the windows of streams have grown. */
  #grown = 0;
  /** Nothing but streams under way stands before the end. */
  #lastWords = false;
  #begunToDrain = false;
  #told: H2Stream[] = [];
  /** Ours whose header block was not sent yet: they have no number. Made with the first. */
  #unnumbered: Set<H2Stream> | null = null;
  readonly life: IH2Life;

  constructor({ role, socket, listener, limits, clock }: IH2SessionOptions, life: IH2Life) {
    this.life = life;
    this.isServer = role === 'client-side';
    this.listener = listener;
    this.limits = limits;
    this.budget = new H2Budget(limits.budgets, clock);
    this.sender = new H2Sender(socket, limits, this.budget, this);
    this.pings = new H2Pings(this.sender, clock);
    this.table = new H2Table(this.isServer);
    this.streamWindow = limits.initialWindowBytes;
    this.newWindow = Math.max(firstWindow, limits.initialWindowBytes);
  }

  /** False: it was too much, and the connection has ended by that. */
  spend(name: TH2BudgetName): boolean {
    if (this.budget.spend(name)) return true;
    this.fail(h2Error.enhanceYourCalm, name);
    return false;
  }

  /** A stream of the peer's; of ours where `id` is 0. */
  makeStream(owner: IH2StreamOwner | null, id: number): H2Stream {
    const stream = new H2Stream(this, owner, this.peer.initialWindowSize, this.newWindow);
    this.count++;
    stream.id = id;
    if (id === 0) {
      this.#unnumbered ??= new Set();
      this.#unnumbered.add(stream);
    } else this.table.live.set(id, stream);
    return stream;
  }

  begin(stream: H2Stream): boolean {
    const { table } = this;
    if (this.over || table.lastOwn > maxWindow - 2) return false;
    table.lastOwn += table.lastOwn === 0 ? 1 : 2;
    stream.id = table.lastOwn;
    this.#unnumbered?.delete(stream);
    stream.sendWindow = this.peer.initialWindowSize;
    table.live.set(stream.id, stream);
    return true;
  }

  /** A window of `bytes` may become twice as large, while there is enough for all. */
  grow(bytes: number): number {
    const { maxWindowBytes, grownWindowBytes } = this.limits;
    const more = Math.max(0, Math.min(bytes, maxWindowBytes - bytes, grownWindowBytes - this.#grown));
    this.#grown += more;
    return more;
  }

  shrink(bytes: number): void {
    this.#grown -= bytes;
  }

  ended(stream: H2Stream): void {
    if (stream.over || !stream.sentEnd) return;
    // A server's answer may be complete before anyone asked for all of the request.
    if (this.isServer ? stream.gotEnd : stream.toldEnd) {
      this.budget.earn('resets', 0.5);
      this.#remove(stream);
    } else if (stream.resetsAfter) this.reset(stream, h2Error.noError);
  }

  reset(stream: H2Stream, code: number): void {
    if (code === h2Error.noError && stream.ending && !stream.sentEnd) {
      stream.resetsAfter = true;
      return;
    }
    // Of what both sides have sent to its end, and only the owner has not taken, nothing is left to be cancelled.
    if (code !== h2Error.cancel || !stream.sentEnd || !stream.gotEnd) this.#sendReset(stream.id, code);
    this.#remove(stream);
    if (isPeersFault(code)) this.spend('faults');
  }

  /** A fault of the peer that ends one stream (RFC 9113 §5.4.2). */
  faulted(stream: H2Stream, code: number): void {
    this.#sendReset(stream.id, code);
    this.#close(stream, code, false, true);
    this.spend('faults');
  }

  /** RST_STREAM for what has not become a stream. */
  refuse(id: number, code: number, name: TH2BudgetName): void {
    this.#sendReset(id, code);
    this.spend(name);
  }

  /** The peer's RST_STREAM. Of an answer that is whole, and only not taken yet, it takes nothing back, whatever its code. */
  peerReset(stream: H2Stream, code: number): void {
    const isWhole = !this.isServer && stream.gotEnd && (code === h2Error.noError || !stream.toldEnd);
    if (isWhole) this.#sendNoMore(stream);
    else this.#close(stream, code, code === h2Error.refusedStream, false);
  }

  /** More waits than may for a peer that does not read. */
  unread(): void {
    this.fail(h2Error.enhanceYourCalm, 'unread');
  }

  /** A connection error, or the owner's wish: GOAWAY, and nothing more. */
  fail(code: number, why: string): void {
    if (this.over) return;
    this.over = true;
    this.sender.finish(Math.min(this.table.lastPeer, this.lastServed), code, why);
    this.#end(code);
    this.listener.sessionOver(code, why);
  }

  /** The connection is gone. */
  lost(): void {
    if (this.over) return;
    this.over = true;
    this.#end(h2Error.cancel);
  }

  drain(): void {
    if (this.over || this.#lastWords) return;
    if (!this.isServer || this.limits.drainMs === 0) {
      this.#sayLast();
      return;
    }
    if (this.#begunToDrain) return;
    this.#begunToDrain = true;
    this.drains = true;
    // Requests that are on their way are served: only an answer to what comes behind this shows that there are no more.
    this.sender.writer.goaway(maxWindow, h2Error.noError, '');
    this.pings.send(this.limits.drainMs, () => this.#sayLast());
  }

  peerGoesAway(lastStream: number): void {
    this.drains = true;
    if (!this.isServer) {
      for (const stream of [...this.table.live.values()]) {
        if (stream.id > lastStream && !stream.over) this.#close(stream, h2Error.refusedStream, true, false);
      }
    }
    if (this.over) return;
    this.listener.peerDrains();
    this.#lastWords = true;
    this.#endIfIdle();
  }

  told(stream: H2Stream): void {
    if (stream.pauses) return;
    stream.pauses = true;
    this.#told.push(stream);
    if (!this.reading) queueMicrotask(() => this.pause());
  }

  /** Tells all that heard something that nothing more comes now. */
  pause(): void {
    const told = this.#told;
    if (told.length === 0) return;
    this.#told = [];
    for (const stream of told) {
      stream.pauses = false;
      if (!stream.over) stream.owner?.h2Pause();
    }
  }

  #sayLast(): void {
    if (this.over || this.#lastWords) return;
    this.drains = true;
    this.#lastWords = true;
    this.lastServed = this.table.lastPeer;
    this.sender.writer.goaway(this.lastServed, h2Error.noError, '');
    this.sender.later();
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (!this.#lastWords || this.count > 0 || this.over) return;
    this.over = true;
    this.sender.empty();
    this.#end(h2Error.noError);
    this.listener.sessionOver(h2Error.noError, 'drained');
  }

  /** RFC 9113 §8.1: the whole answer is there, and the rest of the request is not wanted; the answer stays to be taken. */
  #sendNoMore(stream: H2Stream): void {
    this.sender.forget(stream);
    stream.ending = true;
    stream.sentEnd = true;
    if (stream.full) {
      stream.full = false;
      stream.roomAgain();
    }
    this.ended(stream);
  }

  #sendReset(id: number, code: number): void {
    if (id === 0) return;
    this.table.rememberReset(id);
    this.sender.writer.rstStream(id, code);
    this.sender.later();
  }

  #close(stream: H2Stream, code: number, isUnprocessed: boolean, isOurs: boolean): void {
    if (stream.over) return;
    this.#forget(stream);
    const { owner } = stream;
    if (owner === null) stream.lostBy = code;
    else {
      if (!stream.resetsAfter) owner.h2Closed(code, isUnprocessed || stream.id === 0, isOurs);
      this.listener.streamOver(owner);
    }
    this.#endIfIdle();
  }

  #remove(stream: H2Stream): void {
    this.#forget(stream);
    if (stream.owner !== null) this.listener.streamOver(stream.owner);
    this.#endIfIdle();
  }

  #forget(stream: H2Stream): void {
    stream.finish();
    this.count--;
    if (stream.id === 0) this.#unnumbered?.delete(stream);
    else this.table.live.delete(stream.id);
  }

  #end(code: number): void {
    this.sender.stop();
    this.pings.stop();
    this.life.coreEnded();
    const streams = [...this.table.live.values(), ...(this.#unnumbered ?? [])];
    for (const stream of streams) this.#close(stream, code, false, true);
  }
}

/** What an owner that judges the peer's messages resets by: it costs as much as a fault of framing. */
const isPeersFault = (code: number): boolean =>
  code === h2Error.protocol || code === h2Error.frameSize || code === h2Error.enhanceYourCalm;
