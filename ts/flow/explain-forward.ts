// The part of an explanation that tells what the route's action would do.

import { systemClock } from '../base/clock.js';
import { isPrivateAddress } from '../codec/address.js';
import { isIpLiteral } from '../codec/host.js';
import type { IResolvedForward, IResolvedRoute } from '../config/resolved.js';
import type { IRouteContext } from '../config/types.js';
import type { IVisit } from './explain-query.js';
import type { IExplainStep, IExplainView, IExplanation } from './explain-types.js';
import { placeName } from './forward/target-state.js';
import { tierFor } from './forward/target-tiers.js';
import type { ITargetVerdict } from './forward/target-types.js';
import type { IConnectionFacts } from './stages.js';

/** A connection with its route. */
export interface IMatchedVisit {
  readonly route: IResolvedRoute;
  readonly facts: IConnectionFacts;
  readonly visit: IVisit;
  readonly view: IExplainView;
}

type TServed = Pick<IExplanation, 'outcome' | 'end' | 'target'>;

/** Adds what the action would do to `steps`. */
export function explainAction(matched: IMatchedVisit, steps: IExplainStep[]): TServed {
  const { action } = matched.route;
  switch (action.type) {
    case 'block':
      steps.push({ stage: 'forward', ok: false, text: 'the action of the route is to block' });
      return { outcome: 'block', end: 'route_blocked' };
    case 'socket-handler':
      steps.push({ stage: 'forward', ok: true, text: 'the socket handler of the route gets the connection' });
      return { outcome: 'handler' };
    case 'forward':
      return explainTargets(action, matched, steps);
  }
}

function explainTargets(action: IResolvedForward, matched: IMatchedVisit, steps: IExplainStep[]): TServed {
  const { route, facts, view } = matched;
  const verdicts = view.pickerFor(route).explain(facts, () => contextOf(matched));
  for (const verdict of verdicts) steps.push(targetStep(verdict));
  const first = verdicts.find(({ chosen }) => chosen);
  // Nobody is chosen where chance decides; where nothing fits or the function failed, nobody could be.
  const isDrawn =
    tierFor(action.targets, facts.port) !== null && verdicts[0] !== undefined && verdicts[0].port !== null;
  if (first === undefined && !isDrawn) {
    steps.push({ stage: 'forward', ok: false, text: 'there is no target' });
    return { outcome: 'refused', end: 'no_target' };
  }
  if (first === undefined || first.port === null) return { outcome: 'forward' };
  if (!isDenied(first.host, view)) return { outcome: 'forward', target: { host: first.host, port: first.port } };
  const text = `${first.host} is a private address, which denyPrivateTargets refuses: the next target would be tried`;
  steps.push({ stage: 'forward', ok: false, text });
  return verdicts.every(({ host }) => isDenied(host, view))
    ? { outcome: 'refused', end: 'target_denied' }
    : { outcome: 'forward' };
}

function targetStep({ host, port, chosen, why }: ITargetVerdict): IExplainStep {
  const place = port === null ? host : placeName(host, port);
  return { stage: 'forward', ok: chosen ? true : null, text: `${place}: ${why}`, detail: { host, port, chosen, why } };
}

/** Of names only their addresses are judged, when they are resolved. */
const isDenied = (host: string, { config }: IExplainView): boolean =>
  config.denyPrivateTargets && isIpLiteral(host) && isPrivateAddress(host);

/** What target functions are given: a connection that is only thought of. */
function contextOf({ route, facts, visit }: IMatchedVisit): IRouteContext {
  const { port, clientIp, domain, tlsVersion, alpn, protocol } = facts;
  return {
    port,
    ...(domain === null ? {} : { domain }),
    clientIp,
    clientPort: 0,
    serverIp: visit.address ?? '',
    isTls: protocol === 'tls',
    ...(tlsVersion === null ? {} : { tlsVersion }),
    ...(alpn.length === 0 ? {} : { alpn }),
    ...(route.name === undefined ? {} : { routeName: route.name }),
    ...(route.id === undefined ? {} : { routeId: route.id }),
    connectionId: 'explain',
    timestamp: systemClock.wallMs(),
    signal: new AbortController().signal,
  };
}
