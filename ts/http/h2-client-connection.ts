// A client's HTTP/2 connection: gives each of its streams to a request, watches their time, and ends when it should.

import type { Socket } from 'node:net';
import { h2Error } from '../codec/http2-frame.js';
import { readRequest } from '../codec/http2-request.js';
import type { IResolvedHttp } from '../config/resolved.js';
import type { Connection, IDrainable, TRouteKeys } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import { isOffRoute } from '../flow/removed.js';
import { sendEnd } from './client-close.js';
import { isAdequate } from './h2-cipher.js';
import { H2ClientStream } from './h2-client-stream.js';
import { defaultH2Limits, type IH2Limits } from './h2-limits.js';
import { refuseStream } from './h2-refusal.js';
import { H2Session } from './h2-session.js';
import type { IH2StreamHost } from './h2-stream-host.js';
import type { IH2SessionListener, IH2Stream, IH2StreamOwner } from './h2-types.js';
import type { Visitor } from './visitor.js';

export class H2ClientConnection implements IH2SessionListener, IH2StreamHost, IDrainable {
  readonly visitor: Visitor;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #session: H2Session;
  readonly #streams = new Set<H2ClientStream>();
  #requests = 0;
  /** When the connection looks at its streams next. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** When it asks for a sign of life, and what it had read when it last thought of that. */
  #pingDueMs = Number.POSITIVE_INFINITY;
  #heardBytes = 0;
  #phase: 'alive' | 'closing' | 'gone' = 'alive';
  /** How long the rest may take, where the proxy stops. */
  graceMs: number | null = null;
  /** What the connection ends with once all is said. */
  #closeEnd: TEnd | null = null;

