// The connections of a pool, from making to destroying: how many there are, and who holds which.

import { attemptConnection } from './connection-attempt.js';
import { checkConnection, type IConnectionCheck } from './connection-check.js';
import type { IPooledConnection, TPoolOptions } from './connection-pool-options.js';
import type { PoolEvents } from './pool-events.js';

type TEntry<T> = { -readonly [K in keyof IPooledConnection<T>]: IPooledConnection<T>[K] };

/** A connection in the stock. */
export interface ISlot<T> {
  /** The present or the last loan. */
  entry: TEntry<T>;
  /** Said to be dead by the one who made it. */
  lost: boolean;
}

/** What happens by itself; the stock's numbers are right before each call. */
export interface IStockListener<T> {
  /** A connection has been made, or a validator that had to be waited for has approved it. */
  readonly ready: (slot: ISlot<T>) => void;
  /** An attempt to make a connection, or a validation that had to be waited for, has come to nothing. */
  readonly missed: (attempt?: { order: number; error: unknown }) => void;
  /** A connection has died. */
  readonly lost: (slot: ISlot<T>) => void;
}

/** A connection in the making. */
interface IMaking {
  cancel: (reason: unknown) => void;
}

export class ConnectionStock<T> {
  readonly #options: TPoolOptions<T>;
  readonly #events: PoolEvents<T>;
  readonly #listener: IStockListener<T>;
  readonly #check: IConnectionCheck<T>;
  readonly #slots = new Map<number, ISlot<T>>();
  readonly #making = new Set<IMaking>();
  /** Destructions under way. */
  readonly #closing = new Set<Promise<void>>();
  readonly counts = { acquired: 0, created: 0, destroyed: 0, failed: 0 };
  #checking = 0;

  constructor(options: TPoolOptions<T>, events: PoolEvents<T>, listener: IStockListener<T>) {
    this.#options = options;
    this.#events = events;
    this.#listener = listener;
    this.#check = {
      validator: options.connectionValidator,
      clock: options.clock,
      limitMs: options.acquireTimeout,
      report: (error, connection) => events.report(error, connection),
    };
  }

  /** Connections there are. */
  get size(): number {
    return this.#slots.size;
  }

  /** Connections in the making. */
  get making(): number {
    return this.#making.size;
  }

  /** Connections, among those there are, whose validation is waited for. */
  get checking(): number {
    return this.#checking;
  }

  /** Begins to make a connection; `order` becomes its id. Ends in `ready` or `missed`, unless it is cancelled. */
  make(order: number): void {
    const making: IMaking = { cancel: () => {} };
    let slot: ISlot<T> | undefined;
    let lost = false;
    this.#making.add(making);
    making.cancel = attemptConnection<T>({
      factory: this.#options.connectionFactory,
      lost: () => {
        lost = true;
        if (slot) this.#lose(slot);
      },
      clock: this.#options.clock,
      limitMs: this.#options.acquireTimeout,
      made: (connection) => {
        this.#making.delete(making);
        slot = this.#admit(connection, order);
        slot.lost = lost;
        this.#listener.ready(slot);
      },
      failed: (error) => {
        this.#making.delete(making);
        this.counts.failed++;
        this.#events.report(error);
        this.#listener.missed({ order, error });
      },
      late: (connection) => this.#end(connection),
    });
  }

  /** Gives up all that is in the making. */
  cancelMaking(reason: unknown): void {
    for (const making of this.#making) making.cancel(reason);
    this.#making.clear();
  }

  /**
   * True: it can be used. False: it could not and is destroyed. 'later': `ready` or `missed` will follow when its
   * validator has answered. Not lost is enough where no validation is wanted.
   */
  examine(slot: ISlot<T>, isWanted: boolean): boolean | 'later' {
    const verdict = !slot.lost && (!isWanted || checkConnection(slot.entry.connection, this.#check));
    if (verdict === true) return true;
    if (verdict === false) {
      this.destroy(slot);
      return false;
    }
    this.#checking++;
    verdict.then((isGood) => {
      this.#checking--;
      if (isGood && !slot.lost) return this.#listener.ready(slot);
      this.destroy(slot);
      this.#listener.missed();
    });
    return 'later';
  }

  lend(slot: ISlot<T>): IPooledConnection<T> {
    const { id, connection, createdAt, useCount, metadata } = slot.entry;
    const lastUsedAt = this.#options.clock.wallMs();
    const loan = { id, connection, createdAt, lastUsedAt, useCount: useCount + 1, inUse: true, metadata };
    slot.entry = loan;
    this.counts.acquired++;
    this.#events.emit('acquire', loan);
    return loan;
  }

  /** The slot of a loan that ends with this; undefined if it is over already. */
  endLoan(loan: IPooledConnection<T>): ISlot<T> | undefined {
    const slot = this.#slots.get(loan.id);
    if (!slot || slot.entry !== loan || !slot.entry.inUse) return undefined;
    slot.entry.inUse = false;
    this.#events.emit('release', loan);
    return slot;
  }

  /** Takes a connection out and ends it; does nothing if that has been done. */
  destroy(slot: ISlot<T>): void {
    const { entry } = slot;
    if (!this.#slots.delete(entry.id)) return;
    entry.inUse = false;
    this.counts.destroyed++;
    this.#events.emit('destroy', entry);
    this.#end(entry.connection);
  }

  /** Ends all connections, those on loan too; resolves when their destroyers are done. */
  async close(): Promise<void> {
    for (const slot of [...this.#slots.values()]) this.destroy(slot);
    await Promise.all(this.#closing);
  }

  #admit(connection: T, id: number): ISlot<T> {
    const now = this.#options.clock.wallMs();
    const entry = { id, connection, createdAt: now, lastUsedAt: now, useCount: 0, inUse: false, metadata: {} };
    const slot = { entry, lost: false };
    this.#slots.set(id, slot);
    this.counts.created++;
    this.#events.emit('create', entry);
    return slot;
  }

  #lose(slot: ISlot<T>): void {
    if (slot.lost) return;
    slot.lost = true;
    this.#listener.lost(slot);
  }

  #end(connection: T): void {
    const closing = (async () => this.#options.connectionDestroyer(connection))()
      .catch((error) => this.#events.report(error, connection))
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
