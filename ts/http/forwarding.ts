// Finds an origin for a request: picks a target, takes a connection to it, and tries again where that repeats nothing.

import { ProxyError } from '../base/errors.js';
import type { IRequestHead, TFields } from '../codec/http-message.js';
import type { IResolvedForward, IResolvedHttp, IResolvedRoute } from '../config/resolved.js';
import type { IForwardDeps } from '../flow/forward/deps.js';
import type { IPickSession, ITargetPick } from '../flow/forward/target-types.js';
import type { IHttpRoutes } from '../flow/http-front.js';
import type { IOrigin, IOriginFailure } from './exchange-types.js';
import type { IForwardingOwner } from './exchange-view.js';
import { bridged } from './grpc-web.js';
import { HeldContent } from './held-content.js';
import { isIdempotent, mayRepeat, mayRepeatAfter } from './retry.js';
import type { IUpstreamTicket, IUpstreamWant } from './upstream-types.js';

/** Content of a request that is kept so that it can be sent again. */
const heldBytes = 16_384;
/**
 * The same where a target of HTTP/2 may refuse the request: what it was sent where it has not opened its first window, which as a
 * rule is of 65,535 octets (RFC 9113 §6.9.2); what waits behind that, and the read by which there was enough.
 */
const refusableBytes = 65_535 + 32_768 + 65_536;

export class Forwarding implements IUpstreamWant {
  readonly #owner: IForwardingOwner;
  readonly #head: IRequestHead;
  readonly #action: IResolvedForward;
  readonly #routeKey: string;
  readonly #session: IPickSession;
  readonly forward: IForwardDeps;
  readonly http: IResolvedHttp;
  readonly connectionTimeoutMs: number;
  fresh = false;
  readonly upgrades: boolean;
  attempts = 0;
  #pick: ITargetPick | null = null;
  /** What failed last is nothing that the target did. */
  #blameless = false;
  #ticket: IUpstreamTicket | null = null;
  /** Of a request whose content may have to be sent again; null: it is not kept. */
  #held: HeldContent | null = null;
  #contentDone: boolean;
  /** An origin was there, and content began to flow. */
  #reached = false;
  #heldTrailers: TFields | null = null;

  constructor(
    owner: IForwardingOwner,
    action: IResolvedForward,
    route: IResolvedRoute,
    routes: IHttpRoutes,
    upgrades: boolean,
  ) {
    this.upgrades = upgrades;
    const { request } = owner;
    const { head } = request;
    this.#routeKey = route.key;
    this.#owner = owner;
    this.#head = head;
    this.#action = action;
    this.#session = routes.forward.pickerFor(route).session(request, request.context);
    this.forward = routes.forward;
    this.http = routes.config.http;
    this.connectionTimeoutMs = route.timeouts.connectionTimeoutMs;
    this.#contentDone = head.contentLength === 0;
    const most = this.#contentDone ? 0 : mostHeldBytes(head.method, action);
    const length = head.contentLength < 0 ? most : Math.min(most, head.contentLength);
    if (length > 0) this.#held = new HeldContent(owner.visitor.services.held, length);
  }

  get connection() {
    return this.#owner.visitor.connection;
  }

