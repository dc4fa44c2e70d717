// One request and its answer: finds the route, asks the guard, leads the request to whoever answers it and the answer
// back. It stands between a client side and an origin and knows no version of HTTP.

import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import type { IResolvedForward, IResolvedRoute } from '../config/resolved.js';
import type { ITargetPick } from '../flow/forward/target-types.js';
import { act } from './action.js';
import { admitRequest } from './admit-request.js';
import { AnswerRelay } from './answer-relay.js';
import { errorAnswer, type IOwnAnswer } from './error-answer.js';
import { clientError, knownError, overdue, statusOf } from './exchange-errors.js';
import type { IAnswerListener, IClientSide, IOrigin, IOriginFailure, IRequestListener } from './exchange-types.js';
import type { IActing, IAdmission, IAnswering, IForwardingOwner } from './exchange-view.js';
import { Forwarding } from './forwarding.js';
import { RequestFacts } from './request-facts.js';
import { responseFields } from './response-fields.js';
import { switchToTunnel } from './switch-protocol.js';
import { headForTarget } from './target-head.js';
import type { Visitor } from './visitor.js';

export class Exchange implements IRequestListener, IAnswerListener, IActing, IAnswering, IForwardingOwner {
  readonly visitor: Visitor;
  readonly side: IClientSide;
  readonly request: RequestFacts;
  readonly #startedMs: number;
  /** null until the guard was asked. */
  #admission: IAdmission | null = null;
  #forwarding: Forwarding | null = null;
  #origin: IOrigin | null = null;
  /** The head that went to the origin. */
  #sent: IRequestHead | null = null;
  /** Leads the answer to the client; null before its head. */
  #relay: AnswerRelay | null = null;
  /** All of the request has come. */
  #received: boolean;
  /** The origin takes no more content for now. */
  #stalled = false;
  #contentBytes = 0;
  #status = 0;
  #error: Error | null = null;
  #done = false;

  constructor(visitor: Visitor, side: IClientSide, head: IRequestHead) {
    this.visitor = visitor;
    this.side = side;
    this.request = new RequestFacts(visitor, head);
    this.#received = head.contentLength === 0;
    this.#startedMs = visitor.nowMs();
  }

  get route(): IResolvedRoute | null {
    return this.#admission?.route ?? null;
  }

  get routes() {
    return this.#admission?.routes ?? null;
  }

  get permit() {
    return this.#admission?.permit ?? null;
  }

  /** Whether the client may have ended its side and still wait for the answer. */
  get mayHalfClose(): boolean {
    return this.route?.timeouts.enableHalfOpen ?? false;
  }

