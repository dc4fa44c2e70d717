// A client's HTTP/1.1 connection: reads its requests one after the other and writes their answers. It is the client side of
// its present exchange; there is one at a time (RFC 9112 §9.3.2), what is pipelined waits.

import type { Socket } from 'node:net';
import { messageOf } from '../base/errors.js';
import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import { decodeRequestHead, type IHeadLimits } from '../codec/http1-request.js';
import { writeInform } from '../codec/http1-write.js';
import type { Connection } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import { AnswerWriter } from './answer-writer.js';
import { errorAnswer } from './error-answer.js';
import { Exchange } from './exchange.js';
import type { IClientSide, IDetached } from './exchange-types.js';
import { RequestContent } from './request-content.js';
import type { Visitor } from './visitor.js';

/**
 * `idle`: nothing of the next request is there. `discard`: the answer is complete, the rest of the request's content is read
 * and thrown away. `closing`: our side is ended. `gone`: the socket is no longer ours.
 */
type TPhase = 'idle' | 'head' | 'exchange' | 'discard' | 'closing' | 'gone';

/** What may come and wait unread of content that nobody asks for, or of further requests; then the socket is paused. */
const waitingBytes = 16_384;
/** Content that nobody wanted is read to the end, to keep the connection, if it is no more than this. */
const discardBytes = 65_536;
/** How long a client that still sends is listened to after our FIN, so that no reset takes the answer from it. */
const lingerMs = 2_000;

export class ClientConnection implements IClientSide {
  readonly #visitor: Visitor;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #limits: IHeadLimits;
  /** What came with the head of the first request, until that is led to where it goes. */
  #original: Buffer | null = null;
  readonly #content = new RequestContent();
  readonly #writer: AnswerWriter;
  #phase: TPhase = 'idle';
  /** Read and not understood yet. */
  #rest: Buffer | null;
  /** How much of it is known not to be the end of a head. */
  #scanned = 0;
  #exchange: Exchange | null = null;
  #request: IRequestHead | null = null;
  #pulling = false;
  #continued = false;
  #keepAlive = true;
  #draining = false;
  /** How long the rest may take, where the proxy stops. */
  #graceMs: number | null = null;
  #advancing = false;
  #requests = 0;
  /** What the connection ends with once our FIN is out. */
  #closeEnd: TEnd = 'normal';

  constructor(visitor: Visitor, bytes: Buffer | null) {
    const { connection, http } = visitor;
    this.#visitor = visitor;
    this.#connection = connection;
    this.#socket = connection.clear;
    this.#limits = { maxBytes: http.maxHeaderBytes, maxFields: http.maxHeaders };
    this.#writer = new AnswerWriter(connection.clear);
    this.#rest = bytes;
  }

