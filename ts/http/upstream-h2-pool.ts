// The HTTP/2 connections to one place: requests share one until it is full, then there are more, then requests wait.

import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import { WaitQueue } from '../base/wait-queue.js';
import { negotiated } from './upstream-dial.js';
import { type IUpstreamH2Home, UpstreamH2Connection } from './upstream-h2-connection.js';
import type { UpstreamH2Origin } from './upstream-h2-origin.js';
import { UpstreamH2Upgrades } from './upstream-h2-upgrades.js';
import type { UpstreamPlace } from './upstream-place.js';
import type { IUpstreamPool, TPoolStats } from './upstream-types.js';

/** Who takes what turns out to speak HTTP/1.1. */
export interface IHttp1Taker {
  /** The target chose it, on this connection if there is one. */
  speaksHttp1(socket: Socket | null): void;
}

/** Connections to one place; targets that take few streams at a time would get any number of connections otherwise. */
const maxConnections = 16;
/** Requests that a connection on its way is going to take; targets should take no less at a time (RFC 9113 §6.5.2). */
const streamsToCome = 100;
/** A request waits so much longer than a connection may take to be made: its own error says more. */
const slackMs = 1_000;

export class UpstreamH2Pool implements IUpstreamPool, IUpstreamH2Home {
  readonly forUpgrades = new UpstreamH2Upgrades(this, null);
  readonly #place: UpstreamPlace;
  readonly #http1: IHttp1Taker | null;
  /** Those that take requests, the oldest first: what is not needed any more becomes idle. */
  #taking: UpstreamH2Connection[] = [];
  /** Those whose sockets are open. */
  readonly #all = new Set<UpstreamH2Connection>();
  readonly #queue: WaitQueue<UpstreamH2Origin>;
  #order = 0;
  /** One is made at a time. */
  #making: Making | null = null;
  #closed = false;

  /** `http1`: null where the target has to speak HTTP/2. */
  constructor(place: UpstreamPlace, http1: IHttp1Taker | null) {
    this.#place = place;
    this.#http1 = http1;
    this.#queue = new WaitQueue(place.forward.clock);
  }

  get name(): string {
    return this.#place.name;
  }

  /** Something is known of the target, and it takes them by HTTP/2. */
  get takesUpgrades(): boolean {
    return this.#taking.some(({ allowsUpgrade }) => allowsUpgrade);
  }

