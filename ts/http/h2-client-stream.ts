// One request on a client's HTTP/2 connection: its stream, as the exchange sees a client.

import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import { readTrailers, responseBlock, trailerBlock } from '../codec/http2-fields.js';
import { h2Error } from '../codec/http2-frame.js';
import type { Connection } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import { lingerMs } from './client-close.js';
import { discardBytes } from './client-phase.js';
import { Exchange } from './exchange.js';
import type { IClientSide, IDetached } from './exchange-types.js';
import { H2ReaderWatch, never } from './h2-reader-watch.js';
import type { IH2StreamHost } from './h2-stream-host.js';
import { H2TunnelSocket } from './h2-tunnel-socket.js';
import type { IH2Stream, IH2StreamOwner } from './h2-types.js';
import { asOpening } from './websocket.js';

export class H2ClientStream implements IClientSide, IH2StreamOwner {
  /** When the connection has to look at it. */
  dueMs = never;
  isReset = false;
  readonly #host: IH2StreamHost;
  readonly #stream: IH2Stream;
  readonly #request: IRequestHead;
  /** Of its content; -1 where that is not known, or is no content but a tunnel's. */
  readonly #length: number;
  readonly #exchange: Exchange;
  /** What the exchange waits for; and the client, to read. */
  #limitDueMs = never;
  readonly #reader = new H2ReaderWatch();
  /** The answer's head, until it is known what follows it. */
  #head: IResponseHead | null = null;
  #isHeadSent = false;
  /** The answer has no content, whatever its length. */
  #isBare = false;
  /** Of content with a known length, bytes to come; else -1. */
  #left = -1;
  /** All of the request has come. */
  #received: boolean;
  /** The exchange has asked for content; the request's end, where that came before. */
  #asked = false;
  #early: { readonly trailers: TFields | null } | null = null;
  /** Nothing more is told to the exchange, or sent. */
  #done = false;
  #releases: (() => void)[] | null = null;
  /** What it has become after its answer: a tunnel; its record. */
  #socket: H2TunnelSocket | null = null;
  #tunnel: Connection | null = null;

  /** `end`: the request is complete by its head. */
  constructor(host: IH2StreamHost, stream: IH2Stream, head: IRequestHead, end: boolean) {
    this.#host = host;
    this.#stream = stream;
    this.#request = head;
    this.#length = head.upgrade === null ? head.contentLength : -1;
    this.#received = end;
    this.#exchange = new Exchange(host.visitor, this, asOpening(head));
  }

  get askedMs(): number {
    return this.#isHeadSent ? Number.NEGATIVE_INFINITY : this.#exchange.time.startedMs;
  }

