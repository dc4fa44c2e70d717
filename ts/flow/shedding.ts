// Makes room where the proxy is full: HTTP connections that wait for a next request go first, the longest idle before the others.

import type { IClock } from '../base/clock.js';
import type { Connection } from './connection.js';

/** After a look that found nobody idle, so long nobody looks again: under a flood each look would cost as much as all connections. */
const restMs = 100;

export class Shedding {
  readonly #clock: IClock;
  #leaving = 0;
  #emptyMs = Number.NEGATIVE_INFINITY;

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  /** Connections that were told to go and have not gone yet: those of HTTP/2 say GOAWAY first. */
  get leaving(): number {
    return this.#leaving;
  }

  /**
   * Tells up to `count` connections to go; those of HTTP/1 are gone when this returns. At most so many more leave at a time.
   * @returns how many were told.
   */
  shed(live: readonly Connection[], count: number): number {
    const nowMs = this.#clock.nowMs();
    const room = Math.max(1, count) - this.#leaving;
    if (room <= 0 || nowMs - this.#emptyMs < restMs) return 0;
    const idle = live.filter(isIdle).sort((a, b) => a.limitFromMs - b.limitFromMs);
    if (idle.length === 0) this.#emptyMs = nowMs;
    for (const connection of idle.slice(0, room)) this.#tell(connection);
    return Math.min(idle.length, room);
  }

  /** A connection has ended. */
  ended({ shed }: Connection): void {
    if (shed) this.#leaving -= 1;
  }

  #tell(connection: Connection): void {
    connection.shed = true;
    this.#leaving += 1;
    connection.drainable?.drain(0);
  }
}

/** Of either version of HTTP: nothing is under way, and its time until the next request runs. */
const isIdle = ({ drainable, limitMs, limitEnd, shed, end }: Connection): boolean =>
  drainable !== null && limitMs > 0 && limitEnd === 'keep_alive_timeout' && !shed && end === null;
