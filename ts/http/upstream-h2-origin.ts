// One request to a target on a stream of its HTTP/2 connection, as an exchange sees an origin.

import { ProxyError } from '../base/errors.js';
import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import { readTrailers, requestBlock, trailerBlock } from '../codec/http2-fields.js';
import { h2Error } from '../codec/http2-frame.js';
import { readResponse } from '../codec/http2-response.js';
import type { IAnswerListener, IOrigin, IOriginFailure } from './exchange-types.js';
import { H2TunnelSocket } from './h2-tunnel-socket.js';
import type { IH2Stream, IH2StreamOwner } from './h2-types.js';
import { type IUpstreamH2Host, malformed } from './upstream-h2-failure.js';

/** Interim answers to one request; more is a flood. */
const maxInforms = 32;

/** `waits`: nothing was sent. `asked`: until the answer is complete. `over`: nothing is told or done any more. */
type TPhase = 'waits' | 'asked' | 'over';

export class UpstreamH2Origin implements IOrigin, IH2StreamOwner {
  readonly #host: IUpstreamH2Host;
  #stream: IH2Stream | null = null;
  #phase: TPhase = 'waits';
  #listener: IAnswerListener | null = null;
  /** Of the request: HEAD has answers without content. */
  #isHead = false;
  /** It is an extended CONNECT: what is sent and heard behind the heads is no content. */
  #upgrades = false;
  /** What it has become. */
  #tunnel: H2TunnelSocket | null = null;
  /** Of the request's content: what is still to come, -1 where that is not known. */
  #owed = 0;
  #isSent = false;
  /** How often anything was heard on the connection before the request. */
  #heardBefore = 0;
  #informs = 0;
  /** The answer's head was told. */
  #answered = false;
  /** Of the answer's content: what is still to come, -1 where that is not known. */
  #left = -1;
  /** The listener is calling us: it is not told of a failure in the middle of that. */
  #busy = false;

  constructor(host: IUpstreamH2Host) {
    this.#host = host;
  }

  get allowsUpgrade(): boolean {
    return this.#host.allowsUpgrade;
  }

  /** Its stream, once; it is opened for this origin. */
  adopt(stream: IH2Stream): void {
    this.#stream = stream;
  }

