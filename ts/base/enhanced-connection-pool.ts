// Keeps connections for use again: bounded, last in first out, with a queue of callers by priority.
//
// Callers do not wait for a particular connection. Whatever becomes free or is made goes to the next caller in the
// queue, and to the idle ones if nobody waits; so a caller who gives up loses nothing and delays nobody.
// Invariants: there are never more than maxSize connections, those in the making included; if a caller waits, either
// the pool is full or something is on its way to the queue. Every change ends in `#serve()`, which restores the second.

import type { ITimer } from './clock.js';
import {
  completeOptions,
  type IAcquireOptions,
  type IConnectionPoolEvents,
  type IConnectionPoolOptions,
  type IConnectionPoolStats,
  type IPooledConnection,
  type TPoolOptions,
} from './connection-pool-options.js';
import { ConnectionStock, type ISlot } from './connection-stock.js';
import { ProxyError } from './errors.js';
import { IdleShelf } from './idle-shelf.js';
import { LifecycleComponent } from './lifecycle-component.js';
import { PoolEvents, type TPoolListener } from './pool-events.js';
import { WaitQueue } from './wait-queue.js';

/** After a failure the pool waits so long before it makes connections ahead again, doubling up to the maximum. */
const refillDelayMs = { first: 100, max: 10_000 };

/**
 * A pool of connections of any kind to one place. `await pool.acquire()` lends one; whoever has it must call `release`
 * (it can be used again) or `discard` (it cannot).
 */
export class EnhancedConnectionPool<T> extends LifecycleComponent {
  readonly #options: TPoolOptions<T>;
  readonly #events: PoolEvents<T>;
  readonly #stock: ConnectionStock<T>;
  readonly #idle: IdleShelf<ISlot<T>>;
  readonly #queue: WaitQueue<IPooledConnection<T>>;
  /** Numbers callers and attempts to make connections, in the order of their beginning. */
  #order = 0;
  #refillTimer: ITimer | undefined;
  /** Failures since the last connection was made. */
  #failures = 0;
  #draining: { promise: Promise<void>; done: () => void } | undefined;