  start(): void {
    const connection = this.#connection;
    connection.drainable = this;
    connection.limitPassed = this.#onLimit;
    connection.whenEnded(() => this.#ended());
    this.#socket.on('data', this.#onData).on('end', this.#onEnd).on('drain', this.#onDrain);
    if (this.#rest === null) this.#waitFor('idle');
    this.#advance();
    if (this.#phase === 'idle' || this.#phase === 'head') this.#listen();
  }

  /** Its present request is answered, then it ends. */
  drain(graceMs?: number): void {
    this.#draining = true;
    if (graceMs !== undefined) this.#graceMs = graceMs;
    this.#keepAlive = false;
    if (this.#phase === 'idle') this.#finish('shutdown');
  }

  reconsider(): void {
    if (!this.#visitor.isCurrent) this.drain();
  }

  // --- the client side of the present exchange ---

  inform(status: number, fields: TFields): void {
    if (this.#request?.version !== '1.1') return;
    if (status === 100) this.#continued = true;
    this.#writer.inform(writeInform(status, fields));
  }

  head(head: IResponseHead): void {
    const request = this.#request;
    if (request === null) return;
    // What waits for 100 may never come, or be taken for the next request (RFC 9110 §10.1.1); too much is not waited for.
    const waits = request.expectsContinue && !this.#continued;
    const isMuch = !this.#pulling && this.#content.left > discardBytes;
    const unsettled = !this.#content.done && (waits || isMuch);
    // What a client sent behind the opening of a WebSocket was meant as frames, not as requests.
    const refusesUpgrade = request.upgrade === 'websocket' && head.status !== 101;
    if (unsettled || refusesUpgrade || this.#draining) this.#keepAlive = false;
    const keeps = this.#writer.begin(head, request, this.#keepAlive);
    if (!keeps) this.#keepAlive = false;
  }

  data(chunk: Uint8Array): boolean {
    return this.#writer.data(chunk);
  }

  end(trailers: TFields | null): void {
    if (!this.#writer.end(trailers)) return this.cut('target_error');
    this.#exchange = null;
    this.#request = null;
    if (!this.#keepAlive) return this.#close();
    if (this.#content.done) return this.#next();
    if (this.#content.left > discardBytes) return this.#close();
    this.#phase = 'discard';
    this.#watch(this.#visitor.http.headersTimeoutMs, 'keep_alive_timeout');
    this.#listen();
    this.#advance();
  }

  flush(): void {
    this.#writer.flush();
  }

  cut(end: TEnd): void {
    this.#exchange = null;
    this.#finish(end);
  }

  pull(): void {
    if (this.#phase !== 'exchange' || this.#pulling) return;
    this.#pulling = true;
    this.#listen();
    this.#advance();
  }

  hold(): void {
    if (!this.#pulling) return;
    this.#pulling = false;
    if (!this.#content.done) this.#socket.pause();
  }

  original(): Buffer | null {
    return this.#original;
  }

  detach(): IDetached | null {
    if (this.#phase !== 'exchange' || this.#connection.end !== null) return null;
    this.#writer.flush();
    this.#leave();
    this.#exchange = null;
    const bytes = this.#rest;
    this.#rest = null;
    return { socket: this.#socket, bytes, ...(this.#graceMs === null ? {} : { graceMs: this.#graceMs }) };
  }

  // --- reading ---

  readonly #onData = (chunk: Buffer): void => {
    this.#connection.lastActivityMs = this.#visitor.nowMs();
    if (this.#phase === 'closing') return;
    this.#rest = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#advance();
  };

  readonly #onDrain = (): void => {
    this.#connection.lastActivityMs = this.#visitor.nowMs();
    if (this.#writer.drained()) this.#exchange?.clientDrained();
  };

  /** A FIN cannot be told from a close: the client has left (its request with it), unless the route says otherwise. */
  readonly #onEnd = (): void => {
    if (this.#phase === 'exchange') {
      if (this.#content.done && this.#exchange?.mayHalfClose) {
        this.#keepAlive = false;
        return;
      }
      this.#exchange?.clientGone('left');
      return this.#finish('client_aborted');
    }
    if (this.#phase === 'closing') return this.#finish(this.#closeEnd);
    this.#finish(this.#phase === 'head' ? 'client_aborted' : 'client_closed');
  };

  readonly #onLimit = (): void => {
    switch (this.#phase) {
      case 'head':
        this.#closeEnd = 'headers_timeout';
        return this.#refuse(408, 'the head of the request did not come in time');
      case 'exchange':
        return this.#exchange?.timedOut();
      case 'closing':
        return this.#finish(this.#closeEnd);
      default:
        return this.#finish('keep_alive_timeout');
    }
  };

  readonly #deliver = (chunk: Buffer): void => this.#exchange?.requestData(chunk);
  readonly #discard = (): void => {};

  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#rest !== null && this.#step(this.#rest));
    } catch (error) {
      const { logger } = this.#visitor;
      logger.error({ connection: this.#connection.id, error, why: messageOf(error) }, 'the HTTP engine threw');
      this.#finish('internal_error');
    }
    this.#advancing = false;
  }

  /** Takes what it can of the waiting bytes; true if it is worth to go on. */
  #step(rest: Buffer): boolean {
    switch (this.#phase) {
      case 'idle':
      case 'head':
        return this.#readHead(rest);
      case 'exchange':
      case 'discard':
        return this.#readContent(rest);
      default:
        this.#rest = null;
        return false;
    }
  }

  #readHead(rest: Buffer): boolean {
    const decoded = decodeRequestHead(rest, 0, this.#limits, this.#scanned);
    this.#scanned = decoded.kind === 'short' ? rest.length : 0;
    if (decoded.kind === 'done') {
      this.#original = this.#requests === 0 ? rest : null;
      this.#take(rest, decoded.used);
      this.#begin(decoded.value);
      return true;
    }
    if (decoded.kind === 'broken') this.#refuse(decoded.status, decoded.why);
    else if (this.#phase === 'idle') this.#waitFor('head');
    return false;
  }

  #begin(head: IRequestHead): void {
    const { http } = this.#visitor;
    this.#content.begin(head.contentLength);
    this.#requests++;
    const isLast = http.maxRequestsPerConnection > 0 && this.#requests >= http.maxRequestsPerConnection;
    this.#keepAlive = !head.close && !this.#draining && !isLast;
    this.#request = head;
    this.#pulling = false;
    this.#continued = false;
    this.#phase = 'exchange';
    this.#connection.limitMs = 0;
    this.#exchange = new Exchange(this.#visitor, this, head);
    this.#exchange.start();
    this.#original = null;
  }

  #readContent(rest: Buffer): boolean {
    const content = this.#content;
    const discards = this.#phase === 'discard';
    if (content.done || !(this.#pulling || discards)) {
      if (rest.length >= waitingBytes) this.#socket.pause();
      return false;
    }
    const used = content.read(rest, 0, discards ? this.#discard : this.#deliver);
    // Whoever took the content may have ended everything.
    if (this.#rest !== rest) return this.#rest !== null;
    this.#take(rest, used);
    if (content.fault !== null) {
      this.#malformed(content.fault);
      return false;
    }
    if (!content.done) return false;
    if (discards) this.#next();
    else this.#exchange?.requestEnd(content.trailers);
    return true;
  }

  #take(rest: Buffer, used: number): void {
    this.#rest = used === rest.length ? null : rest.subarray(used);
  }

  #malformed(why: string): void {
    const answered = this.#writer.begun;
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.clientGone('malformed');
    if (answered || this.#phase === 'discard') this.#finish('protocol_error');
    else this.#refuse(400, why);
  }

  #next(): void {
    this.#request = null;
    if (this.#draining) return this.#close();
    this.#waitFor('idle');
    this.#listen();
    this.#advance();
  }

  #waitFor(phase: 'idle' | 'head'): void {
    this.#phase = phase;
    const { keepAliveTimeoutMs, headersTimeoutMs } = this.#visitor.http;
    if (phase === 'idle') this.#watch(keepAliveTimeoutMs, 'keep_alive_timeout');
    else this.#watch(headersTimeoutMs, 'headers_timeout');
  }

  #listen(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  // --- ending ---

  /** Answers what cannot be served as a request, and closes. */
  #refuse(status: number, why: string): void {
    const { head, body } = errorAnswer(status, why);
    if (this.#closeEnd === 'normal') this.#closeEnd = 'protocol_error';
    this.#visitor.refused(status, why);
    this.#writer.refuse(head, body);
    this.#close();
  }

  /** Sends our FIN behind the answer. Who has more to send is listened to for a while. */
  #close(): void {
    this.#phase = 'closing';
    const lingers = !this.#content.done || this.#rest !== null || this.#closeEnd !== 'normal';
    this.#rest = null;
    this.#exchange = null;
    if (lingers) this.#watch(lingerMs, this.#closeEnd);
    else this.#connection.limitMs = 0;
    this.#listen();
    if (!lingers || this.#socket.readableEnded) this.#socket.once('finish', this.#onFinish);
    this.#socket.end();
  }

  readonly #onFinish = (): void => this.#finish(this.#closeEnd);

  #finish(end: TEnd): void {
    this.#phase = 'gone';
    this.#visitor.connections.cleanupConnection(this.#connection, end);
  }

  /** The connection has ended, by whoever. */
  #ended(): void {
    this.#leave();
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#rest = null;
    exchange?.clientGone(this.#connection.end === 'shutdown' ? 'shutdown' : 'left');
  }

  #leave(): void {
    this.#phase = 'gone';
    this.#connection.limitMs = 0;
    this.#connection.limitPassed = null;
    this.#connection.drainable = null;
    this.#socket.off('data', this.#onData).off('end', this.#onEnd).off('drain', this.#onDrain);
  }

  /** One limit at a time; the deadline heap is told only where it comes nearer. */
  #watch(limitMs: number, end: TEnd): void {
    this.#visitor.limit(limitMs, end);
  }
}