  /** `known`: the admission, where it had to be waited for. */
  start(known?: IAdmission): void {
    try {
      this.#admission = known ?? admitRequest(this.visitor, this.request);
      const { refusal, route, pending } = this.#admission;
      if (pending !== null) pending.wait((admission) => this.start(admission));
      else if (refusal !== null) this.answer(refusal);
      else if (route !== null) act(this, route);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The limit that the client's side was given has passed. */
  timedOut(): void {
    if (this.#done) return;
    // Content that nobody asked for yet is no reproach either.
    const received = this.#received || this.#stalled || this.#origin === null;
    const { place = null } = this.#forwarding ?? {};
    this.#fail(overdue({ answered: this.#relay !== null, received, place }), 'request_timeout');
  }

  /** An answer of our own, complete. */
  answer({ head, body }: IOwnAnswer): void {
    this.#begin(head);
    if (body.length > 0) this.answerData(body);
    this.answerEnd(null);
  }

  send(origin: IOrigin, head: IRequestHead): void {
    this.#origin = origin;
    this.#sent = head;
    this.#watchAnswer();
    origin.send(head, this);
    if (this.#done || head.contentLength === 0 || this.#forwarding?.resend(origin)) return;
    this.side.pull();
    if (this.#origin === origin) origin.flush();
  }

  forward(action: IResolvedForward, upgrades: boolean): void {
    const { route, routes } = this;
    if (route === null || routes === null) return;
    this.#limit();
    this.#forwarding = new Forwarding(this, action, route, routes, upgrades);
    this.#forwarding.start();
  }

  leave(status: number): void {
    this.#settle(status);
  }

  connected(origin: IOrigin, pick: ITargetPick): void {
    try {
      this.send(origin, headForTarget(this, pick, this.#forwarding?.upgrades ?? false));
    } catch (error) {
      origin.cancel();
      this.#failed(error);
    }
  }

  unreachable(error: Error): void {
    this.#fail(error);
  }

  requestData(chunk: Buffer): void {
    const origin = this.#origin;
    if (origin === null || this.#done) return;
    this.#contentBytes += chunk.length;
    const { maxBodyBytes } = this.visitor.http;
    if (maxBodyBytes > 0 && this.#contentBytes > maxBodyBytes) {
      return this.#fail(new ProxyError('REQUEST_TOO_LARGE', 'the content is too large'), 'protocol_error');
    }
    this.#forwarding?.keep(chunk);
    if (origin.data(chunk)) return this.#relay === null ? this.#watchAnswer() : undefined;
    this.side.hold();
    this.#stalled = true;
    this.#limit(this.route?.timeouts.stallTimeoutMs);
  }

  requestEnd(trailers: TFields | null): void {
    if (this.#done) return;
    this.#received = true;
    this.#forwarding?.contentDone(trailers);
    if (this.#relay === null) this.#watchAnswer();
    this.#origin?.end(trailers);
  }

  clientDrained(): void {
    this.#relay?.drained();
  }

  clientGone(why: 'left' | 'malformed' | 'shutdown' | 'timeout'): void {
    if (this.#done) return;
    const error = clientError(why);
    this.#error = error;
    this.#stop();
    this.#settle(error.status);
  }

  answerInform(status: number, fields: TFields): void {
    if (!this.#done && this.#relay === null) this.side.inform(status, responseFields(fields, null));
  }

  answerHead(head: IResponseHead): void {
    try {
      if (!this.#done && !this.#triesAgainAfter(head.status)) this.#begin(head);
    } catch (error) {
      this.#failed(error);
    }
  }

  answerData(chunk: Uint8Array): void {
    if (!this.#done) this.#relay?.data(chunk);
  }

  answerEnd(trailers: TFields | null): void {
    if (this.#done) return;
    this.#origin = null;
    this.#relay?.end(trailers);
  }

  answerPause(): void {
    if (!this.#done) this.#relay?.flush();
  }

  originDrained(): void {
    if (this.#done) return;
    if (this.#stalled) this.#watchAnswer();
    this.#stalled = false;
    this.side.pull();
  }

  answerSwitched(head: IResponseHead, socket: Socket, bytes: Buffer | null): void {
    this.#origin = null;
    if (this.#done) return void socket.destroy();
    const error = switchToTunnel(this, this.#sent, head, socket, bytes);
    if (error === null) this.#settle(head.status, true);
    else this.#fail(error);
  }

  originFailed(failure: IOriginFailure): void {
    if (this.#done) return;
    this.#origin = null;
    if (this.#relay === null && this.#forwarding?.again(failure)) return;
    this.#fail(failure.error);
  }

  stickyCookie(): string | null {
    return this.#forwarding?.stickyCookie() ?? null;
  }

  answered(trailers: TFields | null): void {
    // The next request may begin within `end`: what this one held must be free by then.
    this.#settle(this.#status);
    this.side.end(trailers);
  }

  #begin(head: IResponseHead): void {
    this.#status = head.status;
    this.#limit();
    this.#relay = new AnswerRelay(this, this.#origin);
    this.#relay.head(head);
  }

  /** From the end of the request on the answer has its time; before that each piece of content has, and the whole. */
  #watchAnswer(): void {
    const { responseTimeoutMs = 0, stallTimeoutMs = 0 } = this.route?.timeouts ?? {};
    const isAwaited = this.#origin !== null && this.#relay === null;
    const nextMs = this.#received ? responseTimeoutMs : stallTimeoutMs;
    this.#limit(isAwaited ? nextMs : 0);
  }

  #limit(answerMs = 0): void {
    this.side.limit(this.visitor.requestLimitMs(this.#startedMs, answerMs), 'request_timeout');
  }

  #triesAgainAfter(status: number): boolean {
    const forwarding = this.#forwarding;
    if (forwarding === null || !forwarding.mayTryAfter(status)) return false;
    const origin = this.#origin;
    this.#origin = null;
    const tries = forwarding.tryNext();
    if (tries) origin?.cancel();
    else this.#origin = origin;
    return tries;
  }

  /** What no rule of the configuration foresees: it costs this request, nothing else. */
  #failed(error: unknown): void {
    if (!(error instanceof ProxyError && error.blame === 'client')) this.visitor.threw(error);
    this.#fail(knownError(error));
  }

  /** The client gets an answer of ours; or, where one was begun that cannot be completed, it must see that. */
  #fail(error: Error, end: 'target_error' | 'request_timeout' | 'protocol_error' = 'target_error'): void {
    if (this.#done) return;
    const status = statusOf(error);
    this.visitor.unanswered(this.route, this.#forwarding?.place ?? null, status, error);
    this.#error = error;
    this.#stop();
    if (this.#relay === null) return this.answer(errorAnswer(status));
    this.#settle(this.#status);
    this.side.cut(end);
  }

  #stop(): void {
    const origin = this.#origin;
    this.#origin = null;
    this.#admission?.pending?.cancel();
    this.#relay?.cancel();
    origin?.cancel();
    this.#forwarding?.cancel();
  }

  /** Gives everything back and reports, once; what a tunnel holds is given back when that is over. */
  #settle(status: number, tunnels = false): void {
    if (this.#done) return;
    this.#done = true;
    this.#forwarding?.settled(status, this.#error, tunnels);
    const { permit } = this;
    if (tunnels) this.side.whenOver(() => permit?.release());
    else permit?.release();
    this.request.leave(this.#error !== null);
    const { place = null, attempts = 0 } = this.#forwarding ?? {};
    this.visitor.ended(
      { request: this.request, route: this.route, target: place, attempts },
      { status, startedMs: this.#startedMs, error: this.#error },
    );
  }
}
