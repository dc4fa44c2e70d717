// Every time limit of a connection, in one list, and the one timer that all connections share.

import type { Socket } from 'node:net';
import { BinaryHeap } from '../base/binary-heap.js';
import { type IClock, type ITimer, maxDelayMs } from '../base/clock.js';
import type { Connection, IProgress } from './connection.js';
import type { TEnd } from './ends.js';

interface IDeadline {
  readonly dueMs: number;
  /** `dial` hands the connection back to whoever dials, who may have another target. */
  readonly what: TEnd | 'dial' | 'progress' | 'limit';
}

/**
 * Watches live connections. Activity only moves `lastActivityMs` on the record; the heap learns of it when the old
 * deadline fires, so a busy connection costs nothing here. Call `reschedule` where a deadline comes nearer.
 */
export class Deadlines {
  readonly #heap = new BinaryHeap<Connection, number>(
    (a, b) => a.dueMs - b.dueMs,
    ({ serial }) => serial,
  );
  readonly #clock: IClock;
  readonly #initialDataTimeoutMs: () => number;
  readonly #end: (connection: Connection, end: TEnd) => void;
  #timer: ITimer | null = null;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(clock: IClock, initialDataTimeoutMs: () => number, end: (connection: Connection, end: TEnd) => void) {
    this.#clock = clock;
    this.#initialDataTimeoutMs = initialDataTimeoutMs;
    this.#end = end;
  }

  get size(): number {
    return this.#heap.size;
  }

  watch(connection: Connection): void {
    connection.dueMs = this.#next(connection).dueMs;
    this.#heap.insert(connection);
    this.#arm();
  }

  forget(connection: Connection): void {
    this.#heap.remove(connection.serial);
    if (this.#heap.size === 0) this.#disarm();
  }

  /** To be called when a deadline of the connection has come nearer than it was. */
  reschedule(connection: Connection): void {
    const { dueMs } = this.#next(connection);
    if (dueMs >= connection.dueMs || !this.#heap.has(connection.serial)) return;
    connection.dueMs = dueMs;
    this.#heap.update(connection);
    this.#arm();
  }

  #next(connection: Connection): IDeadline {
    return nextDeadline(connection, this.#initialDataTimeoutMs());
  }

  #arm(): void {
    const first = this.#heap.peek();
    if (first === undefined || first.dueMs >= this.#timerDueMs || first.dueMs === Number.POSITIVE_INFINITY) return;
    this.#timer?.cancel();
    this.#timerDueMs = first.dueMs;
    const delayMs = Math.ceil(first.dueMs - this.#clock.nowMs());
    this.#timer = this.#clock.setTimer(() => this.#fire(), Math.min(Math.max(1, delayMs), maxDelayMs));
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#disarm();
    const nowMs = this.#clock.nowMs();
    for (let first = this.#heap.peek(); first !== undefined && first.dueMs <= nowMs; first = this.#heap.peek()) {
      this.#judge(first, nowMs);
    }
    this.#arm();
  }

  /** Ends what is due. Whatever is not leaves with a later due time, so the loop above ends. */
  #judge(connection: Connection, nowMs: number): void {
    if (connection.handled || connection.usingNetworkProxy) noticeHandled(connection, nowMs);
    const { dueMs, what } = this.#next(connection);
    if (dueMs <= nowMs && what === 'dial') {
      connection.dialingMs = 0;
      connection.dialTimedOut?.();
    } else if (dueMs <= nowMs && what === 'progress') {
      this.#checkProgress(connection, nowMs);
    } else if (dueMs <= nowMs && what === 'limit') {
      this.#passLimit(connection);
    } else if (dueMs <= nowMs && !(isSilence(what) && isWatched(connection) && readersMoved(connection, nowMs))) {
      this.#end(connection, what as TEnd);
    }
    if (connection.end !== null) return;
    connection.dueMs = Math.max(this.#next(connection).dueMs, nowMs + 1);
    this.#heap.update(connection);
  }

  /** Whoever set the limit may have something to say to the client first. */
  #passLimit(connection: Connection): void {
    const { limitPassed, limitEnd } = connection;
    connection.limitMs = 0;
    if (limitPassed === null) this.#end(connection, limitEnd);
    else limitPassed();
  }

  #checkProgress(connection: Connection, nowMs: number): void {
    readersMoved(connection, nowMs);
    const limitMs = connection.timeouts?.stallTimeoutMs ?? 0;
    if (connection.progress?.some(({ sinceMs }) => nowMs - sinceMs >= limitMs)) this.#end(connection, 'stall_timeout');
  }
}

/** Whether its readers are looked at now and then. */
const isWatched = ({ spliced, usingNetworkProxy }: Connection): boolean => spliced || usingNetworkProxy;

/** The limits on how long nothing happens. */
const isSilence = (what: IDeadline['what']): boolean => what === 'inactivity_timeout' || what === 'half_open_timeout';

/**
 * Looks at both readers. One that takes what waited for it is active: only the kernel sees it, and only a look tells.
 * At the first look, whoever has something waiting is taken to be.
 */
