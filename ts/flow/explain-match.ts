// The part of an explanation that tells of routes: every candidate with its criteria, and the nearest miss.

import type { IResolvedRoute, IResolvedTls } from '../config/resolved.js';
import type { IExplainStep, INearestMiss, IShownRoute } from './explain-types.js';
import type { ICriterionVerdict, IJudged, PortTable } from './match/port-table.js';
import type { IConnectionFacts, IRequestFacts, TEngine } from './stages.js';

export interface IEngineChoice {
  readonly engine: TEngine | null;
  /** Where there is none; null also where there is no route that could have been missed. */
  readonly nearestMiss: INearestMiss | null;
}

/** Adds every candidate for the connection, and what serves it, to `steps`. */
export function explainEngine(
  table: PortTable,
  facts: IConnectionFacts,
  plainHttp: boolean,
  steps: IExplainStep[],
): IEngineChoice {
  const engine = table.engine(facts, plainHttp);
  if (engine?.kind === 'http') {
    const why = plainHttp ? 'as all plain HTTP on this port' : 'as a route asks for what only requests show';
    const text = `the HTTP engine takes the connection, ${why}: each request finds its own route`;
    steps.push({ stage: 'match', ok: true, text });
    return { engine, nearestMiss: null };
  }
  const judged = table.judge(facts);
  steps.push(...candidateSteps(judged));
  if (engine === null) return { engine, nearestMiss: missed(forBytes(judged), 'no route matches', steps) };
  const { key, match } = engine.route;
  const isLent = facts.domain === null && match.domains !== null;
  const text = isLent
    ? `no host is named: route ${key} lends its TLS, and the host of each request decides`
    : `route ${key} ${engine.kind === 'tls' ? 'terminates the TLS of' : 'takes'} the connection`;
  steps.push({ stage: 'match', ok: true, text });
  return { engine, nearestMiss: null };
}

/** Adds why no route takes the decrypted bytes to `steps`. */
export function explainNoneInside(
  table: PortTable,
  facts: IConnectionFacts,
  tls: IResolvedTls,
  steps: IExplainStep[],
): INearestMiss | null {
  const judged = table.judgeInside(facts, tls);
  steps.push(...candidateSteps(judged));
  return missed(forBytes(judged), `no route takes ${facts.protocol ?? 'any'} bytes inside this TLS`, steps);
}

export interface IRouteChoice {
  readonly route: IResolvedRoute | null;
  /** As above. */
  readonly nearestMiss: INearestMiss | null;
}

/** Adds every candidate for the request and the choice to `steps`. */
export function explainMatch(table: PortTable, facts: IRequestFacts, steps: IExplainStep[]): IRouteChoice {
  const route = table.matchRequest(facts);
  const judged = table.judgeRequest(facts);
  steps.push(...candidateSteps(judged));
  if (route === null) return { route, nearestMiss: missed(judged, 'no route takes the request', steps) };
  steps.push({ stage: 'match', ok: true, text: `route ${route.key} takes the request` });
  return { route, nearestMiss: null };
}

/** What is no request is nearer to whatever is not for requests alone. */
function forBytes(judged: readonly IJudged[]): readonly IJudged[] {
  const others = judged.filter(({ route }) => !route.match.httpOnly);
  return others.length === 0 ? judged : others;
}

function missed(judged: readonly IJudged[], what: string, steps: IExplainStep[]): INearestMiss | null {
  const nearestMiss = nearestOf(judged);
  const near =
    nearestMiss === null
      ? ''
      : `; nearest is route ${nearestMiss.route.key}, which fails on ${nearestMiss.failed.map(shortOf).join(' and ')}`;
  steps.push({ stage: 'match', ok: false, text: `${what}${near}` });
  return nearestMiss;
}

export const shownRoute = ({ key, name, index }: IResolvedRoute): IShownRoute => ({ key, name, index });

/** A trace is for reading: of more candidates than this only the nearest are told. */
const maxTold = 50;

/** In the order in which routes are preferred. */
function candidateSteps(judged: readonly IJudged[]): IExplainStep[] {
  const told = new Set([...judged].sort((a, b) => lackOf(a) - lackOf(b)).slice(0, maxTold));
  const steps = judged.filter((one) => told.has(one)).map(candidateStep);
  const others = judged.length - told.size;
  if (others > 0) steps.push({ stage: 'match', ok: null, text: `${others} more routes match no better` });
  return steps;
}

function candidateStep({ route, matches, pattern, verdicts }: IJudged): IExplainStep {
  const criteria = verdicts.map(({ name, want, got, ok }) => `${name} ${ok ? 'ok' : 'NO'} (want ${want}; got ${got})`);
  const asked = criteria.length === 0 ? 'asks for nothing' : criteria.join(', ');
  const priority = route.priority === 0 ? '' : ` [priority ${route.priority}]`;
  const text = `route ${route.key}${priority} ${matches ? 'matches' : 'does not match'}: ${asked}`;
  const detail = { route: shownRoute(route), priority: route.priority, pattern, criteria: verdicts };
  return { stage: 'match', ok: matches, text, detail };
}

/** Fewest criteria failed; of equals the one with most that hold, then the one that is preferred. */
function nearestOf(judged: readonly IJudged[]): INearestMiss | null {
  const [nearest] = [...judged].sort((a, b) => lackOf(a) - lackOf(b) || b.verdicts.length - a.verdicts.length);
  return nearest === undefined ? null : { route: shownRoute(nearest.route), failed: failedOf(nearest) };
}

const failedOf = ({ verdicts }: IJudged): readonly ICriterionVerdict[] => verdicts.filter(({ ok }) => !ok);
const lackOf = (judged: IJudged): number => failedOf(judged).length;
const shortOf = ({ name, want, got }: ICriterionVerdict): string => `${name} (want ${want}; got ${got})`;
