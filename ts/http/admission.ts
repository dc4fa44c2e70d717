// The guard's words as answers, and what becomes of a request that it lets pass.

import type { IResolvedRoute } from '../config/resolved.js';
import type { IRequestPermit, TRequestRefusal } from '../flow/guard/guard.js';
import type { IHttpRoutes } from '../flow/http-front.js';
import { askPassword } from './auth-answers.js';
import { errorAnswer, type IOwnAnswer } from './error-answer.js';
import type { IAdmission, IPendingAdmission } from './exchange-view.js';

/** Refused by `refusal`. `route` null: none was found. */
export const refuseBy = (route: IResolvedRoute | null, refusal: IOwnAnswer): IAdmission => ({
  route,
  refusal,
  routes: null,
  permit: null,
  pending: null,
});

export const refuse = (route: IResolvedRoute | null, status: number, why: string): IAdmission =>
  refuseBy(route, errorAnswer(status, why));

export const waitFor = (route: IResolvedRoute, pending: IPendingAdmission): IAdmission => ({
  route,
  refusal: null,
  routes: null,
  permit: null,
  pending,
});

/** What the guard said. `guarded`: the route with the rules that held for the request. */
export function admissionOf(
  given: IRequestPermit | TRequestRefusal,
  route: IResolvedRoute,
  guarded: IResolvedRoute,
  routes: IHttpRoutes,
): IAdmission {
  if (given === 'route_connection_limit') return refuse(route, 503, 'the route has too many connections');
  if (given === 'in_flight_limit') return refuse(route, 503, 'the route has too many requests under way');
  if (given === 'unauthenticated') return refuseBy(route, askPassword(guarded.security.basic?.[0]?.realm ?? ''));
  if (typeof given === 'string') return refuse(route, 403, '');
  return { route, refusal: null, routes, permit: given, pending: null };
}
