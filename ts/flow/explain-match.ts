// The part of an explanation that tells of routes: every candidate with its criteria, and the nearest miss.

import type { IResolvedRoute } from '../config/resolved.js';
import type { IExplainStep, INearestMiss, IShownRoute } from './explain-types.js';
import type { ICriterionVerdict, IJudged, PortTable } from './match/port-table.js';
import type { IConnectionFacts } from './stages.js';

export interface IRouteChoice {
  readonly route: IResolvedRoute | null;
  /** Where there is no route; null also where there is none that could have been missed. */
  readonly nearestMiss: INearestMiss | null;
}

/** Adds every candidate and the choice to `steps`. */
export function explainMatch(table: PortTable, facts: IConnectionFacts, steps: IExplainStep[]): IRouteChoice {
  const route = table.match(facts);
  const judged = table.judge(facts);
  steps.push(...candidateSteps(judged));
  if (route !== null) {
    steps.push({ stage: 'match', ok: true, text: `route ${route.key} takes the connection` });
    return { route, nearestMiss: null };
  }
  const nearestMiss = nearestOf(judged);
  const near =
    nearestMiss === null
      ? ''
      : `; nearest is route ${nearestMiss.route.key}, which fails on ${nearestMiss.failed.map(shortOf).join(' and ')}`;
  steps.push({ stage: 'match', ok: false, text: `no route matches${near}` });
  return { route: null, nearestMiss };
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