  /** Throws RangeError unless 1 <= `maxSize` and 0 <= `minSize` <= `maxSize`. Begins to make `minSize` connections. */
  constructor(options: IConnectionPoolOptions<T>) {
    super();
    this.#options = completeOptions(options);
    const { minSize, idleTimeout, clock, onConnectionError } = this.#options;
    this.#events = new PoolEvents(onConnectionError);
    this.#queue = new WaitQueue(clock);
    this.#stock = new ConnectionStock(this.#options, this.#events, {
      ready: (slot) => this.#ready(slot),
      missed: (attempt) => this.#missed(attempt),
      lost: (slot) => this.#lost(slot),
    });
    this.#idle = new IdleShelf({
      clock,
      idleTimeoutMs: idleTimeout,
      mayLeave: () => this.#stock.size > minSize,
      left: (slot) => this.#stock.destroy(slot),
    });
    this.#serve();
  }

  get stats(): IConnectionPoolStats {
    const { size, making, checking, counts } = this.#stock;
    const idle = this.#idle.size;
    return { size, idle, inUse: size - idle - checking, creating: making, waiting: this.#queue.size, ...counts };
  }

  on<E extends keyof IConnectionPoolEvents<T>>(event: E, listener: TPoolListener<T, E>): this {
    this.#events.on(event, listener);
    return this;
  }

  off<E extends keyof IConnectionPoolEvents<T>>(event: E, listener: TPoolListener<T, E>): this {
    this.#events.off(event, listener);
    return this;
  }

  /**
   * Lends a connection: the one that came back last, else a new one, else waits. Rejects with what the factory threw,
   * the signal's reason, or ProxyError: `TIMEOUT` after `acquireTimeout`; `POOL_EXHAUSTED` if the pool is full and the
   * queue too, or `queueTimeout` is over; `POOL_CLOSED` after `drain()` or `cleanup()`.
   */
  acquire({ priority = 0, signal }: IAcquireOptions = {}): Promise<IPooledConnection<T>> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const loan = this.tryAcquire();
    if (loan) return Promise.resolve(loan);
    if (this.#isClosed) return Promise.reject(closed());
    const { acquireTimeout, queueTimeout, maxQueueSize } = this.#options;
    const isFull = !this.#hasRoom && this.#coming <= this.#queue.size;
    if (isFull && this.#queue.size >= maxQueueSize) return Promise.reject(exhausted('and too many wait for it'));
    const isQueueLimit = isFull && queueTimeout < acquireTimeout;
    const waiting = this.#queue.wait({
      priority,
      order: ++this.#order,
      limitMs: isQueueLimit ? queueTimeout : acquireTimeout,
      makeLimitError: () => (isQueueLimit ? exhausted(`for ${queueTimeout} ms`) : tooLate(acquireTimeout)),
      signal,
    });
    this.#serve();
    return waiting;
  }

  /**
   * Lends an idle connection without waiting for anything; undefined if there is none, or if the validator answers
   * with a promise.
   */
  tryAcquire(): IPooledConnection<T> | undefined {
    if (this.#isClosed) return undefined;
    for (let slot = this.#idle.pop(); slot; slot = this.#idle.pop()) {
      const verdict = this.#stock.examine(slot, this.#options.validateOnAcquire);
      if (verdict === true) return this.#stock.lend(slot);
      if (verdict === 'later') break;
    }
    this.#serve();
    return undefined;
  }

  /** Gives a connection back. False, and nothing happens, if this loan is over already. */
  release(loan: IPooledConnection<T>): boolean {
    const slot = this.#stock.endLoan(loan);
    if (!slot) return false;
    if (loan.useCount >= this.#options.maxUseCount) this.#stock.destroy(slot);
    else if (this.#stock.examine(slot, this.#options.validateOnReturn) === true) this.#shelve(slot);
    this.#serve();
    return true;
  }

  /** Gives a connection back that cannot be used again; it is destroyed. False as for `release`. */
  discard(loan: IPooledConnection<T>): boolean {
    const slot = this.#stock.endLoan(loan);
    if (!slot) return false;
    this.#stock.destroy(slot);
    this.#serve();
    return true;
  }

  /**
   * Closes the pool in peace: new callers are refused, those who wait are still served; resolves when every connection
   * has come back and is destroyed. `cleanup()` cuts it short.
   */
  async drain(): Promise<void> {
    if (!this.#draining) {
      let done = () => {};
      const promise = new Promise<void>((resolve) => {
        done = resolve;
      });
      this.#draining = { promise, done };
    }
    this.#serve();
    if (!this.isShuttingDown) await this.#draining.promise;
    await this.cleanup();
  }

  /** Closes the pool at once: callers who wait are refused, connections are destroyed, those on loan too. */
  protected override async onCleanup(): Promise<void> {
    this.#refillTimer?.cancel();
    this.#stock.cancelMaking(closed());
    for (let waiter = this.#queue.take(); waiter; waiter = this.#queue.take()) waiter.reject(closed());
    this.#idle.clear();
    this.#draining?.done();
    await this.#stock.close();
  }

  get #isClosed(): boolean {
    return this.#draining !== undefined || this.isShuttingDown;
  }

  get #hasRoom(): boolean {
    return this.#stock.size + this.#stock.making < this.#options.maxSize;
  }

  /** How many connections are on their way to the queue. */
  get #coming(): number {
    return this.#stock.making + this.#stock.checking;
  }

  /** Gives what is idle to those who wait, makes what is missing, and brings a drained pool to its end. */
  #serve(): void {
    if (this.isShuttingDown) return;
    while (this.#queue.size > this.#stock.checking) {
      const slot = this.#idle.pop();
      if (!slot) break;
      if (this.#stock.examine(slot, this.#options.validateOnAcquire) === true) this.#offer(slot);
    }
    while (this.#queue.size > this.#coming && this.#hasRoom) this.#stock.make(++this.#order);
    if (this.#draining) this.#finishDrain(this.#draining.done);
    else this.#refill();
  }

  #finishDrain(done: () => void): void {
    if (this.#queue.size > 0) return;
    this.#stock.cancelMaking(closed());
    for (let slot = this.#idle.pop(); slot; slot = this.#idle.pop()) this.#stock.destroy(slot);
    if (this.#stock.size === 0) done();
  }

  /** Makes connections ahead. */
  #refill(): void {
    if (this.#refillTimer) return;
    while (this.#stock.size + this.#stock.making < this.#options.minSize) this.#stock.make(++this.#order);
  }

  #refillLater(): void {
    if (this.#options.minSize === 0 || this.#refillTimer || this.#isClosed) return;
    const delayMs = Math.min(refillDelayMs.max, refillDelayMs.first * 2 ** this.#failures++);
    this.#refillTimer = this.#options.clock.setTimer(() => {
      this.#refillTimer = undefined;
      this.#serve();
    }, delayMs);
  }

  #ready(slot: ISlot<T>): void {
    this.#failures = 0;
    this.#offer(slot);
    this.#serve();
  }

  /**
   * The error goes to the next caller, unless that one came after the attempt had begun: then another is made for it.
   * So every failed attempt costs a caller or is followed by one that will, and no failing factory is called for ever.
   */
  #missed(attempt?: { order: number; error: unknown }): void {
    if (attempt) {
      const next = this.#queue.peek();
      if (next && next.order < attempt.order) this.#queue.take()?.reject(attempt.error);
      this.#refillLater();
    }
    this.#serve();
  }

  #lost(slot: ISlot<T>): void {
    if (!this.#idle.remove(slot)) return;
    this.#stock.destroy(slot);
    this.#serve();
  }

  /** To the next caller, or to the idle ones. */
  #offer(slot: ISlot<T>): void {
    const waiter = this.isShuttingDown ? undefined : this.#queue.take();
    if (waiter) waiter.resolve(this.#stock.lend(slot));
    else this.#shelve(slot);
  }

  #shelve(slot: ISlot<T>): void {
    if (slot.lost || this.isShuttingDown) this.#stock.destroy(slot);
    else this.#idle.push(slot);
  }
}

const closed = () => new ProxyError('POOL_CLOSED', 'the connection pool is closed');

const exhausted = (detail: string) => new ProxyError('POOL_EXHAUSTED', `the connection pool is full ${detail}`);

const tooLate = (ms: number) => new ProxyError('TIMEOUT', `no connection was to be had within ${ms} ms`);
