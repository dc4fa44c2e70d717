// Asks everybody who takes time to judge a request, one after the other: those who cost least first.

import type { IResolvedAsks, IResolvedRoute } from '../config/resolved.js';
import type { Undecided } from '../flow/guard/guard.js';
import type { IHttpRoutes } from '../flow/http-front.js';
import { admissionOf, refuse, refuseBy } from './admission.js';
import { withPlaces } from './admit-place.js';
import { hideAnswers } from './auth-fields.js';
import type { IAsking, IAuthVerdict } from './auth-types.js';
import type { IAdmission, IPendingAdmission } from './exchange-view.js';
import { forwardFacts, type RequestFacts } from './request-facts.js';
import type { Visitor } from './visitor.js';

/** A request, and what was in force when it came. */
export interface IPendingRequest {
  readonly visitor: Visitor;
  readonly request: RequestFacts;
  readonly route: IResolvedRoute;
  readonly routes: IHttpRoutes;
}

export class PendingAuth implements IPendingAdmission {
  readonly #pending: IPendingRequest;
  readonly #undecided: Undecided;
  readonly #abort = new AbortController();
  #next: IPendingAdmission | null = null;

  constructor(pending: IPendingRequest, undecided: Undecided) {
    this.#pending = pending;
    this.#undecided = undecided;
  }

  wait(known: (admission: IAdmission) => void): void {
    this.#judge().then(
      (admission) => {
        if (admission === null) return;
        this.#next = admission.pending;
        if (this.#next === null) known(admission);
        else {
          if (this.#abort.signal.aborted) this.#next.cancel();
          this.#next.wait(known);
        }
      },
      (error: unknown) => {
        const { visitor, route } = this.#pending;
        if (this.#abort.signal.aborted) return;
        // A defect: whoever asks is kept out.
        visitor.threw(error);
        known(refuse(route, 500, ''));
      },
    );
  }

  cancel(): void {
    this.#abort.abort();
    this.#next?.cancel();
  }

  /** null: it was cancelled. */
  async #judge(): Promise<IAdmission | null> {
    const { visitor, request, route, routes } = this.#pending;
    const { signal } = this.#abort;
    const found: string[] = [];
    for (const ask of this.#questions(this.#undecided.asks)) {
      const { refusal, fields, toClient } = await ask(signal);
      if (signal.aborted) return null;
      if (refusal !== null) return refuseBy(route, refusal);
      found.push(...fields);
      if (toClient.length > 0) request.toClient = [...(request.toClient ?? []), ...toClient];
    }
    const given = visitor.services.guard.admitAnswered(this.#undecided);
    if (typeof given !== 'string') hideAnswers(request, this.#undecided.route, found);
    return withPlaces(visitor, admissionOf(given, route, this.#undecided.route, routes));
  }

  *#questions({ basic, jwt, forward }: IResolvedAsks): Generator<(signal: AbortSignal) => Promise<IAuthVerdict>> {
    const { passwords, tokens, servers } = this.#pending.visitor.services.auth;
    const asking = askingOf(this.#pending);
    for (const rule of basic) yield (signal) => passwords.judge(rule, asking, signal);
    for (const rule of jwt) yield () => tokens.judge(rule, asking);
    for (const rule of forward) yield (signal) => servers.judge(rule, asking, signal);
  }
}

const askingOf = ({ visitor, request, route, routes }: IPendingRequest): IAsking => ({
  connection: visitor.connection,
  clientIp: request.clientIp,
  head: request.head,
  target: request.get('target'),
  facts: forwardFacts(request),
  via: visitor.services.via,
  routes,
  unanswered: (place, error) => visitor.unanswered(route, place, 503, error),
});