  get stats(): TPoolStats {
    let idle = 0;
    for (const { streams } of this.#taking) if (streams === 0) idle++;
    const making = this.#making !== null && this.#making.connection === null ? 1 : 0;
    return { open: this.#all.size + making, idle, waiting: this.#queue.size };
  }

  /** Connections that may be dead with one that was are not lent: all are fresh. */
  take(): UpstreamH2Origin | null {
    const taking = this.#taking;
    for (let at = 0; at < taking.length; ) {
      const connection = taking[at] as UpstreamH2Connection;
      const origin = connection.lend();
      if (origin !== null) return origin;
      // One that is found to be too old has left the list.
      if (taking[at] === connection) at++;
    }
    return null;
  }

  wait(_fresh: boolean, signal: AbortSignal): Promise<UpstreamH2Origin> {
    const { http, limitMs } = this.#place;
    if (this.#closed) return Promise.reject(new ProxyError('POOL_CLOSED', 'the connection pool is closed'));
    const isFull = !this.#mayMake && this.#making === null;
    const most = http.maxUpstreamQueue + (isFull ? 0 : streamsToCome);
    if (http.maxUpstreamQueue > 0 && this.#queue.size >= most) {
      return Promise.reject(this.#exhausted('and too many wait for it'));
    }
    const waiting = this.#queue.wait({
      priority: 0,
      order: ++this.#order,
      limitMs: isFull ? limitMs : limitMs + slackMs,
      makeLimitError: () =>
        this.#taking.length > 0
          ? this.#exhausted(`for ${limitMs} ms`)
          : new ProxyError('TARGET_TIMEOUT', `${this.#place.name} was not ready in time`),
      signal,
    });
    this.#grow();
    return waiting;
  }

  async cleanup(): Promise<void> {
    this.#closed = true;
    const closed = new ProxyError('POOL_CLOSED', 'the connection pool is closed');
    this.#making?.abort(closed);
    this.#refuseAll(closed);
    for (const connection of [...this.#all]) connection.destroy();
  }

  // --- IUpstreamH2Home ---

  ready(connection: UpstreamH2Connection): void {
    this.#making?.done();
    this.#making = null;
    this.#taking.push(connection);
    this.#serve();
  }

  room(): void {
    if (this.#queue.size > 0) this.#serve();
  }

  left(connection: UpstreamH2Connection, error: ProxyError | null): void {
    if (this.#making?.connection === connection) {
      return this.#missed(
        this.#making,
        error ?? new ProxyError('TARGET_BROKE', `${this.#place.name} wants no requests`),
      );
    }
    const at = this.#taking.indexOf(connection);
    if (at < 0) return;
    this.#taking.splice(at, 1);
    // What killed it may have killed others.
    if (error?.code === 'TARGET_BROKE' && !this.#closed) for (const one of [...this.#taking]) one.doubt();
    this.#grow();
  }

  closed(connection: UpstreamH2Connection): void {
    this.#all.delete(connection);
    this.#grow();
  }

  wantsHttp1(): boolean {
    this.#http1?.speaksHttp1(null);
    return this.#http1 !== null;
  }

  // --- inside ---

  get #mayMake(): boolean {
    const { maxUpstreamConnections: most } = this.#place.http;
    const limit = most === 0 ? maxConnections : Math.min(most, maxConnections);
    return !this.#closed && this.#taking.length < limit && (most === 0 || this.#all.size < most);
  }

  #serve(): void {
    while (this.#queue.size > 0) {
      const origin = this.take();
      if (origin === null) break;
      const waiter = this.#queue.take();
      if (waiter === undefined) origin.cancel();
      else waiter.resolve(origin);
    }
    this.#grow();
  }

  /** Makes another connection where requests wait for one. */
  #grow(): void {
    if (this.#queue.size === 0 || this.#making !== null || !this.#mayMake) return;
    const making = new Making(this.#place, (error) => this.#missed(making, error));
    this.#making = making;
    const { tls } = this.#place.target;
    making.dial(this.#http1 === null ? onlyH2 : both).then(
      (socket) => {
        if (this.#making !== making) socket.destroy();
        else if (tls === null || negotiated(socket) === 'h2') this.#begin(making, socket);
        else this.#otherVersion(making, socket);
      },
      (error: unknown) => this.#missed(making, error),
    );
  }

  #begin(making: Making, socket: Socket): void {
    const { name, http, forward, target } = this.#place;
    const scheme = target.tls === null ? 'http' : 'https';
    const connection = new UpstreamH2Connection({ socket, name, scheme, http, clock: forward.clock, home: this });
    this.#all.add(connection);
    making.connection = connection;
    connection.start();
  }

  #otherVersion(making: Making, socket: Socket): void {
    const { name } = this.#place;
    const chosen = negotiated(socket);
    if (this.#http1 === null) {
      socket.destroy();
      const what = chosen === null ? 'nothing' : chosen;
      return this.#missed(making, new ProxyError('TARGET_VERSION', `${name} negotiated ${what} by ALPN, not h2`));
    }
    making.done();
    this.#making = null;
    if (this.#queue.size === 0) socket.destroy();
    this.#http1.speaksHttp1(socket.destroyed ? null : socket);
    this.#refuseAll(new SpeaksHttp1());
  }

  /** Who waits hears of it, if no other connection may come free for them: else one does, so that attempts have an end. */
  #missed(making: Making, error: unknown): void {
    if (this.#making !== making) return;
    this.#making = null;
    making.done();
    making.connection?.destroy();
    if (this.#taking.length === 0) this.#refuseAll(error);
    else this.#queue.take()?.reject(error);
    this.#grow();
  }

  #refuseAll(error: unknown): void {
    // Who asks again on hearing of it is not refused by this.
    for (let left = this.#queue.size; left > 0; left--) this.#queue.take()?.reject(error);
  }

  #exhausted(detail: string): ProxyError {
    return new ProxyError('POOL_EXHAUSTED', `the connections to ${this.#place.name} are full ${detail}`);
  }
}

const onlyH2 = ['h2'];
const both = ['h2', 'http/1.1'];

/** What those get who waited for HTTP/2 at a target that chose HTTP/1.1. */
export class SpeaksHttp1 extends Error {}

/** A connection on its way: dialed, then its target's settings are awaited, all within one limit. */
class Making {
  connection: UpstreamH2Connection | null = null;
  readonly #place: UpstreamPlace;
  readonly #abort = new AbortController();
  readonly #timer;

  constructor(place: UpstreamPlace, failed: (error: unknown) => void) {
    this.#place = place;
    const { forward, limitMs, name } = place;
    const tooLate = () => failed(new ProxyError('TARGET_TIMEOUT', `${name} did not begin HTTP/2 within ${limitMs} ms`));
    // The dial's own limit is as long, and comes first.
    this.#timer = forward.clock.setTimer(tooLate, limitMs + 1);
  }

  dial(alpn: readonly string[]): Promise<Socket> {
    return this.#place.dial(alpn, this.#abort.signal);
  }

  /** It came, or failed. */
  done(): void {
    this.#timer.cancel();
  }

  abort(reason: unknown): void {
    this.done();
    this.#abort.abort(reason);
  }
}