  send(head: IRequestHead, listener: IAnswerListener): void {
    const stream = this.#stream;
    if (this.#phase !== 'waits' || stream === null || !this.#host.live) return this.#refuse(listener);
    this.#phase = 'asked';
    this.#listener = listener;
    this.#isHead = head.method === 'HEAD';
    this.#owed = head.contentLength;
    this.#upgrades = head.upgrade !== null;
    this.#isSent = head.contentLength === 0 && !this.#upgrades;
    this.#heardBefore = this.#host.heard;
    this.#busy = true;
    stream.sendHeaders(requestBlock(head, this.#host.scheme), this.#isSent);
    stream.pull();
    this.#busy = false;
  }

  data(chunk: Uint8Array): boolean {
    const { length } = chunk;
    if (this.#isOver || length === 0) return true;
    if (this.#owed >= 0) {
      if (length > this.#owed) {
        this.#misframed();
        return true;
      }
      this.#owed -= length;
    }
    this.#busy = true;
    const hasRoom = this.#stream?.sendData(chunk) ?? true;
    this.#busy = false;
    return hasRoom;
  }

  end(trailers: TFields | null): void {
    if (this.#isOver) return;
    if (this.#owed > 0) return this.#misframed();
    const block = trailers === null ? null : trailerBlock(trailers);
    this.#isSent = true;
    this.#busy = true;
    this.#stream?.sendEnd(block === null || block.length === 0 ? null : block);
    this.#busy = false;
  }

  /** The connection writes at the end of each turn what all its streams have. */
  flush(): void {}

  cancel(): void {
    if (this.#phase === 'over' && this.#listener === null) return;
    this.#leave(h2Error.cancel);
  }

  hold(): void {
    this.#stream?.hold();
  }

  pull(): void {
    this.#stream?.pull();
  }

  // --- IH2StreamOwner ---

  h2Headers(fields: string[], end: boolean): void {
    const listener = this.#listener;
    if (listener === null) return end ? this.#tunnel?.h2End() : undefined;
    this.#host.heard++;
    if (this.#answered) return this.#takeTrailers(fields, end);
    // The end of an answer to HEAD says nothing about the length of what it stands for.
    const head = readResponse(fields, end && !this.#isHead);
    if ('fault' in head) return this.#malformed(head.fault);
    const { status } = head;
    if (status < 200) {
      this.#informs++;
      if (this.#informs > maxInforms || end) return this.#malformed('too many interim answers');
      return listener.answerInform(status, head.fields);
    }
    this.#answered = true;
    if (this.#upgrades && status < 300) return this.#switch(listener, head, end);
    this.#left = this.#isHead || status === 204 || status === 304 ? 0 : head.contentLength;
    listener.answerHead(head);
    if (end && this.#listener === listener) this.#complete(listener, null);
  }

  h2Data(chunk: Buffer): void {
    const listener = this.#listener;
    if (listener === null) return this.#tunnel?.h2Data(chunk);
    this.#host.heard++;
    if (!this.#answered) return this.#malformed('content before its head');
    if (this.#left >= 0) {
      if (chunk.length > this.#left) return this.#malformed('more content than announced');
      this.#left -= chunk.length;
    }
    listener.answerData(chunk);
  }

  h2End(): void {
    const listener = this.#listener;
    if (listener === null) return this.#tunnel?.h2End();
    if (!this.#answered) return this.#malformed('content before its head');
    this.#complete(listener, null);
  }

  h2Drained(): void {
    this.#tunnel?.h2Drained();
    this.#listener?.originDrained();
  }

  h2Pause(): void {
    this.#listener?.answerPause();
  }

  h2Closed(code: number, unprocessed: boolean, ours: boolean): void {
    const listener = this.#listener;
    this.#stream = null;
    this.#phase = 'over';
    this.#listener = null;
    this.#tunnel?.h2Closed(code);
    if (listener === null) return;
    const isQuiet = this.#host.heard === this.#heardBefore;
    const failure = this.#host.failure({ code, unprocessed, ours, answered: this.#answered, isQuiet });
    if (this.#busy) this.#failSoon(listener, failure);
    else listener.originFailed(failure);
  }

  /** The last that it hears. */
  over(): void {
    this.#tunnel?.over();
  }

  // --- inside ---

  /** There is no request whose content could go anywhere. */
  get #isOver(): boolean {
    return this.#phase !== 'asked' || this.#isSent;
  }

  #takeTrailers(fields: string[], end: boolean): void {
    const listener = this.#listener;
    if (listener === null) return;
    if (!end) return this.#malformed('trailers are not its end');
    const trailers = readTrailers(fields);
    if ('fault' in trailers) return this.#malformed(trailers.fault);
    this.#complete(listener, trailers.length === 0 ? null : trailers);
  }

  /** RFC 8441 §5: the stream is the listener's from here on. Trailers would mean nothing in it. */
  #switch(listener: IAnswerListener, head: IResponseHead, end: boolean): void {
    const stream = this.#stream;
    if (stream === null) return;
    const { socket, clock } = this.#host.options;
    const { remoteAddress, remotePort } = socket;
    const tunnel = new H2TunnelSocket({ stream, clock, remoteAddress, remotePort });
    this.#host.served++;
    this.#tunnel = tunnel;
    this.#phase = 'over';
    this.#listener = null;
    this.#stream = null;
    if (end) tunnel.h2End();
    listener.answerSwitched(head, tunnel.asSocket, null);
  }

  /** A request that is not sent to its end by now is wanted no more (RFC 9113 §8.1). */
  #complete(listener: IAnswerListener, trailers: TFields | null): void {
    if (this.#left > 0) return this.#malformed('less content than announced');
    this.#host.served++;
    const stream = this.#stream;
    this.#phase = 'over';
    this.#listener = null;
    this.#stream = null;
    if (!this.#isSent || (stream !== null && stream.waitingBytes > 0)) stream?.reset(h2Error.cancel);
    listener.answerEnd(trailers);
    listener.answerPause();
  }

  #malformed(why: string): void {
    const listener = this.#listener;
    this.#leave(h2Error.protocol);
    listener?.originFailed(malformed(this.#host.name, why));
  }

  /** More or less content than the request's head promised: whoever sent it is to blame. */
  #misframed(): void {
    const listener = this.#listener;
    this.#leave(h2Error.cancel);
    const error = new ProxyError('REQUEST_MALFORMED', 'the request has another length than its head says');
    if (listener !== null) this.#failSoon(listener, { error, unsent: false, stale: false });
  }

  /** The connection ended, or drains, since the stream was opened. */
  #refuse(listener: IAnswerListener): void {
    this.#leave(h2Error.cancel);
    const error = new ProxyError(
      'TARGET_BROKE',
      `${this.#host.name} closed the connection before the request was sent`,
    );
    this.#failSoon(listener, { error, unsent: true, stale: true });
  }

  /** Not at once: the listener is in the middle of sending. Nothing, if it cancels meanwhile. */
  #failSoon(listener: IAnswerListener, failure: IOriginFailure): void {
    this.#listener = listener;
    process.nextTick(() => {
      if (this.#listener !== listener) return;
      this.#listener = null;
      listener.originFailed(failure);
    });
  }

  #leave(code: number): void {
    const stream = this.#stream;
    this.#phase = 'over';
    this.#listener = null;
    this.#stream = null;
    stream?.reset(code);
  }
}