function readersMoved(connection: Connection, nowMs: number): boolean {
  const { clear, outgoing, bytesSent, bytesReceived, progress } = connection;
  const [toClient, toTarget] = progress ?? [unseen(nowMs), unseen(nowMs)];
  connection.progress = [toClient, toTarget];
  connection.checkedMs = nowMs;
  const took = [notice(toClient, clear, bytesSent, nowMs), notice(toTarget, outgoing, bytesReceived, nowMs)];
  const moved = took.includes(true) || (progress === null && toClient.queued + toTarget.queued > 0);
  if (moved) connection.lastActivityMs = nowMs;
  return moved;
}

const unseen = (nowMs: number): IProgress => ({ passed: 0, queued: 0, sinceMs: nowMs });

/**
 * Notes how a direction has come on since the last look. It is stalled while bytes wait for its reader and none moves.
 * @returns true if the reader has taken some that were waiting.
 */
function notice(progress: IProgress, reader: Socket | null, passed: number, nowMs: number): boolean {
  const queued = reader === null ? 0 : queuedBytes(reader);
  const took = queued < progress.queued;
  if (queued === 0 || queued !== progress.queued || passed !== progress.passed) progress.sinceMs = nowMs;
  progress.queued = queued;
  progress.passed = passed;
  return took;
}

/** How often a connection's progress is looked at, as a part of its stall limit. Nothing has to be noted in between. */
const progressChecks = 4;

/**
 * After the target's FIN has reached the client's kernel: how long the client may be silent without closing. Closing
 * while it still sends would reset it, and take from it what it has not read yet. `halfOpenTimeout` bounds the whole.
 */
const lingerMs = 2_000;

/** The nearest deadline of a connection. This is the whole list. */
function nextDeadline(connection: Connection, initialDataTimeoutMs: number): IDeadline {
  const { phase, timeouts } = connection;
  if (phase === 'accept' || phase === 'peek') {
    return { dueMs: connection.acceptedMs + initialDataTimeoutMs, what: 'initial_data_timeout' };
  }
  let dueMs = Number.POSITIVE_INFINITY;
  let what: IDeadline['what'] = 'internal_error';
  const consider = (fromMs: number, limitMs: number, then: IDeadline['what']) => {
    if (limitMs <= 0 || fromMs + limitMs >= dueMs) return;
    dueMs = fromMs + limitMs;
    what = then;
  };
  consider(connection.limitFromMs, connection.limitMs, 'limit');
  if (timeouts === null) return { dueMs, what };
  consider(connection.acceptedMs, timeouts.maxConnectionLifetimeMs, 'max_lifetime');
  if (phase === 'dial') {
    if (connection.dialingMs > 0) consider(connection.dialingMs, connection.dialLimitMs, 'dial');
    return { dueMs, what };
  }
  consider(connection.lastActivityMs, timeouts.inactivityTimeoutMs, 'inactivity_timeout');
  if (isWatched(connection)) consider(connection.checkedMs, timeouts.stallTimeoutMs / progressChecks, 'progress');
  if (timeouts.enableHalfOpen) return { dueMs, what };
  if (connection.handled) {
    // A handler that has ended its side has nothing more to say to a client that stays.
    if (connection.flushedMs > 0) consider(quietSince(connection), timeouts.halfOpenTimeoutMs, 'half_open_timeout');
    return { dueMs, what };
  }
  if (connection.flushedMs > 0) {
    const end = connection.clientEndedFirst ? 'client_closed' : 'target_closed';
    consider(Math.max(connection.flushedMs, connection.lastActivityMs), lingerMs, end);
    consider(connection.flushedMs, timeouts.halfOpenTimeoutMs, end);
  } else if (connection.clientEndedMs > 0 && connection.targetEndedMs === 0) {
    consider(quietSince(connection), timeouts.halfOpenTimeoutMs, 'half_open_timeout');
  }
  return { dueMs, what };
}

/** The last byte, or the FIN after which one side alone speaks. */
const quietSince = ({ lastActivityMs, clientEndedMs, flushedMs }: Connection): number =>
  Math.max(lastActivityMs, clientEndedMs, flushedMs);

/** Bytes that are read off the socket are seen only when looked for: moved counters are activity since the last look. */
function noticeHandled(connection: Connection, nowMs: number): void {
  connection.countHandled();
  const bytes = connection.bytesReceived + connection.bytesSent;
  const isTold = connection.usingNetworkProxy && connection.tellsActivity;
  if (bytes !== connection.noticedBytes && !isTold) connection.lastActivityMs = nowMs;
  connection.noticedBytes = bytes;
}

/**
 * Bytes that wait for the reader. `writableLength` moves only when a whole write is done; what libuv still holds of it
 * is known to the handle alone (Node's own socket time-out reads it there too), and without it a slow reader of one
 * large write would look dead.
 */
function queuedBytes(reader: Socket): number {
  const { _handle: handle } = reader as { _handle?: { writeQueueSize?: number } | null };
  return reader.writableLength + (handle?.writeQueueSize ?? 0);
}
