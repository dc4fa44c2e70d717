// What the proxy itself says in a WebSocket: Close when it stops, when a message is too large, when the client is dead; and the
// pings that show that.

import type { Socket } from 'node:net';
import type { IResolvedWebSocket } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import type { IPairRecordDeps } from '../flow/pair-record.js';
import { FrameGate, type IGateListener } from './websocket-frames.js';

/** RFC 6455 §7.4.1. */
const closeCode = { goingAway: 1001, tooLarge: 1009, internalError: 1011 } as const;

/** How long the peers have to answer a Close that is not that of a shutdown. */
const closeWaitMs = 2_000;

/** A WebSocket that is relayed: both its directions, and what ends it where neither peer does. */
export class WebSocketWatch implements IGateListener {
  readonly toClient: FrameGate;
  readonly toTarget: FrameGate;
  readonly #connection: Connection;
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #rules: IResolvedWebSocket;
  readonly #deps: IPairRecordDeps;
  /** The word that the connection ends with, once we have said Close. */
  #ending: TEnd | null = null;
  readonly #finishing = new Set<Socket>();
  #finished = 0;
  #pingedMs = 0;
  /** Since when a ping waits for a sign of life; 0: none does. */
  #waitsSinceMs = 0;

  constructor(
    connection: Connection,
    client: Socket,
    target: Socket,
    rules: IResolvedWebSocket,
    deps: IPairRecordDeps,
  ) {
    this.#connection = connection;
    this.#client = client;
    this.#target = target;
    this.#rules = rules;
    this.#deps = deps;
    this.toClient = new FrameGate(client, false, rules.maxPayload, this);
    this.toTarget = new FrameGate(target, true, rules.maxPayload, this);
  }

  /** The word for an end that the sockets reported as `reason`. */
  wordFor(reason: TEnd): TEnd {
    return this.#ending ?? reason;
  }

  start(): void {
    if (this.#rules.pingIntervalMs === 0 || this.#connection.end !== null) return;
    this.#pingedMs = this.#deps.clock.nowMs();
    this.#limit(this.#rules.pingIntervalMs, this.#tick);
  }

  /** Any byte of the client's: whoever sends is alive, and a Pong may stand behind a long message. */
  clientHeard(): void {
    this.#waitsSinceMs = 0;
  }

  shutdown(graceMs: number): void {
    this.#close('shutdown', closeCode.goingAway, closeCode.goingAway, graceMs);
  }

  tooLarge(): void {
    this.#close('message_too_large', closeCode.tooLarge, closeCode.tooLarge, closeWaitMs);
  }

  closeSeen(): void {
    this.#settleSoon();
  }

  /** Where a direction is in the midst of a frame its Close follows that, if it ends in time. */
  #close(word: TEnd, toClient: number, toTarget: number, waitMs: number): void {
    if (this.#ending !== null || this.#connection.end !== null) return;
    this.#ending = word;
    this.#connection.limitEnd = word;
    this.#limit(waitMs, null);
    this.toClient.close(toClient);
    this.toTarget.close(toTarget);
    this.#settleSoon();
  }

  /** In the next tick: what a gate is about to give out has not been written yet. */
  #settleSoon(): void {
    if (this.#ending !== null) process.nextTick(this.#settle);
  }

  /** A side that has said Close, and was told one, is done: RFC 6455 §7.1.1. */
  readonly #settle = (): void => {
    if (this.toTarget.senderClosed && this.toClient.closed) this.#finish(this.#client);
    if (this.toClient.senderClosed && this.toTarget.closed) this.#finish(this.#target);
  };

  #finish(socket: Socket): void {
    if (this.#finishing.has(socket) || this.#connection.end !== null) return;
    this.#finishing.add(socket);
    const done = () => {
      this.#finished += 1;
      if (this.#finished === 2) this.#deps.connections.cleanupConnection(this.#connection, this.wordFor('shutdown'));
    };
    if (socket.writableFinished) return done();
    socket.once('finish', done);
    socket.end();
  }

  /** Pings when one is due; gives the client up when one was not answered in time. */
  readonly #tick = (): void => {
    if (this.#ending !== null) return;
    const { pingIntervalMs, pingTimeoutMs } = this.#rules;
    const nowMs = this.#deps.clock.nowMs();
    if (this.#waitsSinceMs > 0 && this.#mayNotAnswer()) this.#waitsSinceMs = nowMs;
    if (this.#waitsSinceMs > 0 && nowMs - this.#waitsSinceMs >= pingTimeoutMs) {
      return this.#close('ping_timeout', closeCode.internalError, closeCode.goingAway, closeWaitMs);
    }
    if (nowMs - this.#pingedMs >= pingIntervalMs) {
      this.#pingedMs = nowMs;
      if (this.#waitsSinceMs === 0) this.#waitsSinceMs = nowMs;
      this.toClient.ping();
    }
    const pingInMs = this.#pingedMs + pingIntervalMs - nowMs;
    const answerInMs = this.#waitsSinceMs === 0 ? pingInMs : this.#waitsSinceMs + pingTimeoutMs - nowMs;
    this.#limit(Math.max(1, Math.min(pingInMs, answerInMs)), this.#tick);
  };

  /**
   * The ping has not reached the client, or we do not read what it says because its target is slow: `stallTimeout` is the
   * limit for both.
   */
  #mayNotAnswer(): boolean {
    return this.toClient.pingWaits || this.#client.writableLength > 0 || this.#client.isPaused();
  }

  /** The connection waits for one thing at a time; deadlines.ts has the timer. */
  #limit(limitMs: number, passed: (() => void) | null): void {
    const connection = this.#connection;
    connection.limitFromMs = this.#deps.clock.nowMs();
    connection.limitMs = limitMs;
    connection.limitPassed = passed;
    this.#deps.connections.deadlines.reschedule(connection);
  }
}
