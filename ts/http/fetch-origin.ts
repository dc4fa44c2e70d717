// An origin that is a function of the program: it gets a Request and gives a Response, both of which stream.

import { messageOf, ProxyError } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { IRequestHead, IResponseHead } from '../codec/http-message.js';
import type { IRouteContext, THttpHandler } from '../config/types.js';
import { errorAnswer } from './error-answer.js';
import type { IAnswerListener, IOrigin } from './exchange-types.js';
import { answerOf, isResponse } from './fetch-answer.js';
import { FetchContent } from './fetch-content.js';
import { carriesContent, fetchRequest, refusedMethod } from './fetch-request.js';

export interface IFetchDeps {
  readonly handler: THttpHandler;
  /** The facts that the handler is given. */
  contextOf(): IRouteContext;
  /** The URL that was asked for. */
  urlOf(head: IRequestHead): string;
  /** Of the request; asked for by few. Whoever cancels the origin aborts it. */
  signalOf(): AbortSignal;
  readonly logger: ILogger;
}

interface IChunk {
  readonly done: boolean;
  readonly value?: unknown;
}

export class FetchOrigin implements IOrigin {
  readonly #deps: IFetchDeps;
  /** null: before the request, and when all is said or nobody listens any more. */
  #listener: IAnswerListener | null = null;
  #content: FetchContent | null = null;
  #method = '';
  #reader: ReadableStreamDefaultReader<unknown> | null = null;
  #reading = false;
  #held = false;
  #pauseDue = false;
  /** A head of unknown length waits for the end of this turn: most answers are whole by then, and their length known. */
  #waiting: IResponseHead | null = null;
  #first: Uint8Array | null = null;
  /** Bytes to come; below 0: nobody said. */
  #left = -1;

  constructor(deps: IFetchDeps) {
    this.#deps = deps;
  }

  send(head: IRequestHead, listener: IAnswerListener): void {
    this.#listener = listener;
    this.#method = head.method.toUpperCase();
    const refused = refusedMethod(head.method);
    if (refused !== null) return this.#refuse(refused);
    const { urlOf, signalOf, handler, contextOf } = this.#deps;
    if (carriesContent(head)) this.#content = new FetchContent(() => this.#listener?.originDrained());
    let request: Request;
    try {
      request = fetchRequest(head, urlOf(head), this.#content?.stream ?? null, signalOf);
    } catch {
      return this.#refuse(400);
    }
    try {
      Promise.resolve(handler(request, contextOf())).then(this.#answered, this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }

  data(chunk: Uint8Array): boolean {
    return this.#content?.push(chunk) ?? true;
  }

  end(): void {
    this.#content?.close();
  }

  flush(): void {}

  cancel(): void {
    this.#listener = null;
    this.#release(new DOMException('the client left', 'AbortError'));
  }

  hold(): void {
    this.#held = true;
  }

  pull(): void {
    this.#held = false;
    this.#read();
  }

  // --- the answer ---

  readonly #answered = (response: unknown): void => {
    const listener = this.#listener;
    try {
      if (!isResponse(response)) throw new TypeError('an HTTP handler must give a Response');
      if (listener === null) return discard(response.body);
      const { head, body } = answerOf(response, this.#method);
      if (body === null) {
        discard(response.body);
        listener.answerHead(head);
        return this.#complete();
      }
      this.#reader = body.getReader();
      this.#left = head.contentLength;
      this.#waiting = head;
      if (this.#left >= 0) this.#begin(this.#left);
    } catch (error) {
      return this.#failed(error);
    }
    this.#pauseSoon();
    this.#read();
  };

  /** Gives the head, and the content that waited with it. */
  #begin(contentLength: number): void {
    const head = this.#waiting;
    if (head === null) return;
    this.#waiting = null;
    this.#listener?.answerHead({ ...head, contentLength });
    const first = this.#first;
    this.#first = null;
    if (first !== null) this.#listener?.answerData(first);
  }

  #read(): void {
    if (this.#held || this.#reading || this.#reader === null || this.#listener === null) return;
    this.#reading = true;
    try {
      // A package's own streams may give anything.
      Promise.resolve(this.#reader.read()).then(this.#took, this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly #took = (chunk: IChunk | undefined): void => {
    this.#reading = false;
    if (this.#listener === null) return;
    if (chunk?.done) return this.#ended();
    const value = chunk?.value;
    if (!(value instanceof Uint8Array)) return this.#failed(new TypeError('content of a Response must be Uint8Arrays'));
    if (value.byteLength > 0) this.#take(value);
    this.#read();
  };

  #take(chunk: Uint8Array): void {
    if (this.#left >= 0) {
      this.#left -= chunk.byteLength;
      if (this.#left < 0) return this.#failed(new RangeError('a Response is longer than its Content-Length'));
    }
    if (this.#waiting !== null && this.#first === null) {
      this.#first = chunk;
      return;
    }
    this.#begin(-1);
    this.#listener?.answerData(chunk);
    this.#pauseSoon();
  }

  #ended(): void {
    if (this.#left > 0) return this.#failed(new RangeError('a Response is shorter than its Content-Length'));
    this.#begin(this.#first?.byteLength ?? 0);
    this.#complete();
  }

  /**
   * Content that the handler has not read stays unread. To fail its stream now would reject a read that a handler has begun and
   * left alone, and a rejection that nobody hears ends the program.
   */
  #complete(): void {
    const listener = this.#listener;
    this.#listener = null;
    this.#content = null;
    this.#reader = null;
    listener?.answerEnd(null);
  }

  /** What was given in this turn goes out at its end, together. */
  #pauseSoon(): void {
    if (this.#pauseDue) return;
    this.#pauseDue = true;
    setImmediate(this.#paused);
  }

  readonly #paused = (): void => {
    this.#pauseDue = false;
    if (this.#listener === null) return;
    this.#begin(-1);
    this.#listener?.answerPause();
  };

  // --- failures ---

  readonly #failed = (error: unknown): void => {
    const listener = this.#listener;
    if (listener === null) return;
    this.#listener = null;
    const why = messageOf(error);
    this.#deps.logger.error({ error, why }, 'http handler failed');
    this.#release(error);
    const failure = new ProxyError('HANDLER_FAILED', `the HTTP handler failed: ${why}`, { cause: error });
    listener.originFailed({ error: failure, unsent: false, stale: false });
  };

  #refuse(status: number): void {
    const { head, body } = errorAnswer(status);
    this.#content = null;
    this.#listener?.answerHead(head);
    this.#listener?.answerData(body);
    this.#complete();
  }

  #release(reason: unknown): void {
    this.#content?.fail(reason);
    this.#content = null;
    this.#waiting = null;
    this.#first = null;
    if (this.#reader !== null) discard(this.#reader, reason);
    this.#reader = null;
  }
}

/** Tells whoever makes the content that nobody wants it. A stream that somebody else reads refuses, and is theirs. */
function discard(content: { cancel(reason?: unknown): Promise<unknown> } | null, reason?: unknown): void {
  try {
    Promise.resolve(content?.cancel(reason)).catch(ignore);
  } catch {
    // It is of a package's own making.
  }
}

function ignore(): void {}
