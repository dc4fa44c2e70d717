// A target's connection that speaks HTTP/1.1: one request at a time goes out, one answer comes in, then the next.
//
// Whatever leaves doubt about where one answer ends and the next begins costs the connection: only after a request that
// was sent to its end and an answer that was read to its end, with nothing behind it, does it go back to its home.

import type { Socket } from 'node:net';
import { messageOf, ProxyError, type TErrorCode } from '../base/errors.js';
import type { IRequestHead, TFields } from '../codec/http-message.js';
import type { IHeadLimits } from '../codec/http1-request.js';
import { SharedRead } from '../flow/shared-read.js';
import { unlessReset } from '../flow/socket-utils.js';
import type { IAnswerListener, IOrigin, IOriginFailure } from './exchange-types.js';
import { UpstreamAnswer } from './upstream-answer.js';
import { hearLastWords, type ILastWords, isFailedWrite } from './upstream-last-words.js';
import { UpstreamRequest } from './upstream-request.js';

/** Who keeps the connection between requests. */
export interface IUpstreamHome {
  /** It is ready for another request. */
  free(origin: UpstreamHttp1): void;
  /** It serves no more. Called once, at the moment this is known; its socket is destroyed, or somebody else's. */
  lost(origin: UpstreamHttp1): void;
}

/** `idle`: nothing is asked. `asked`: an answer is awaited or under way. `gone`: it serves no more. */
type TPhase = 'idle' | 'asked' | 'gone';

export class UpstreamHttp1 implements IOrigin, ILastWords {
  readonly socket: Socket;
  /** For people: `a.test:80`. */
  readonly name: string;
  /** Answers that it gave completely. */
  served = 0;

  readonly #home: IUpstreamHome;
  readonly #reading: SharedRead;
  readonly #request: UpstreamRequest;
  readonly #answer: UpstreamAnswer;
  #phase: TPhase = 'idle';
  #listener: IAnswerListener | null = null;
  #held = false;
  /** Nothing can be sent any more; what the target said before may still be read. */
  #unsendable: Error | null = null;

