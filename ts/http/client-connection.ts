// A client's HTTP/1.1 connection: reads its requests one after the other and writes their answers. It is the client side of
// its present exchange; there is one at a time (RFC 9112 §9.3.2), what is pipelined waits.

import type { Socket } from 'node:net';
import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import { writeInform } from '../codec/http1-write.js';
import type { Connection, TRouteKeys } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import { isOffRoute } from '../flow/removed.js';
import { SharedRead } from '../flow/shared-read.js';
import { AnswerWriter } from './answer-writer.js';
import { sendEnd } from './client-close.js';
import { discardBytes, isUnsettled, refusesSwitch, type TPhase } from './client-phase.js';
import { errorAnswer } from './error-answer.js';
import { Exchange } from './exchange.js';
import type { IClientSide, IDetached } from './exchange-types.js';
import { type IReaderListener, RequestReader } from './request-reader.js';
import type { Visitor } from './visitor.js';

export class ClientConnection implements IClientSide, IReaderListener {
  readonly #visitor: Visitor;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #reader: RequestReader;
  #reading: SharedRead | null = null;
  readonly #writer: AnswerWriter;
  #phase: TPhase = 'idle';
  #exchange: Exchange | null = null;
  #request: IRequestHead | null = null;
  #pulling = false;
  #continued = false;
  #keepAlive = true;
  #draining = false;
  /** How long the rest may take, where the proxy stops. */
  #graceMs: number | null = null;
  /** What the connection ends with once our FIN is out. */
  #closeEnd: TEnd = 'normal';

  constructor(visitor: Visitor, bytes: Buffer | null) {
    this.#visitor = visitor;
    this.#connection = visitor.connection;
    this.#socket = visitor.connection.clear;
    this.#reader = new RequestReader(visitor.headLimits, bytes, this);
    this.#writer = new AnswerWriter(this.#socket);
  }

