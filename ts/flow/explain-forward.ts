// The part of an explanation that tells what the route's action would do.

import { systemClock } from '../base/clock.js';
import { errorTable, type TErrorCode } from '../base/errors.js';
import { isPrivateAddress } from '../codec/address.js';
import { isIpLiteral } from '../codec/host.js';
import { fieldValue } from '../codec/http-message.js';
import type { IResolvedForward, IResolvedRoute, IResolvedTarget } from '../config/resolved.js';
import type { IRouteContext } from '../config/types.js';
import type { TEnd } from './ends.js';
import type { IVisit } from './explain-query.js';
import type { IExplainStep, IExplainView, IExplanation } from './explain-types.js';
import { placeName } from './forward/target-state.js';
import { compileRequestTest, tierFor } from './forward/target-tiers.js';
import type { ITargetVerdict } from './forward/target-types.js';
import { compilePath, pathOf } from './match/path-pattern.js';
import type { IConnectionFacts, IRequestFacts } from './stages.js';

/** A connection, or a request of it, with its route. */
export interface IMatchedVisit {
  readonly route: IResolvedRoute;
  readonly facts: IConnectionFacts;
  /** null: bytes as they are. */
  readonly request: IRequestFacts | null;
  readonly visit: IVisit;
  readonly view: IExplainView;
}

type TServed = Pick<IExplanation, 'outcome' | 'end' | 'status' | 'target'>;

/** Adds what the action would do to `steps`. */
export function explainAction(matched: IMatchedVisit, steps: IExplainStep[]): TServed {
  const { action } = matched.route;
  const tell = (text: string, ok = true) => steps.push({ stage: 'forward', ok, text });
  switch (action.type) {
    case 'forward':
      return explainTargets(action, matched, steps);
    case 'block':
      tell('the action of the route is to block', false);
      return matched.request === null
        ? { outcome: 'block', end: 'route_blocked' }
        : { outcome: 'block', status: action.status };
    case 'socket-handler':
      tell('the socket handler of the route gets the connection');
      return { outcome: 'handler' };
    case 'http-handler':
      tell('the HTTP handler of the route answers');
      return { outcome: 'handler' };
    case 'redirect':
      tell(`the route sends the client to ${templateText(action.to)}`);
      return { outcome: 'redirect', status: action.status };
    case 'respond':
      tell(`the route answers by itself, with ${action.body.length} bytes of content`);
      return { outcome: 'respond', status: action.status };
  }
}

const templateText = (pieces: readonly string[]): string =>
  pieces.map((piece, place) => (place % 2 === 0 ? piece : `{${piece}}`)).join('');

function explainTargets(action: IResolvedForward, matched: IMatchedVisit, steps: IExplainStep[]): TServed {
  const { route, facts, request, view } = matched;
  const refused = (end: TEnd, error: TErrorCode): TServed =>
    request === null ? { outcome: 'refused', end } : { outcome: 'refused', status: errorTable[error].status };
  const pickFacts = request === null ? facts : { ...facts, request };
  const verdicts = view.pickerFor(route).explain(pickFacts, () => contextOf(matched));
  for (const verdict of verdicts) steps.push(targetStep(verdict, request !== null));
  const first = verdicts.find(({ chosen }) => chosen);
  // Nobody is chosen where chance decides; where nothing fits or the function failed, nobody could be.
  const fits = tierFor(action.targets, facts.port, (target) => takes(target, request)) !== null;
  const failed = fits && verdicts[0]?.port === null;
  if (first === undefined && (!fits || failed || verdicts.length === 0)) {
    steps.push({ stage: 'forward', ok: false, text: 'there is no target' });
    return refused('no_target', failed ? 'TARGET_FUNCTION_FAILED' : 'NO_TARGET');
  }
  if (first === undefined || first.port === null) return { outcome: 'forward' };
  if (!isDenied(first.host, view)) return { outcome: 'forward', target: { host: first.host, port: first.port } };
  const text = `${first.host} is a private address, which denyPrivateTargets refuses: the next target would be tried`;
  steps.push({ stage: 'forward', ok: false, text });
  return verdicts.every(({ host }) => isDenied(host, view))
    ? refused('target_denied', 'TARGET_DENIED')
    : { outcome: 'forward' };
}

const takes = (target: IResolvedTarget, request: IRequestFacts | null): boolean =>
  request !== null && (compileRequestTest(target, compilePath)?.(request) ?? true);

function targetStep(verdict: ITargetVerdict, isRequest: boolean): IExplainStep {
  const { host, port, chosen, why, speaks } = verdict;
  const place = port === null ? host : placeName(host, port);
  const how = isRequest && speaks !== undefined ? `, by ${speaks}` : '';
  return {
    stage: 'forward',
    ok: chosen ? true : null,
    text: `${place}: ${why}${how}`,
    detail: { host, port, chosen, why },
  };
}

/** Of names only their addresses are judged, when they are resolved. */
const isDenied = (host: string, { config }: IExplainView): boolean =>
  config.denyPrivateTargets && isIpLiteral(host) && isPrivateAddress(host);

/** What target functions are given: a connection or a request that is only thought of. */
function contextOf({ route, facts, request, visit }: IMatchedVisit): IRouteContext {
  const { port, clientIp, domain, tlsVersion, alpn } = facts;
  return {
    port,
    ...(domain === null ? {} : { domain }),
    clientIp,
    clientPort: 0,
    serverIp: visit.address ?? '',
    isTls: visit.facts.protocol === 'tls',
    ...(tlsVersion === null ? {} : { tlsVersion }),
    ...(alpn.length === 0 ? {} : { alpn }),
    ...(route.name === undefined ? {} : { routeName: route.name }),
    ...(route.id === undefined ? {} : { routeId: route.id }),
    connectionId: 'explain',
    timestamp: systemClock.wallMs(),
    signal: new AbortController().signal,
    ...(request === null ? {} : requestContextOf(route, request)),
  };
}

function requestContextOf(
  route: IResolvedRoute,
  { path, query, method, fields }: IRequestFacts,
): Partial<IRouteContext> {
  const found = pathOf(route)?.match(path) ?? null;
  const names = fields.filter((_, place) => place % 2 === 0).map((name) => name.toLowerCase());
  return {
    path,
    query,
    method,
    headers: Object.fromEntries(names.map((name) => [name, fieldValue(fields, name) ?? ''])),
    ...(found === null || found.params === null ? {} : { pathParams: found.params }),
    ...(found === null || found.remainder === null ? {} : { pathRemainder: found.remainder }),
    requestId: 'explain',
  };
}