  /** Takes over a connected socket; `limits` are for heads of answers. */
  constructor(socket: Socket, name: string, limits: IHeadLimits, home: IUpstreamHome) {
    this.socket = socket;
    this.name = name;
    this.#home = home;
    this.#request = new UpstreamRequest(socket);
    this.#answer = new UpstreamAnswer(limits);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('end', this.#onEnd);
    socket.on('drain', this.#onDrain);
    this.#reading = new SharedRead(socket, this.#onData);
    hearLastWords(socket, this);
    // What happened before has no event left to tell it.
    if (socket.destroyed || socket.readableEnded) this.#leave();
  }

  /** False: it serves no more. */
  get usable(): boolean {
    return this.#phase !== 'gone';
  }

  send(head: IRequestHead, listener: IAnswerListener): void {
    if (this.#phase !== 'idle') return this.#refuse(listener);
    this.#listener = listener;
    this.#phase = 'asked';
    this.#answer.begin(head.method, head.upgrade, listener, this.served > 0);
    this.#request.begin(head);
  }

  data(chunk: Uint8Array): boolean {
    if (this.#isOver) return true;
    const more = this.#request.data(chunk);
    if (more === null) this.#misframed();
    return more ?? true;
  }

  end(trailers: TFields | null): void {
    if (this.#isOver) return;
    if (!this.#request.end(trailers)) this.#misframed();
  }

  flush(): void {
    if (!this.#isOver) this.#request.flush();
  }

  cancel(): void {
    this.#listener = null;
    if (this.#phase === 'idle') this.#home.free(this);
    else this.#leave();
  }

  hold(): void {
    if (this.#held || this.#phase !== 'asked') return;
    this.#held = true;
    this.socket.pause();
  }

  pull(): void {
    if (!this.#held) return;
    this.#held = false;
    if (this.#phase !== 'gone') this.socket.resume();
  }

  /** Its home wants no more of it. */
  destroy(): void {
    this.#broke('TARGET_BROKE', `the connection to ${this.name} was closed`);
  }

  // --- ILastWords ---

  wanted(): boolean {
    return this.#phase === 'asked';
  }

  failed(error: Error): void {
    this.#unsendable = error;
    // The rest of the content goes nowhere; nobody has to wait for room.
    if (this.#request.isFull) this.#onDrain();
  }

  silent(): void {
    this.#ended(this.#unsendable);
  }

  // --- inside ---

  /** There is no request whose content could go anywhere. */
  get #isOver(): boolean {
    return this.#listener === null || this.#phase === 'gone' || this.#unsendable !== null;
  }

  readonly #onData = (bytes: Buffer, owned: boolean): void => {
    const listener = this.#listener;
    // Nothing was asked: what comes now would be taken for the next request's answer.
    if (listener === null) return this.#leave();
    switch (this.#answer.read(bytes, owned)) {
      case 'complete':
        return this.#complete(listener, this.#answer.keepAlive);
      case 'excess':
        return this.#complete(listener, false);
      case 'more':
        return listener.answerPause();
      case 'broken':
        return this.#broke('TARGET_MALFORMED', `${this.name} gave an answer that is not HTTP: ${this.#answer.why}`);
      case 'tired':
        this.#answer.heard = false;
        return this.#ended(null);
      case 'switched':
        return this.#switch(listener);
    }
  };

  /**
   * The answer is read to its end. One that came before the request was sent to its end costs the connection: the
   * target may take what is still to come for another request, or never read it.
   */
  #complete(listener: IAnswerListener, keepAlive: boolean): void {
    this.served += 1;
    const { trailers } = this.#answer;
    const isSent = this.#request.done && this.socket.writableLength === 0 && this.#unsendable === null;
    if (keepAlive && isSent) this.#rest();
    else this.#leave();
    listener.answerEnd(trailers);
    listener.answerPause();
  }

  /** Back home, before anybody hears of it: the next request may come in the same tick. */
  #rest(): void {
    this.#listener = null;
    this.#phase = 'idle';
    if (this.#held) this.pull();
    this.#home.free(this);
  }

  /** Its socket is the listener's from here on, paused. */
  #switch(listener: IAnswerListener): void {
    const { socket } = this;
    const { head, rest } = this.#answer;
    if (head === null) return;
    this.#reading.giveBack();
    socket.off('end', this.#onEnd).off('drain', this.#onDrain);
    socket.off('error', this.#onError).off('close', this.#onClose);
    // Errors stay handled until the tunnel hears them itself.
    socket.on('error', ignore);
    socket.pause();
    this.#answer.head = null;
    this.#answer.rest = null;
    this.#forget();
    listener.answerSwitched(head, socket, rest);
  }

  readonly #onDrain = (): void => {
    if (!this.#request.isFull) return;
    this.#request.isFull = false;
    this.#listener?.originDrained();
  };

  readonly #onEnd = (): void => {
    const listener = this.#listener;
    if (listener === null || !this.#answer.untilClose) return this.#ended(null);
    unlessReset(this.socket, () => {
      if (this.#listener === listener && this.#phase === 'asked') this.#complete(listener, false);
    });
  };

  readonly #onError = (error: Error): void => {
    this.#ended(error);
  };

  readonly #onClose = (): void => {
    this.#ended(null);
  };

  /** The target ended the connection, whatever was under way. */
  #ended(cause: Error | null): void {
    if (this.#phase === 'gone') return;
    const how = cause === null ? 'closed' : `broke (${messageOf(cause)})`;
    const when = this.#answer.heard ? 'in the middle of its answer' : 'before it answered';
    this.#broke('TARGET_BROKE', `${this.name} ${how} the connection ${when}`, cause);
  }

  #broke(code: TErrorCode, message: string, cause: Error | null = null): void {
    if (this.#phase === 'gone') return;
    const listener = this.#listener;
    const { heard } = this.#answer;
    const stale = code === 'TARGET_BROKE' && this.served > 0 && !heard;
    // The kernel knew, when it was given the bytes, that the connection was reset: it sent none.
    const isRefused = isFailedWrite(this.#unsendable ?? cause) && this.#request.atomic;
    const unsent = !heard && (this.#request.untold || isRefused);
    this.#leave();
    if (listener === null) return;
    const error = new ProxyError(code, message, cause === null ? undefined : { cause });
    listener.originFailed({ error, unsent, stale });
  }

  /** More or less content than the request's head promised: whoever sent it is to blame. */
  #misframed(): void {
    const listener = this.#listener;
    this.#leave();
    const error = new ProxyError('REQUEST_MALFORMED', 'the request has another length than its head says');
    if (listener !== null) this.#failSoon(listener, { error, unsent: false, stale: false });
  }

  /** It serves no more; or it is in use, which is a defect, and then nobody's request is safe on it. */
  #refuse(listener: IAnswerListener): void {
    this.destroy();
    const error = new ProxyError('TARGET_BROKE', `${this.name} closed the connection before the request was sent`);
    this.#failSoon(listener, { error, unsent: true, stale: this.served > 0 });
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

  #leave(): void {
    if (this.#phase === 'gone') return;
    this.socket.destroy();
    this.#forget();
  }

  #forget(): void {
    this.#phase = 'gone';
    this.#listener = null;
    this.#answer.stop();
    this.#home.lost(this);
  }
}

function ignore(): void {}