  start(): void {
    this.#exchange.start();
    // Content that was announced as none is only the end to come, unless it is a tunnel's.
    if (!this.#received && this.#length === 0) this.#stream.pull();
  }

  inform(status: number, fields: TFields): void {
    if (this.#done || this.#isHeadSent) return;
    this.#stream.sendHeaders(responseBlock({ status, reason: '', fields, contentLength: -1 }, true), false);
  }

  head(head: IResponseHead): void {
    const { status, contentLength } = head;
    this.#head = head;
    this.#isBare = this.#request.method === 'HEAD' || status === 204 || status === 304;
    this.#left = this.#isBare ? -1 : contentLength;
  }

  data(chunk: Uint8Array): boolean {
    const { length } = chunk;
    if (this.#done || this.#isBare || length === 0) return true;
    if (this.#left >= 0) {
      // More than was announced: the answer is not what it says.
      if (length > this.#left) {
        this.#left = length;
        return true;
      }
      this.#left -= length;
    }
    this.#sendHead(false);
    const hasRoom = this.#stream.sendData(chunk);
    if (!hasRoom) this.#watchReader();
    return hasRoom;
  }

  end(trailers: TFields | null): void {
    if (this.#done) return;
    if (this.#left > 0) return this.cut('target_error');
    const block = trailers === null ? null : trailerBlock(trailers);
    const isLast = block === null || block.length === 0;
    if (this.#isHeadSent || !isLast) {
      this.#sendHead(false);
      this.#stream.sendEnd(isLast ? null : block);
    } else this.#sendHead(true);
    this.#done = true;
    this.#limitDueMs = never;
    if (this.#stream.waitingBytes > 0) this.#watchReader();
    if (!this.#received) this.#leaveRest();
  }

  flush(): void {
    if (!this.#done) this.#sendHead(false);
  }

  cut(end: TEnd): void {
    this.#close(end === 'protocol_error' ? h2Error.protocol : h2Error.internal);
  }

  pull(): void {
    this.#asked = true;
    this.#stream.pull();
    if (this.#early !== null) this.#exchange.requestEnd(this.#early.trailers);
    this.#early = null;
  }

  hold(): void {
    this.#stream.hold();
  }

  limit(limitMs: number): void {
    this.#limitDueMs = limitMs > 0 ? this.#host.visitor.nowMs() + limitMs : never;
    this.#due();
  }

  whenOver(release: () => void): void {
    this.#releases ??= [];
    this.#releases.push(release);
  }

  refuseVersion(): boolean {
    this.#close(h2Error.http11Required);
    return true;
  }

  original(): Buffer | null {
    return null;
  }

  detach(): IDetached | null {
    if (this.#done) return null;
    this.flush();
    this.limit(0);
    this.#done = true;
    const { visitor, graceMs } = this.#host;
    const { tunnels, clock } = visitor.services;
    const { clientIp: remoteAddress, clientPort: remotePort } = visitor.connection;
    const socket = new H2TunnelSocket({ stream: this.#stream, clock, remoteAddress, remotePort });
    const tunnel = tunnels.open(socket, visitor.connection, this.#stream.id);
    this.#socket = socket;
    this.#tunnel = tunnel;
    if (this.#received) socket.h2End();
    return { socket: socket.asSocket, bytes: null, connection: tunnel, connections: tunnels, graceMs };
  }

  /** The proxy stops. */
  drain(graceMs: number): void {
    this.#tunnel?.drainable?.drain(graceMs);
  }

  get route(): string | null {
    return this.#exchange.route?.key ?? null;
  }

  /** Its route is gone. */
  cutOff(): void {
    if (this.#tunnel !== null) this.#host.visitor.services.tunnels.cleanupConnection(this.#tunnel, 'route_removed');
    this.#close(h2Error.cancel);
    this.#exchange.clientGone('shutdown');
  }

  h2Headers(fields: string[], end: boolean): void {
    if (!end) return this.#malformed('trailers are not the end of the request');
    const trailers = readTrailers(fields);
    if ('fault' in trailers) return this.#malformed(trailers.fault);
    this.#ended(trailers);
  }

  h2Data(chunk: Buffer): void {
    if (this.#socket !== null) return this.#socket.h2Data(chunk);
    if (this.#length >= 0 && this.#stream.received > this.#length) return this.#malformed('too much content');
    if (!this.#done) this.#exchange.requestData(chunk);
  }

  h2End(): void {
    this.#ended(null);
  }

  h2Drained(): void {
    this.#socket?.h2Drained();
    this.#reader.stop();
    this.#due();
    if (!this.#done) this.#exchange.clientDrained();
  }

  h2Closed(code: number): void {
    this.#done = true;
    this.#socket?.h2Closed(code);
    this.#exchange.clientGone(this.#host.visitor.connection.end === 'shutdown' ? 'shutdown' : 'left');
  }

  h2Pause(): void {}

  /** The connection looks: something may be due. */
  passed(nowMs: number): void {
    if (nowMs >= this.#limitDueMs) {
      this.#limitDueMs = never;
      // What is left of an answered request was waited for long enough.
      if (this.#done) this.#stream.reset(h2Error.noError);
      else this.#exchange.timedOut();
    }
    if (nowMs >= this.#reader.dueMs) this.#lookAtReader();
    this.#due();
  }

  /** The last that it hears. */
  over(): void {
    this.#done = true;
    this.#socket?.over();
    for (const release of this.#releases ?? []) release();
    this.#releases = null;
  }

  #sendHead(end: boolean): void {
    const head = this.#head;
    if (head === null) return;
    this.#head = null;
    this.#isHeadSent = true;
    this.#stream.sendHeaders(responseBlock(head, this.#isBare), end);
  }

  /** RFC 9110 §8.6, RFC 9113 §8.1.1: a length that is wrong is no matter of taste. */
  #ended(trailers: TFields | null): void {
    if (this.#length > 0 && this.#stream.received !== this.#length) return this.#malformed('too little content');
    this.#received = true;
    this.#socket?.h2End();
    if (this.#done || this.#request.contentLength === 0) return;
    if (this.#asked) this.#exchange.requestEnd(trailers);
    else this.#early = { trailers };
  }

  #malformed(why: string): void {
    this.#host.visitor.refused(400, why);
    this.#close(h2Error.protocol);
    this.#exchange.clientGone('malformed');
  }

  #close(code: number): void {
    this.#done = true;
    this.#limitDueMs = never;
    this.#reader.stop();
    this.isReset = true;
    this.#stream.reset(code);
  }

  /**
   * The answer came before the end of the request. A client that has it may end its side by itself; some (curl) take a reset, even
   * with NO_ERROR, for a fault. A little that is to come is taken, more is not waited for as long.
   */
  #leaveRest(): void {
    const left = this.#length < 0 ? never : this.#length - this.#stream.received;
    const isLittle = left <= discardBytes;
    // First of all: with what has come already the stream may be over at once.
    this.limit(isLittle ? this.#host.visitor.http.headersTimeoutMs : lingerMs);
    if (isLittle) this.#stream.pull();
    else this.#stream.hold();
  }

  #watchReader(): void {
    const { visitor } = this.#host;
    const limitMs = this.#exchange.route?.timeouts.stallTimeoutMs ?? visitor.http.headersTimeoutMs;
    this.#reader.begin(this.#stream, visitor.nowMs(), limitMs);
    this.#due();
  }

  #lookAtReader(): void {
    this.#reader.stop();
    if (this.#reader.isStalled(this.#stream)) {
      this.#close(h2Error.cancel);
      this.#exchange.clientGone('timeout');
    } else if (this.#stream.waitingBytes > 0) this.#watchReader();
  }

  #due(): void {
    this.dueMs = Math.min(this.#limitDueMs, this.#reader.dueMs);
    if (this.dueMs !== never) this.#host.watch(this.dueMs);
  }
}
