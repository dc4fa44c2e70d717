// The part of an explanation that tells what would become of a request.

import type { IResolvedRoute, IResolvedTls } from '../config/resolved.js';
import { explainAction } from './explain-forward.js';
import { explainMatch, shownRoute } from './explain-match.js';
import type { IVisit, IVisitRequest } from './explain-query.js';
import { tellRules } from './explain-rules.js';
import type { IExplainStep, IExplainView, IExplanation } from './explain-types.js';
import { carries } from './match/carries.js';
import { guardedRoute } from './match/excluded.js';
import { guardedOtherwise } from './match/other-readings.js';
import { pathOf } from './match/path-pattern.js';
import type { PortTable } from './match/port-table.js';
import type { IConnectionFacts, IRequestFacts } from './stages.js';

/** A connection that the HTTP engine has. */
export interface IHttpVisitor {
  readonly visit: IVisit;
  readonly view: IExplainView;
  readonly table: PortTable;
  readonly facts: IConnectionFacts;
  readonly request: IVisitRequest;
  /** The settings that TLS was terminated with; null: plain. */
  readonly tls: IResolvedTls | null;
}

/** Adds what becomes of its request to `steps`. */
export function explainHttp(visitor: IHttpVisitor, steps: IExplainStep[]): Omit<IExplanation, 'steps'> {
  const { view, table, facts, request, tls } = visitor;
  const refusal = facts.fromTrusted ? null : view.guard.mayServe(facts, table.routesFor(tls));
  if (refusal !== null) {
    const text = `every route that a request here may find refuses ${facts.clientIp || 'an unknown address'}`;
    steps.push({ stage: 'guard', ok: false, text, detail: { end: refusal } });
    return { outcome: 'refused', end: refusal };
  }
  steps.push(requestStep(request));
  if (request.method === 'CONNECT' || request.method === 'TRACE') {
    steps.push({ stage: 'match', ok: false, text: `${request.method} is not served` });
    return { outcome: 'refused', status: 501 };
  }
  const asked: IRequestFacts = { ...facts, ...request, isTls: tls !== null };
  const { route, nearestMiss } = explainMatch(table, asked, steps);
  if (route === null) return { outcome: 'no_route', status: 404, ...(nearestMiss === null ? {} : { nearestMiss }) };
  const told = { route: shownRoute(route) };
  const other = guardedOtherwise(table, asked, route);
  if (other !== null) {
    const text =
      other === 'unclear'
        ? 'the path is too long and too odd to tell whether some would read it as that of a route with rules: refused'
        : `read in another way the path is for route ${other.key}, which has rules for clients: refused`;
    steps.push({ stage: 'match', ok: false, text });
    return { outcome: 'refused', status: 400, ...told };
  }
  if (!carries(tls, facts.domain, route)) {
    const text = `the TLS of the connection is not that of route ${route.key}: the client must make one for this host`;
    steps.push({ stage: 'match', ok: false, text });
    return { outcome: 'refused', status: 421, ...told };
  }
  tellPath(route, asked, steps);
  const refused = tellRules(view.guard.explainRoute(route, facts.clientIp), steps);
  if (refused !== null && refused !== 'route_connection_limit') return { outcome: 'refused', status: 403, ...told };
  for (const { ok, why, status } of view.guard.explainRates(route, asked)) {
    steps.push({ stage: 'guard', ok, text: why });
    if (!ok) return { outcome: 'refused', status, ...told };
  }
  const status = tellCredentials(route, asked, view, steps);
  if (status !== null) return { outcome: 'refused', status, ...told };
  if (refused !== null) return { outcome: 'refused', status: 503, ...told };
  return { ...explainAction({ route, facts: asked, request: asked, visit: visitor.visit, view }, steps), ...told };
}

/** The status that the request is refused with for who it is from, as far as that can be told; null: none. */
function tellCredentials(
  route: IResolvedRoute,
  asked: IRequestFacts,
  { guard }: IExplainView,
  steps: IExplainStep[],
): number | null {
  const tell = (ok: boolean | null, text: string) => steps.push({ stage: 'guard', ok, text });
  const guarded = guardedRoute(route, asked.path);
  if (guarded === null) {
    tell(false, `${asked.path} can be read in another way, in which rules may hold that do not hold for it: refused`);
    return 400;
  }
  if (guarded !== route) tell(true, `${asked.path} is in excludePaths of route ${route.key}`);
  const credentials = guard.explainCredentials(guarded, asked);
  if (credentials !== null) tell(credentials.ok, credentials.why);
  const verdicts = guard.explainAsks(guarded, asked);
  for (const { ok, why } of verdicts) tell(ok, why);
  return credentials?.ok === false || verdicts.some(({ ok }) => ok === false) ? 401 : null;
}

function requestStep({ method, domain, path, query, isAsked }: IVisitRequest): IExplainStep {
  const target = query === '' ? path : `${path}?${query}`;
  const assumed = isAsked ? '' : ', assumed as nothing else is said';
  const text = `the request is ${method} ${target} for ${domain ?? 'no name'}${assumed}`;
  return { stage: 'peek', ok: null, text, detail: { method, domain, path, query } };
}

function tellPath(route: IResolvedRoute, { path }: IRequestFacts, steps: IExplainStep[]): void {
  const found = pathOf(route)?.match(path);
  if (!found || (found.params === null && found.remainder === null)) return;
  const params = Object.entries(found.params ?? {}).map(([name, value]) => `${name} is ${JSON.stringify(value)}`);
  const remainder = found.remainder === null ? [] : [`the remainder is ${JSON.stringify(found.remainder)}`];
  const text = `of the path ${[...params, ...remainder].join(', ')}`;
  steps.push({ stage: 'match', ok: null, text, detail: { pathParams: found.params, pathRemainder: found.remainder } });
}