  constructor(visitor: Visitor) {
    const { connection, http, services } = visitor;
    this.visitor = visitor;
    this.#connection = connection;
    this.#socket = connection.clear;
    this.#session = new H2Session({
      role: 'client-side',
      socket: this.#socket,
      listener: this,
      limits: limitsOf(http),
      clock: services.clock,
    });
  }

  start(bytes: Buffer | null): void {
    const connection = this.#connection;
    connection.drainable = this;
    connection.limitPassed = this.#onLimit;
    connection.whenEnded(() => this.#ended());
    this.#idle();
    this.#session.start(bytes);
    if (!isAdequate(connection)) this.#session.abort(h2Error.inadequateSecurity, 'the cipher is too weak for HTTP/2');
  }

  /** It takes no more requests, and ends when those under way are answered. Tunnels end where the proxy stops. */
  drain(graceMs?: number): void {
    if (graceMs !== undefined) {
      this.graceMs = graceMs;
      for (const stream of this.#streams) stream.drain(graceMs);
    }
    this.#drain(this.#streams.size === 0 ? 'shutdown' : 'normal');
  }

  reconsider(): void {
    if (!this.visitor.isCurrent) this.drain();
  }

  losesBy(keys: TRouteKeys): boolean {
    for (const stream of this.#streams) if (isOffRoute(stream, keys)) return true;
    return this.#streams.size === 0 && isOffRoute(this.#connection, keys);
  }

  /** Other streams go on. */
  keepOnly(keys: TRouteKeys): void {
    if (!this.losesBy(keys)) return;
    for (const stream of this.#streams) if (isOffRoute(stream, keys)) stream.cutOff();
    if (this.#streams.size === 0) this.#drain('route_removed');
  }

  streamOpened(stream: IH2Stream, fields: string[], end: boolean, tooLarge: boolean): IH2StreamOwner | null {
    const { visitor } = this;
    const { maxRequestsPerConnection: most, maxHeaders } = visitor.http;
    this.#requests++;
    if (most > 0 && this.#requests >= most) this.#drain('normal');
    if (tooLarge) return refuseStream(visitor, stream, { fields, end, status: 431, why: 'the head is too large' });
    const head = readRequest(fields, end);
    if ('fault' in head)
      return refuseStream(visitor, stream, { fields, end, status: head.status ?? 0, why: head.fault });
    if (head.fields.length > 2 * maxHeaders) {
      return refuseStream(visitor, stream, { fields, end, status: 431, why: 'the head has too many fields' });
    }
    if (this.#streams.size === 0) this.#busy();
    const owner = new H2ClientStream(this, stream, head, end);
    this.#streams.add(owner);
    owner.start();
    // Of a stream that was reset by then nobody is told.
    if (owner.isReset) this.streamOver(owner);
    return owner;
  }

  streamOver(owner: IH2StreamOwner): void {
    const stream = owner as H2ClientStream;
    if (!this.#streams.delete(stream)) return;
    stream.over();
    if (this.#streams.size === 0) this.#idle();
  }

  settingsChanged(): void {}

  peerDrains(): void {
    this.#drain('client_closed');
  }

  sessionOver(code: number, why: string): void {
    if (this.#phase !== 'alive') return;
    if (code !== h2Error.noError) {
      const end = endOf(code, why);
      this.#closeEnd = end;
      if (end === 'protocol_error') this.visitor.refused(400, why);
      else if (end === 'headers_timeout') this.visitor.refused(408, why);
    }
    this.#phase = 'closing';
    sendEnd(this.visitor, this.#closeEnd ?? 'normal', true, () => this.#finish(this.#closeEnd ?? 'normal'));
  }

  /** A stream is to be looked at in so long at the latest. */
  watch(dueMs: number): void {
    if (dueMs < this.#dueMs && this.#phase === 'alive') this.#lookAt(dueMs);
  }

  #drain(end: TEnd): void {
    this.#closeEnd ??= end;
    this.#session.drain();
  }

  /** No request is under way. */
  #idle(): void {
    if (this.#phase !== 'alive') return;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.visitor.limit(this.visitor.http.keepAliveTimeoutMs, 'keep_alive_timeout');
  }

  #busy(): void {
    const { pingIntervalMs } = this.visitor.http;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.visitor.limit(0, 'request_timeout');
    if (pingIntervalMs === 0) return;
    this.#heardBytes = this.#socket.bytesRead;
    this.#pingDueMs = this.visitor.nowMs() + pingIntervalMs;
    this.watch(this.#pingDueMs);
  }

  #lookAt(dueMs: number): void {
    this.#dueMs = dueMs;
    if (dueMs === Number.POSITIVE_INFINITY) return this.visitor.limit(0, 'request_timeout');
    this.visitor.limit(Math.max(1, dueMs - this.visitor.nowMs()), 'request_timeout');
  }

  readonly #onLimit = (): void => {
    if (this.#phase === 'closing') return this.#finish(this.#closeEnd ?? 'normal');
    if (this.#streams.size === 0) return this.#idleTooLong();
    const nowMs = this.visitor.nowMs();
    if (nowMs >= this.#pingDueMs) this.#ping(nowMs);
    for (const stream of this.#streams) if (stream.dueMs <= nowMs) stream.passed(nowMs);
    // One of them may have ended the connection, or been the last.
    if (this.#phase !== 'alive' || this.#streams.size === 0) return;
    let dueMs = this.#pingDueMs;
    for (const stream of this.#streams) if (stream.dueMs < dueMs) dueMs = stream.dueMs;
    this.#lookAt(dueMs);
  };

  #idleTooLong(): void {
    this.#drain('keep_alive_timeout');
    // Answers to what was no request, which the client never took.
    if (this.#session.streams > 0) this.#session.abort(h2Error.noError, '');
  }

  #ping(nowMs: number): void {
    const { pingIntervalMs, pingTimeoutMs } = this.visitor.http;
    const { bytesRead } = this.#socket;
    if (bytesRead === this.#heardBytes) this.#session.ping(pingTimeoutMs);
    this.#heardBytes = bytesRead;
    this.#pingDueMs = nowMs + pingIntervalMs;
  }

  clientEnded(): void {
    if (this.#phase === 'closing') return this.#finish(this.#closeEnd ?? 'normal');
    this.#finish(this.#streams.size > 0 ? 'client_aborted' : (this.#closeEnd ?? 'client_closed'));
  }

  #finish(end: TEnd): void {
    this.visitor.connections.cleanupConnection(this.#connection, end);
  }

  /** The connection has ended, by whoever. */
  #ended(): void {
    this.#phase = 'gone';
    this.#connection.limitPassed = null;
    this.#connection.drainable = null;
    this.#session.lost();
  }
}

/** What a connection ends with that did not end in peace. */
function endOf(code: number, why: string): TEnd {
  if (code === h2Error.internal) return 'internal_error';
  if (why === 'ping') return 'ping_timeout';
  // `settings` alone may be the budget of that name.
  return code === h2Error.settingsTimeout || why === 'header block' ? 'headers_timeout' : 'protocol_error';
}

const known = new WeakMap<IResolvedHttp, IH2Limits>();

/** One object for all connections of a configuration. */
function limitsOf(http: IResolvedHttp): IH2Limits {
  let limits = known.get(http);
  if (limits === undefined) {
    limits = {
      ...defaultH2Limits,
      maxConcurrentStreams: http.maxConcurrentStreams,
      // RFC 9113 §6.5.2 counts 32 octets for each field.
      maxHeaderBytes: http.maxHeaderBytes + 32 * http.maxHeaders,
      // Cookies come in pieces (§8.2.3), which make one field.
      maxFields: 2 * http.maxHeaders,
      settingsMs: http.headersTimeoutMs,
      headerBlockMs: http.headersTimeoutMs,
    };
    known.set(http, limits);
  }
  return limits;
}
