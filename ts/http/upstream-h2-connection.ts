// A target's connection that speaks HTTP/2: gives streams to requests, asks for signs of life, and ends when it should.

import type { Socket } from 'node:net';
import type { IClock, ITimer } from '../base/clock.js';
import { ProxyError } from '../base/errors.js';
import { h2Error } from '../codec/http2-frame.js';
import type { IResolvedHttp } from '../config/resolved.js';
import type { IOriginFailure } from './exchange-types.js';
import { H2Session } from './h2-session.js';
import type { IH2SessionListener, IH2StreamOwner } from './h2-types.js';
import {
  connectionLoss,
  type IConnectionLoss,
  type IStreamEnd,
  type IUpstreamH2Host,
  sessionFault,
  streamFailure,
} from './upstream-h2-failure.js';
import { upstreamH2Limits } from './upstream-h2-limits.js';
import { UpstreamH2Origin } from './upstream-h2-origin.js';
import { hearLastWords, type ILastWords } from './upstream-last-words.js';

/** Who keeps the connection. */
export interface IUpstreamH2Home {
  /** The target's settings are there: requests may come. */
  ready(connection: UpstreamH2Connection): void;
  /** A stream is over, or the target takes more of them at a time: there may be room. */
  room(): void;
  /** It takes no more requests. Called once. `error`: it ended by that; null: it ends in peace. */
  left(connection: UpstreamH2Connection, error: ProxyError | null): void;
  /** Its socket is closed. Called once, behind `left`. */
  closed(connection: UpstreamH2Connection): void;
  /** The target wants this request by HTTP/1.1. True: it can have that. */
  wantsHttp1(): boolean;
}

export interface IUpstreamH2Options {
  readonly socket: Socket;
  readonly name: string;
  readonly scheme: 'http' | 'https';
  readonly http: IResolvedHttp;
  readonly clock: IClock;
  readonly home: IUpstreamH2Home;
}

/** Without a word of an answer for so long, or up to twice that, a target with requests is asked for a sign of life. */
const quietMs = 30_000;
/** And again after so long: servers of gRPC end connections that ask more often. */
const quietAgainMs = 300_000;
/** For its answer. */
const pingLimitMs = 10_000;
/** For our last words to be taken. */
const lingerMs = 1_000;

/** Numbers of streams are used once (RFC 9113 §5.1.1): there are 2^30. */
const mostStreams = 2 ** 29;

/** `opening`: the target's settings are awaited. `retired`: it takes no more requests. `ended`: its session is over. */
type TPhase = 'opening' | 'open' | 'retired' | 'ended';

export class UpstreamH2Connection implements IH2SessionListener, IUpstreamH2Host, ILastWords {
  readonly name: string;
  readonly scheme: 'http' | 'https';
  heard = 0;
  served = 0;
  readonly options: IUpstreamH2Options;
  readonly #session: H2Session;
  readonly #madeMs: number;
  #phase: TPhase = 'opening';
  #hasLeft = false;
  #loss: IConnectionLoss | null = null;
  /** Nothing can be sent any more; what the target said before may still be read. */
  #unsendable: Error | null = null;
  #lent = 0;
  /** When the last stream was over. */
  #idleMs: number;
  /** `heard` when it was last looked at, and when a ping is due if it stays like that. */
  #heardThen = 0;
  #pingDueMs = 0;
  /** Another connection to the target was found dead: this one may be, until something is heard on it. */
  #doubtedAt = -1;
  #timer: ITimer | null = null;

  /** Takes over a connected socket. */
  constructor(options: IUpstreamH2Options) {
    const { socket, name, scheme, clock, http } = options;
    this.options = options;
    this.name = name;
    this.scheme = scheme;
    this.#madeMs = clock.nowMs();
    this.#idleMs = this.#madeMs;
    const limits = upstreamH2Limits(http);
    this.#session = new H2Session({ role: 'target-side', socket, listener: this, limits, clock });
  }

