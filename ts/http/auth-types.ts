// What those see and say who take time to judge a request.

import type { IRequestHead, TFields } from '../codec/http-message.js';
import type { Connection } from '../flow/connection.js';
import type { IHttpRoutes } from '../flow/http-front.js';
import type { IOwnAnswer } from './error-answer.js';
import type { IForwardFacts } from './forwarded.js';
import type { Via } from './via.js';

/** A request that is to be judged. */
export interface IAsking {
  readonly connection: Connection;
  /** Behind a trusted peer the one that it states. */
  readonly clientIp: string;
  readonly head: IRequestHead;
  /** Path and query as they go to targets. */
  readonly target: string;
  /** What targets are told of the client. */
  readonly facts: IForwardFacts;
  readonly via: Via;
  /** In force when it came. */
  readonly routes: IHttpRoutes;
  /** Whoever was asked did not answer. */
  unanswered(place: { readonly host: string; readonly port: number }, error: Error): void;
}

export interface IAuthVerdict {
  /** null: it may pass. */
  readonly refusal: IOwnAnswer | null;
  /** What is known of the client now: fields for whoever serves the request. */
  readonly fields: TFields;
  /** For the client, with the answer to its request. */
  readonly toClient: TFields;
}

export const passes: IAuthVerdict = Object.freeze({ refusal: null, fields: [], toClient: [] });

export const refusedBy = (refusal: IOwnAnswer): IAuthVerdict => ({ refusal, fields: [], toClient: [] });
