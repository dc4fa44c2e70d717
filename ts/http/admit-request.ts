// Before anything is done for a request: can it be understood, which route takes it, does the guard let it pass?

import { normalisePath } from '../codec/http-path.js';
import { challengePath } from '../config/challenge-words.js';
import type { IResolvedRoute } from '../config/resolved.js';
import { Undecided } from '../flow/guard/guard.js';
import type { IHttpRoutes } from '../flow/http-front.js';
import { guardedRoute } from '../flow/match/excluded.js';
import { guardedOtherwise } from '../flow/match/other-readings.js';
import { admissionOf, refuse, waitFor } from './admission.js';
import { withPlaces } from './admit-place.js';
import { hideAnswers } from './auth-fields.js';
import { PendingAuth } from './auth-pending.js';
import type { IOwnAnswer } from './error-answer.js';
import type { IAdmission } from './exchange-view.js';
import { rateRequest } from './rate-request.js';
import type { RequestFacts } from './request-facts.js';
import type { Visitor } from './visitor.js';

export function admitRequest(visitor: Visitor, request: RequestFacts): IAdmission {
  const { head } = request;
  const { method, target, contentLength } = head;
  const routes = visitor.visit.now();
  if (routes === null) return refuse(null, 503, 'no route is for this port any more');
  const proof = visitor.services.challenges.pending ? proofFor(visitor, target) : null;
  if (proof !== null) return { ...refuse(null, 200, ''), refusal: proof };
  if (visitor.visit.refusal !== null) return refuse(null, 403, '');
  if (method === 'CONNECT' || method === 'TRACE') return refuse(null, 501, `${method} is not served`);
  const mark = target.indexOf('?');
  const path = normalisePath(mark < 0 ? target : target.slice(0, mark));
  if (path === null) return refuse(null, 400, 'the path cannot be understood');
  request.read(path, mark < 0 ? '' : target.slice(mark + 1));
  const route = visitor.match(routes, head.host, request);
  if (route === null) return refuse(null, 404, '');
  visitor.routed(route);
  request.routed(route);
  const other = guardedOtherwise(routes.table, request, route);
  if (other !== null) return refuse(route, 400, 'the path can be read in more than one way');
  if (!visitor.serves(route)) return refuse(route, 421, 'this connection was made for another host');
  return admit(visitor, request, route, routes, contentLength);
}

/** What an authority looks for under a token; null: it is none of ours, and the routes decide. */
function proofFor({ services }: Visitor, target: string): IOwnAnswer | null {
  if (!target.startsWith(challengePath)) return null;
  const text = services.challenges.answerTo(target.slice(challengePath.length));
  if (text === null) return null;
  const body = Buffer.from(text);
  const fields = ['Content-Type', 'application/octet-stream', 'Cache-Control', 'no-store'];
  return { head: { status: 200, reason: '', fields, contentLength: body.length }, body, isError: false };
}

function admit(
  visitor: Visitor,
  request: RequestFacts,
  route: IResolvedRoute,
  routes: IHttpRoutes,
  contentLength: number,
): IAdmission {
  const maxBodyBytes = visitor.maxBodyBytes(route);
  if (maxBodyBytes > 0 && contentLength > maxBodyBytes) return refuse(route, 413, 'the content is too large');
  const { requests } = route.security;
  if (requests === null || requests.rates.length === 0) return permit(visitor, request, route, routes);
  if (visitor.services.guard.refusesAddress(visitor.connection, route, request.clientIp)) return refuse(route, 403, '');
  return rateRequest(visitor, request, route, () => permit(visitor, request, route, routes));
}

function permit(visitor: Visitor, request: RequestFacts, route: IResolvedRoute, routes: IHttpRoutes): IAdmission {
  const guarded = guardedRoute(route, request.path);
  if (guarded === null) return refuse(route, 400, 'the path can be read in more than one way');
  const given = visitor.services.guard.admitRequest(visitor.connection, guarded, request.clientIp, request);
  if (given instanceof Undecided) return waitFor(route, new PendingAuth({ visitor, request, routes, route }, given));
  if (typeof given !== 'string') hideAnswers(request, guarded);
  return withPlaces(visitor, admissionOf(given, route, guarded, routes));
}
