// One request and its answer: finds the route, asks the guard, leads the request to whoever answers it and the answer
// back. It stands between a client side and an origin and knows no version of HTTP.

import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import type { IResolvedForward, IResolvedRoute } from '../config/resolved.js';
import type { TEnd } from '../flow/ends.js';
import type { ITargetPick } from '../flow/forward/target-types.js';
import { act } from './action.js';
import { admitRequest } from './admit-request.js';
import { AnswerRelay } from './answer-relay.js';
import { errorAnswer, type IOwnAnswer } from './error-answer.js';
import { goneError, knownError, notSwitched, statusOf } from './exchange-errors.js';
import { ExchangeTime } from './exchange-time.js';
import type { IAnswerListener, IClientSide, IOrigin, IOriginFailure, IRequestListener } from './exchange-types.js';
import type { IActing, IAdmission, IAnswering, IForwardingOwner } from './exchange-view.js';
import { Forwarding } from './forwarding.js';
import { inKind } from './grpc-answer.js';
import { RequestFacts } from './request-facts.js';
import { responseFields } from './response-fields.js';
import { sendPlain } from './send-plain.js';
import { switchToTunnel } from './switch-protocol.js';
import { headForTarget } from './target-head.js';
import type { Visitor } from './visitor.js';
import { opensBySuccess } from './websocket.js';

export class Exchange implements IRequestListener, IAnswerListener, IActing, IAnswering, IForwardingOwner {
  readonly visitor: Visitor;
  readonly side: IClientSide;
  readonly request: RequestFacts;
  readonly time: ExchangeTime;
  /** null until the guard was asked. */
  #admission: IAdmission | null = null;
  #forwarding: Forwarding | null = null;
  #origin: IOrigin | null = null;
  /** The head that went to the origin. */
  #sent: IRequestHead | null = null;
  #relay: AnswerRelay | null = null;
  #status = 0;
  #error: Error | null = null;
  #done = false;

  constructor(visitor: Visitor, side: IClientSide, head: IRequestHead) {
    this.visitor = visitor;
    this.side = side;
    this.request = new RequestFacts(visitor, head);
    this.time = new ExchangeTime(visitor, side, head);
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
    const place = this.#forwarding?.place ?? null;
    const error = this.time.passed({ sent: this.#origin !== null, answered: this.#relay !== null, place });
    this.#fail(error, error.code === 'CLIENT_TOO_SLOW' ? 'client_too_slow' : 'request_timeout');
  }

  answer(own: IOwnAnswer): void {
    const { head, body } = inKind(own, this.request.head, this.#error);
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
    this.time.limit();
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
    this.time.took(chunk.length);
    const maxBodyBytes = this.route === null ? 0 : this.visitor.maxBodyBytes(this.route);
    if (maxBodyBytes > 0 && this.time.contentBytes > maxBodyBytes) {
      return this.#fail(new ProxyError('REQUEST_TOO_LARGE', 'the content is too large'), 'protocol_error');
    }
    this.#forwarding?.keep(chunk);
    if (origin.data(chunk)) return this.#relay === null ? this.#watchAnswer() : undefined;
    this.side.hold();
    this.time.stall(this.route?.timeouts.stallTimeoutMs ?? 0);
  }

  requestEnd(trailers: TFields | null): void {
    if (this.#done) return;
    this.time.received = true;
    this.#forwarding?.contentDone(trailers);
    if (this.#relay === null) this.#watchAnswer();
    this.#origin?.end(trailers);
  }

  clientDrained(): void {
    this.#relay?.drained();
  }

  clientGone(why: 'left' | 'malformed' | 'shutdown' | 'timeout'): void {
    if (this.#done) return;
    const error = goneError(why, this.visitor.connection.end);
    this.#error = error;
    this.#stop();
    // Of an answer that was begun the client has the status, whoever cut it.
    this.#settle(this.#relay === null || error.code === 'CLIENT_LEFT' ? error.status : this.#status);
  }

  answerInform(status: number, fields: TFields): void {
    if (this.#done || this.#relay !== null) return;
    this.side.inform(status, responseFields(fields, null));
    if (this.time.informed(status)) this.#watchAnswer();
  }

  answerHead(head: IResponseHead): void {
    try {
      if (this.#done || this.#triesAgainAfter(head.status)) return;
      if (head.status < 300 && opensBySuccess(this.request.head)) this.#fail(notSwitched());
      else this.#begin(head);
    } catch (error) {
      this.#failed(error);
    }
  }

  answerData(chunk: Uint8Array): void {
    if (this.#done) return;
    this.time.gave(chunk.length);
    this.#relay?.data(chunk);
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
    if (this.time.goOn()) this.#watchAnswer();
    this.side.pull();
  }

  answerSwitched(head: IResponseHead, socket: Socket, bytes: Buffer | null): void {
    this.#origin = null;
    if (this.#done) return void socket.destroy();
    const switched = switchToTunnel(this, this.#sent, head, socket, bytes);
    if (typeof switched === 'number') this.#settle(switched, true);
    else this.#fail(switched);
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
    this.time.begin();
    // It has begun when its head went out: what throws before that can still be answered.
    const relay = new AnswerRelay(this, this.#origin);
    relay.head(head);
    this.#relay = relay;
  }

  #watchAnswer(): void {
    this.time.watch(this.route, this.#origin !== null && this.#relay === null);
  }

  #triesAgainAfter(status: number): boolean {
    const origin = this.#origin;
    this.#origin = null;
    const tries = this.#forwarding?.triesAfter(status) ?? false;
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
  #fail(error: Error, end: TEnd = 'target_error'): void {
    if (this.#done) return;
    this.visitor.unanswered(this.route, this.#forwarding?.place ?? null, statusOf(error), error);
    this.#error = error;
    this.#stop();
    if (this.#relay === null) return this.#answerError(statusOf(error));
    this.#settle(this.#status);
    this.side.cut(end);
  }

  #answerError(status: number): void {
    try {
      this.answer(errorAnswer(status));
    } catch (error) {
      this.visitor.threw(error);
      this.#settle(500);
      sendPlain(this.side, this.#relay === null ? this.visitor.dated(errorAnswer(500)) : null);
    }
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
    if (tunnels) this.side.whenOver(() => this.permit?.release());
    else this.permit?.release();
    this.request.leave(this.#error !== null);
    const { place = null, attempts = 0 } = this.#forwarding ?? {};
    this.visitor.ended(
      { request: this.request, route: this.route, target: place, attempts },
      { status, startedMs: this.time.startedMs, error: this.#error },
    );
  }
}