  /** @throws where no target was picked. */
  get pick(): ITargetPick {
    if (this.#pick === null) throw noTarget();
    return this.#pick;
  }

  /** The target of the last attempt; null before the first. */
  get place(): { readonly host: string; readonly port: number } | null {
    return this.#pick === null ? null : { host: this.#pick.host, port: this.#pick.port };
  }

  /** @throws ProxyError TARGET_FUNCTION_FAILED */
  start(): void {
    this.#owner.visitor.services.retries.paid(this.#routeKey, this.#action.retry.budget);
    try {
      this.#pick = this.#session.next();
    } catch (error) {
      // Open circuits are nobody's defect.
      if (!(error instanceof ProxyError) || error.code !== 'CIRCUIT_OPEN') throw error;
      return this.#owner.unreachable(error);
    }
    if (this.#pick === null) this.#owner.unreachable(noTarget());
    else this.#attempt();
  }

  /** Content on its way to the origin. */
  keep(chunk: Buffer): void {
    if (this.#held !== null && !this.#held.add(chunk)) this.#letGo();
  }

  contentDone(trailers: TFields | null): void {
    this.#contentDone = true;
    this.#heldTrailers = trailers;
  }

  /** Sends again what the last origin was given. True if that was all: nothing is to be asked of the client. */
  resend(origin: IOrigin): boolean {
    if (this.attempts === 1 || this.#held === null) return false;
    for (const chunk of this.#held.pieces) origin.data(chunk);
    if (this.#contentDone) origin.end(this.#heldTrailers);
    return this.#contentDone;
  }

  /** Begins another attempt after a failure without an answer, if one is left and it repeats nothing. */
  again(failure: IOriginFailure): boolean {
    // A stale connection says nothing about the target: the same one gets a new connection, once, beyond all counts. One that did
    // nothing, and says so, is asked again as often as any other.
    const isUntouched = failure.stale && failure.unsent && this.#hasAttemptsLeft;
    this.#blameless = failure.stale && (!this.fresh || isUntouched);
    if (!this.#blameless) this.#pick?.lease.failed(failure.error);
    const isWhole = this.#isWhole;
    if (!mayRepeat(this.#head, failure, isWhole || (failure.unsent && this.#held !== null))) return false;
    // What comes while there is no origin would be lost.
    if (!isWhole) this.#owner.side.hold();
    if (failure.stale && !this.fresh) return this.#sameAgain();
    if (!this.#hasAttemptsLeft) return false;
    return this.#nextTarget(failure.unsent, false) || (isUntouched && this.#sameAgain());
  }

  /** The same after an answer that counts as a failure. False: that must do, as there is no other target, or for another reason. */
  triesAfter(status: number): boolean {
    const { statuses } = this.#action.retry;
    const may = this.#hasAttemptsLeft && mayRepeatAfter(this.#head, status, statuses, this.#isWhole);
    if (may && this.#nextTarget(false, true)) return true;
    // The answer begins: nothing is sent again, however long it goes on.
    this.#letGo();
    return false;
  }

  /** Something answered, or nobody waits any more. A tunnel has its target until it is over. */
  settled(status: number, error: Error | null, tunnels: boolean): void {
    this.#letGo();
    const lease = this.#pick?.lease;
    if (error === null) lease?.answered(status < 500);
    else if (error instanceof ProxyError && error.blame === 'upstream' && !this.#blameless) lease?.failed(error);
    if (!tunnels) lease?.release();
    else if (lease !== undefined) this.#owner.side.whenOver(() => lease.release());
  }

  stickyCookie(): string | null {
    if (this.#action.sticky === null || this.#pick === null) return null;
    return this.#session.stickyCookie(this.#pick);
  }

  cancel(): void {
    this.#ticket?.cancel();
    this.#ticket = null;
  }

  /** Of the content that is kept. */
  #letGo(): void {
    this.#held?.release();
    this.#held = null;
  }

  get #hasAttemptsLeft(): boolean {
    return this.attempts - (this.fresh ? 1 : 0) < this.#action.retry.attempts;
  }

  /** All of its content, if it has any, is at hand; or with the client, who was not asked for it before a target was there. */
  get #isWhole(): boolean {
    return this.#head.contentLength === 0 || !this.#reached || (this.#held !== null && this.#contentDone);
  }

  #affordable(unsent: boolean): boolean {
    return unsent || this.#owner.visitor.services.retries.take(this.#routeKey);
  }

  #attempt(): void {
    this.attempts++;
    this.connection.target = this.pick;
    this.#ticket = this.#owner.visitor.services.upstreams.acquire(this, this.#got, this.#failed);
  }

  #sameAgain(): boolean {
    this.fresh = true;
    this.#attempt();
    return true;
  }

  /** What cannot be tried costs nothing: the budget is asked when there is a target. `answered`: the last one did, badly. */
  #nextTarget(unsent: boolean, answered: boolean): boolean {
    let next: ITargetPick | null = null;
    try {
      next = this.#session.next();
    } catch {
      // The failure that led here is the one to tell.
    }
    if (next === null) return false;
    if (!this.#affordable(unsent)) {
      next.lease.release();
      return false;
    }
    if (answered) this.#pick?.lease.answered(false);
    this.#pick?.lease.release();
    this.#pick = next;
    this.#attempt();
    return true;
  }

  readonly #got = (origin: IOrigin): void => {
    this.#ticket = null;
    this.#reached = true;
    // The lease hears of the answer, not of the connection: a target that accepts and never answers is no good one.
    this.#owner.connected(this.#action.grpcWeb ? bridged(origin, this.#head) : origin, this.pick);
  };

  readonly #failed = (failure: IOriginFailure): void => {
    this.#ticket = null;
    if (!this.again(failure)) this.#owner.unreachable(failure.error);
  };
}

/** What may be repeated by its nature; or because targets of HTTP/2 say of what they did not look at (RFC 9113 §8.7), whatever it is. */
function mostHeldBytes(method: string, { targets }: IResolvedForward): number {
  for (const { backendProtocol } of targets) if (backendProtocol !== 'http1') return refusableBytes;
  return isIdempotent(method) ? heldBytes : 0;
}

/** What there is to say where no target fits a request. */
const noTarget = (): ProxyError => new ProxyError('NO_TARGET', 'no target fits this request');
