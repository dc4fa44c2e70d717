// An exchange as those see it who do one part of it.

import type { IRequestHead, TFields } from '../codec/http-message.js';
import type { IResolvedForward, IResolvedRoute } from '../config/resolved.js';
import type { ITargetPick } from '../flow/forward/target-types.js';
import type { IRequestPermit } from '../flow/guard/guard.js';
import type { IHttpRoutes } from '../flow/http-front.js';
import type { IOwnAnswer } from './error-answer.js';
import type { ExchangeTime } from './exchange-time.js';
import type { IClientSide, IOrigin, IOriginFailure } from './exchange-types.js';
import type { RequestFacts } from './request-facts.js';
import type { Visitor } from './visitor.js';

interface IExchangeParts {
  readonly visitor: Visitor;
  readonly side: IClientSide;
  readonly request: RequestFacts;
}

/** What the guard said of a request. */
export interface IAdmission {
  /** null: none was found. */
  readonly route: IResolvedRoute | null;
  /** null: it is admitted. */
  readonly refusal: IOwnAnswer | null;
  readonly routes: IHttpRoutes | null;
  readonly permit: IRequestPermit | null;
  /** Null where nothing has to be waited for; else all others but `route` are null, and it will say what they are. */
  readonly pending: IPendingAdmission | null;
}

/** A judgement that takes time. */
export interface IPendingAdmission {
  /** Begins. Calls `known` once, with what is pending no more, in this tick or later; never after `cancel`. Throws nothing. */
  wait(known: (admission: IAdmission) => void): void;
  /** Nobody waits any more: the client left, or its time is up. */
  cancel(): void;
}

/** A request that was admitted, for the action of its route. */
export interface IActing extends IExchangeParts {
  /** An answer of our own, complete. */
  answer(answer: IOwnAnswer): void;
  /** Sends the request to an origin. */
  send(origin: IOrigin, head: IRequestHead): void;
  /** Sends it to a target of the route, as soon as one takes it; `upgrades`: as the opening of a WebSocket. */
  forward(action: IResolvedForward, upgrades: boolean): void;
  /** The client's side was told all there is: its socket is somebody else's, or it was sent away. `status` is for the record. */
  leave(status: number): void;
  readonly routes: IHttpRoutes | null;
  readonly permit: IRequestPermit | null;
}

/** For whoever leads an answer back. */
export interface IAnswering extends IExchangeParts {
  /** null: none was found. */
  readonly route: IResolvedRoute | null;
  /** Set-Cookie for the client's way back to its target; null: none. */
  stickyCookie(): string | null;
  /** The client was given everything. */
  answered(trailers: TFields | null): void;
  originFailed(failure: IOriginFailure): void;
  readonly time: ExchangeTime;
}

/** For whoever finds an origin. */
export interface IForwardingOwner extends IExchangeParts {
  /** Send it now. */
  connected(origin: IOrigin, pick: ITargetPick): void;
  /** There is none, or none that may be tried. */
  unreachable(error: Error): void;
}