  start(): void {
    this.#connection.drainable = this;
    this.#connection.limitPassed = this.#onLimit;
    this.#connection.whenEnded(() => this.#ended());
    if (!this.#reader.waits) this.#waitFor('idle');
    this.#reader.read();
    // A handler that the first request is handed over to gets a socket that nobody has made flow.
    if (this.#phase === 'gone') return;
    this.#socket.on('drain', this.#onDrain);
    this.#reading = new SharedRead(this.#socket, this.#onData);
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

  losesBy(keys: TRouteKeys): boolean {
    return isOffRoute(this.#connection, keys);
  }

  keepOnly(keys: TRouteKeys): void {
    if (!this.losesBy(keys)) return;
    if (this.#phase === 'exchange') return this.#finish('route_removed');
    if (this.#closeEnd === 'normal') this.#closeEnd = 'route_removed';
    if (this.#phase === 'idle') this.#close();
    else this.drain();
  }

  inform(status: number, fields: TFields): void {
    if (this.#request?.version !== '1.1') return;
    if (status === 100) this.#continued = true;
    this.#writer.inform(writeInform(status, fields));
  }

  head(head: IResponseHead): void {
    const request = this.#request;
    if (request === null) return;
    const unsettled = isUnsettled(request, this.#reader, this.#continued, this.#pulling);
    if (unsettled || refusesSwitch(request, head.status) || this.#draining) this.#keepAlive = false;
    if (!this.#writer.begin(head, request, this.#keepAlive)) this.#keepAlive = false;
  }

  data(chunk: Uint8Array): boolean {
    return this.#writer.data(chunk);
  }

  end(trailers: TFields | null): void {
    if (!this.#writer.end(trailers)) return this.cut('target_error');
    this.#exchange = null;
    this.#request = null;
    if (!this.#keepAlive) return this.#close();
    if (this.#reader.contentDone) return this.#next();
    if (this.#reader.contentLeft > discardBytes) return this.#close();
    this.#phase = 'discard';
    this.#reader.mode = 'discard';
    this.#visitor.limit(this.#visitor.http.headersTimeoutMs, 'keep_alive_timeout');
    this.#read();
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
    if (!this.#reader.contentDone) this.#reader.mode = 'content';
    this.#read();
  }

  hold(): void {
    if (!this.#pulling) return;
    this.#pulling = false;
    if (this.#reader.contentDone) return;
    this.#reader.mode = 'wait';
    this.#socket.pause();
  }

  limit(limitMs: number, end: TEnd): void {
    this.#visitor.limit(limitMs, end);
  }

  whenOver(release: () => void): void {
    this.#connection.whenEnded(release);
  }

  refuseVersion(): boolean {
    return false;
  }

  original(): Buffer | null {
    return this.#reader.original;
  }

  detach(): IDetached | null {
    if (this.#phase !== 'exchange' || this.#connection.end !== null) return null;
    this.#writer.flush();
    this.#leave();
    this.#exchange = null;
    const { connection, connections } = this.#visitor;
    return { socket: this.#socket, bytes: this.#reader.stop(), connection, connections, graceMs: this.#graceMs };
  }

  readonly #onData = (chunk: Buffer, owned: boolean): boolean => {
    this.#connection.lastActivityMs = this.#visitor.nowMs();
    return this.#reader.push(chunk, owned);
  };

  readonly #onDrain = (): void => {
    this.#connection.lastActivityMs = this.#visitor.nowMs();
    if (this.#phase === 'full') this.#next();
    else if (this.#writer.drained()) this.#exchange?.clientDrained();
  };

  /** A FIN cannot be told from a close: the client has left (its request with it), unless the route says otherwise. */
  clientEnded(): void {
    if (this.#phase === 'closing') return this.#finish(this.#closeEnd);
    if (this.#phase !== 'exchange') return this.#finish(this.#phase === 'head' ? 'client_aborted' : 'client_closed');
    if (this.#reader.contentDone && this.#exchange?.mayHalfClose) this.#keepAlive = false;
    else {
      this.#exchange?.clientGone('left');
      this.#finish('client_aborted');
    }
  }

  readonly #onLimit = (): void => {
    if (this.#phase === 'exchange') return this.#exchange?.timedOut();
    if (this.#phase === 'closing') return this.#finish(this.#writer.isEmpty ? this.#closeEnd : 'client_too_slow');
    if (this.#phase !== 'head') return this.#finish(this.#connection.limitEnd);
    this.#closeEnd = 'headers_timeout';
    this.#refuse(408, 'the head of the request did not come in time');
  };

  headBegun(): void {
    if (this.#phase === 'idle') this.#waitFor('head');
  }

  headRead(head: IRequestHead): void {
    const { maxRequestsPerConnection: most } = this.#visitor.http;
    const isLast = most > 0 && this.#reader.requests >= most;
    this.#keepAlive = !head.close && !this.#draining && !isLast;
    this.#request = head;
    this.#pulling = false;
    this.#continued = false;
    this.#phase = 'exchange';
    this.#connection.limitMs = 0;
    this.#exchange = new Exchange(this.#visitor, this, head);
    this.#exchange.start();
  }

  contentRead(chunk: Buffer): void {
    this.#exchange?.requestData(chunk);
  }

  contentEnded(trailers: TFields | null): void {
    if (this.#phase === 'discard') this.#next();
    else this.#exchange?.requestEnd(trailers);
  }

  malformed(status: number, why: string): void {
    const isCut = this.#writer.begun || this.#phase === 'discard';
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.clientGone('malformed');
    if (isCut) this.#finish('protocol_error');
    else this.#refuse(status, why, exchange === null);
  }

  enough(): void {
    this.#socket.pause();
  }

  /** It costs this connection, not the host program. */
  threw(error: unknown): void {
    this.#visitor.threw(error);
    this.#finish('internal_error');
  }

  #next(): void {
    if (this.#draining) return this.#close();
    if (this.#writer.isFull) return this.#waitForRoom();
    this.#waitFor('idle');
    this.#reader.mode = 'head';
    this.#read();
  }

  /** Else answers to requests that are sent at once would pile up. */
  #waitForRoom(): void {
    this.#phase = 'full';
    this.#reader.mode = 'wait';
    this.#socket.pause();
    this.#visitor.limit(this.#visitor.readerLimitMs(this.#visitor.http.keepAliveTimeoutMs), 'client_too_slow');
  }

  #waitFor(phase: 'idle' | 'head'): void {
    this.#phase = phase;
    this.#visitor.limitHead(phase === 'head');
  }

  #read(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#reader.read();
  }

  /** Answers what cannot be served as a request, and closes. An exchange that was under way has reported it. */
  #refuse(status: number, why: string, reports = true): void {
    const { head, body } = this.#visitor.dated(errorAnswer(status, why));
    if (this.#closeEnd === 'normal') this.#closeEnd = 'protocol_error';
    if (reports) this.#visitor.refused(status, why);
    this.#writer.refuse(head, body, this.#request?.method ?? '');
    this.#close();
  }

  /** The answer has the time of `#waitForRoom`. */
  #close(): void {
    this.#phase = 'closing';
    const sends = !this.#reader.contentDone || this.#reader.waits || this.#closeEnd !== 'normal';
    this.#reader.stop();
    sendEnd(this.#visitor, this.#closeEnd, sends, () => this.#finish(this.#closeEnd));
  }

  #finish(end: TEnd): void {
    this.#phase = 'gone';
    this.#visitor.connections.cleanupConnection(this.#connection, end);
  }

  #ended(): void {
    this.#leave();
    this.#reader.stop();
    this.#exchange?.clientGone(this.#connection.end === 'shutdown' ? 'shutdown' : 'left');
  }

  #leave(): void {
    this.#phase = 'gone';
    this.#connection.limitMs = 0;
    this.#connection.limitPassed = null;
    this.#connection.drainable = null;
    this.#reading?.giveBack();
    this.#socket.off('drain', this.#onDrain);
  }
}
