// Asks the limits of a route how often it may be asked, which may take a while, before anything else is asked about a request.

import type { IResolvedRoute } from '../config/resolved.js';
import type { IRateJudgement } from '../flow/guard/request-rates.js';
import { errorAnswer, type IOwnAnswer } from './error-answer.js';
import type { IAdmission, IPendingAdmission } from './exchange-view.js';
import { seconds } from './rate-fields.js';
import type { RequestFacts } from './request-facts.js';
import type { Visitor } from './visitor.js';

type TAdmit = () => IAdmission;

/** `admit` says what is next, where the limits let the request pass. */
export function rateRequest(visitor: Visitor, request: RequestFacts, route: IResolvedRoute, admit: TAdmit): IAdmission {
  const judgement = visitor.services.guard.rates.judge(route, request);
  if (!(judgement instanceof Promise)) return settled(judgement, request, route, admit);
  const pending = new PendingRate(judgement, (known) => {
    try {
      return settled(known, request, route, admit);
    } catch (error) {
      visitor.threw(error);
      return refused(route, errorAnswer(500));
    }
  });
  return { route, refusal: null, routes: null, permit: null, pending };
}

function settled(
  { refusedBy, verdict }: IRateJudgement,
  request: RequestFacts,
  route: IResolvedRoute,
  admit: TAdmit,
): IAdmission {
  request.rate = verdict;
  return refusedBy === 0 ? admit() : refused(route, tooMany(refusedBy, verdict?.resetMs ?? 0));
}

const refused = (route: IResolvedRoute, refusal: IOwnAnswer): IAdmission => ({
  route,
  refusal,
  routes: null,
  permit: null,
  pending: null,
});

/** RFC 6585 §4. The same time as RateLimit-Reset says; at least a second, so that nobody comes again at once. */
function tooMany(status: number, resetMs: number): IOwnAnswer {
  const own = errorAnswer(status);
  const { head } = own;
  if (status === 503 && resetMs === 0) return own;
  const others = head.fields.filter((_, at) => head.fields[at - (at % 2)] !== 'Retry-After');
  return { ...own, head: { ...head, fields: [...others, 'Retry-After', seconds(Math.max(1, resetMs))] } };
}

class PendingRate implements IPendingAdmission {
  readonly #judgement: Promise<IRateJudgement>;
  readonly #goOn: (judgement: IRateJudgement) => IAdmission;
  #next: IPendingAdmission | null = null;
  #cancelled = false;

  /** `goOn` must not throw. */
  constructor(judgement: Promise<IRateJudgement>, goOn: (judgement: IRateJudgement) => IAdmission) {
    this.#judgement = judgement;
    this.#goOn = goOn;
  }

  wait(known: (admission: IAdmission) => void): void {
    // It never rejects.
    void this.#judgement.then((judgement) => {
      if (this.#cancelled) return;
      const admission = this.#goOn(judgement);
      this.#next = admission.pending;
      if (this.#next === null) known(admission);
      else this.#next.wait(known);
    });
  }

  cancel(): void {
    this.#cancelled = true;
    this.#next?.cancel();
  }
}