  start(): void {
    const { socket } = this.options;
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('end', this.#onEnd);
    hearLastWords(socket, this);
    // What happened before has no event left to tell it.
    if (socket.destroyed || socket.readableEnded) return this.#lost(null);
    this.#session.start(null);
  }

  /** False: it takes no more requests. */
  get usable(): boolean {
    return this.#phase === 'open' && this.#session.usable;
  }

  get live(): boolean {
    return this.#session.usable;
  }

  get allowsUpgrade(): boolean {
    return this.#session.allowsConnectProtocol;
  }

  get streams(): number {
    return this.#session.streams;
  }

  /** A stream for one request; null if there is none now. */
  lend(): UpstreamH2Origin | null {
    if (!this.usable || this.#doubtedAt === this.heard) return null;
    const { clock, http } = this.options;
    if (http.upstreamMaxAgeMs > 0 && clock.nowMs() - this.#madeMs >= http.upstreamMaxAgeMs) {
      this.retire();
      return null;
    }
    const origin = new UpstreamH2Origin(this);
    const stream = this.#session.open(origin);
    if (stream === null) return null;
    origin.adopt(stream);
    this.#lent++;
    // The first of several begins the quiet.
    if (this.#session.streams === 1) this.#pingDueMs = clock.nowMs() + quietMs;
    if (this.#lent >= (http.upstreamMaxRequests || mostStreams)) this.retire();
    return origin;
  }

  /** Takes no more requests, and closes once those under way are answered. */
  retire(): void {
    if (this.#phase === 'open') this.#phase = 'retired';
    this.#leave(null);
    if (this.#session.streams === 0) this.#session.drain();
  }

  /** Another connection was found dead. One without requests is given up: nothing tells whether it lives. */
  doubt(): void {
    if (this.#session.streams === 0) this.retire();
    else this.#doubtedAt = this.heard;
  }

  /** Its home wants no more of it: in peace if nobody uses it. */
  destroy(): void {
    if (this.#session.streams > 0 || this.#phase === 'opening') this.#lost(null);
    else this.retire();
  }

  failure(end: IStreamEnd): IOriginFailure {
    const { code, ours, answered } = end;
    if (code === h2Error.http11Required && !ours && !answered && this.#loss === null) {
      const error = new ProxyError('TARGET_VERSION', `${this.name} wants this request in HTTP/1.1`);
      return { error, unsent: true, stale: this.options.home.wantsHttp1() };
    }
    return streamFailure(this.name, end, this.#loss, this.served > 0);
  }

  // --- IH2SessionListener ---

  /** Targets open no streams: the session lets none through. */
  streamOpened(): null {
    return null;
  }

  streamOver(owner: IH2StreamOwner): void {
    (owner as UpstreamH2Origin).over();
    if (this.#session.streams === 0) {
      this.#idleMs = this.options.clock.nowMs();
      if (this.#phase === 'retired') this.#session.drain();
    }
    if (this.#phase === 'open') this.options.home.room();
  }

  settingsChanged(): void {
    if (this.#phase !== 'opening') return this.options.home.room();
    this.#phase = 'open';
    this.#lookIn(this.#firstLookMs);
    this.options.home.ready(this);
  }

  peerDrains(): void {
    if (this.#phase === 'open') this.#phase = 'retired';
    this.#leave(null);
  }

  sessionOver(code: number, why: string): void {
    const { socket, clock } = this.options;
    const spoke = this.#phase !== 'opening';
    this.#phase = 'ended';
    this.#timer?.cancel();
    this.#leave(code === h2Error.noError ? null : sessionFault(this.name, code, why, spoke));
    if (socket.destroyed) return;
    // Errors stay handled; whoever does not take our last words in time is cut off.
    this.#timer = clock.setTimer(() => socket.destroy(), lingerMs);
    socket.destroySoon();
  }

  // --- ILastWords ---

  wanted(): boolean {
    return this.#phase !== 'ended' && this.#session.streams > 0;
  }

  failed(error: Error): void {
    this.#unsendable = error;
    if (this.#phase === 'open') this.#phase = 'retired';
    this.#leave(connectionLoss(this.name, error, true));
  }

  silent(): void {
    this.#lost(this.#unsendable);
  }

  // --- inside ---

  readonly #onError = (error: Error): void => this.#lost(error);

  readonly #onEnd = (): void => this.#lost(null);

  readonly #onClose = (): void => {
    this.#lost(null);
    this.#timer?.cancel();
    this.options.home.closed(this);
  };

  /** The connection is gone, whatever was under way. */
  #lost(cause: Error | null): void {
    const { socket } = this.options;
    if (this.#phase !== 'ended') {
      const error = connectionLoss(this.name, cause, this.#phase !== 'opening');
      this.#phase = 'ended';
      this.#loss = { cause };
      this.#timer?.cancel();
      this.#leave(error);
      this.#session.lost();
    }
    socket.destroy();
  }

  #leave(error: ProxyError | null): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.options.home.left(this, error);
  }

  get #firstLookMs(): number {
    const { upstreamIdleTimeoutMs: idleMs } = this.options.http;
    return idleMs > 0 ? Math.min(quietMs, idleMs) : quietMs;
  }

  #lookIn(ms: number): void {
    this.#timer = this.options.clock.setTimer(this.#look, ms);
  }

  /** One timer for all, however often requests come and go. */
  readonly #look = (): void => {
    if (this.#phase === 'ended') return;
    const { clock, http } = this.options;
    const nowMs = clock.nowMs();
    if (this.#session.streams > 0) {
      this.#lookAtQuiet(nowMs);
      return this.#lookIn(this.#firstLookMs);
    }
    const { upstreamIdleTimeoutMs: limitMs, upstreamMaxAgeMs: ageMs } = http;
    const leftMs = Math.min(
      limitMs > 0 ? this.#idleMs + limitMs - nowMs : quietMs,
      ageMs > 0 ? this.#madeMs + ageMs - nowMs : quietMs,
    );
    if (leftMs <= 0) return this.retire();
    this.#lookIn(Math.min(leftMs, quietMs));
  };

  #lookAtQuiet(nowMs: number): void {
    if (this.heard !== this.#heardThen) {
      this.#heardThen = this.heard;
      this.#pingDueMs = nowMs + quietMs;
    } else if (nowMs >= this.#pingDueMs) {
      this.#pingDueMs = nowMs + quietAgainMs;
      this.#session.ping(pingLimitMs);
    }
  }
}
