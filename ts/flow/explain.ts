// explain: what would become of a connection and why, told by the functions that decide about real ones.

import type { IListeningPoint } from '../config/change.js';
import type { TEnd } from './ends.js';
import { explainAction } from './explain-forward.js';
import { explainMatch, shownRoute } from './explain-match.js';
import { type IExplainQuery, type IVisit, readQuery } from './explain-query.js';
import type { IExplainStep, IExplainView, IExplanation } from './explain-types.js';
import { placeName } from './forward/target-state.js';
import type { IRuleVerdict } from './guard/guard.js';
import type { IConnectionFacts, TPeekNeed } from './stages.js';

export type { IExplainQuery } from './explain-query.js';
export type * from './explain-types.js';

/** Changes nothing, counts nothing, advances no balancer. @throws ConfigError with every fault of the query. */
export function explain(query: IExplainQuery, view: IExplainView): IExplanation {
  const visit = readQuery(query);
  const steps: IExplainStep[] = [];
  const end = (result: Omit<IExplanation, 'steps'>): IExplanation => ({ ...result, steps });

  const point = pointOf(visit, view);
  steps.push(listenStep(visit, point, view));
  if (point === null) return end({ outcome: 'not_listening' });
  steps.push(proxyHeaderStep(visit, view));
  const refusal = explainClient(visit, view, steps);
  if (refusal !== null) return end({ outcome: 'refused', end: refusal });

  const table = view.table.portTable(point.address, point.port);
  if (table === undefined) {
    steps.push({ stage: 'match', ok: false, text: 'no route is for this port' });
    return end({ outcome: 'no_route', end: 'no_route' });
  }
  const facts = peeked(visit.facts, table.need);
  steps.push(peekStep(facts, table.need));
  if (visit.remark !== null) steps.push({ stage: 'peek', ok: null, text: visit.remark });
  const { route, nearestMiss } = explainMatch(table, facts, steps);
  if (route === null) {
    return end({ outcome: 'no_route', end: 'no_route', ...(nearestMiss === null ? {} : { nearestMiss }) });
  }

  const told = { route: shownRoute(route) };
  const refused = tellRules(view.guard.explainRoute(route, facts.clientIp), steps);
  if (refused !== null) return end({ outcome: 'refused', end: refused, ...told });
  return end({ ...explainAction({ route, facts, visit, view }, steps), ...told });
}

/** The trace, one line a step, and the outcome last. */
export function formatExplanation({ steps, outcome, end, target }: IExplanation): string {
  const marks = { true: '+', false: '-', null: ' ' } as const;
  const width = Math.max(...steps.map(({ stage }) => stage.length));
  const lines = steps.map(({ stage, ok, text }) => `${marks[`${ok}`]} ${stage.padEnd(width)}  ${printable(text)}`);
  const place = target === undefined ? '' : ` to ${placeName(target.host, target.port)}`;
  return [...lines, `= ${outcome}${printable(place)}${end === undefined || end === outcome ? '' : ` (${end})`}`].join(
    '\n',
  );
}

/** Names in a trace come from a configuration or a query: none may add a line or steer a terminal. */
const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);

/** The point that would accept the connection. */
function pointOf(
  { address, facts: { port } }: IVisit,
  { config, listening, table }: IExplainView,
): IListeningPoint | null {
  const own = address === (config.listenAddress ?? '::') ? null : address;
  const open =
    listening === undefined
      ? table.points.filter((point) => point.port === port)
      : [...listening].filter((one) => one.port === port).map(({ point }) => point);
  const exact = open.find((point) => point.address === own);
  const general = open.find((point) => point.address === null);
  // Asked without an address, a port that listens on one address only is meant.
  return exact ?? general ?? (own === null ? (open[0] ?? null) : null);
}

function listenStep(
  { address, facts: { port } }: IVisit,
  point: IListeningPoint | null,
  { config }: IExplainView,
): IExplainStep {
  const at = placeName(point?.address ?? address ?? config.listenAddress ?? '::', port);
  if (point === null) return { stage: 'listen', ok: false, text: `nothing listens on ${at}` };
  const free = point.port === 0 && port !== 0 ? ', the free port of all routes with port 0' : '';
  return { stage: 'listen', ok: true, text: `${at} listens${free}`, detail: { ...point } };
}

function proxyHeaderStep({ facts: { clientIp } }: IVisit, { config: { proxyIPs } }: IExplainView): IExplainStep {
  const from = clientIp || 'the unknown client';
  if (proxyIPs === null) return { stage: 'listen', ok: null, text: 'PROXY headers are not read' };
  const text = proxyIPs.matches(clientIp)
    ? `${from} is in proxyIPs: it must send a PROXY header, whose client then counts; here it counts itself`
    : `${from} is not in proxyIPs: a PROXY header from it would be plain data`;
  return { stage: 'listen', ok: null, text };
}

function explainClient({ facts }: IVisit, { guard, live }: IExplainView, steps: IExplainStep[]): TEnd | null {
  const full = live !== undefined && live.size >= live.maxConnections;
  if (live !== undefined) {
    const text = `the proxy has ${live.size} of ${live.maxConnections} connections now`;
    steps.push({ stage: 'guard', ok: !full, text });
  }
  return full ? 'connection_limit' : tellRules(guard.explainClient(facts.clientIp), steps);
}

/** Tells every rule; the word of the first that refuses. */
function tellRules(verdicts: readonly IRuleVerdict[], steps: IExplainStep[]): TEnd | null {
  for (const { ok, why, end } of verdicts) {
    steps.push({ stage: 'guard', ok, text: why, ...(ok ? {} : { detail: { end } }) });
  }
  return verdicts.find(({ ok }) => !ok)?.end ?? null;
}

/** Of what the connection says, what the stage would have read of it. */
function peeked(facts: IVisit['facts'], need: TPeekNeed): IConnectionFacts {
  const { port, clientIp, protocol } = facts;
  const unread = { port, clientIp, protocol: null, domain: null, tlsVersion: null, alpn: [], hello: null };
  if (need === 'nothing') return unread;
  return need === 'client-hello' ? facts : { ...unread, protocol };
}

function peekStep({ protocol, domain, tlsVersion, alpn, hello }: IConnectionFacts, need: TPeekNeed): IExplainStep {
  const step = { stage: 'peek', ok: null, detail: { need, protocol, domain, tlsVersion, alpn } } as const;
  if (need === 'nothing') return { ...step, text: 'nothing is read: no route of this port asks for any byte' };
  if (need === 'first-bytes' || protocol !== 'tls') return { ...step, text: `the first bytes are read: ${protocol}` };
  const offered = alpn.length === 0 ? 'no ALPN' : `ALPN ${alpn.join(', ')}`;
  const print = hello === null ? '' : `, JA4 ${hello.ja4}`;
  const text = `the ClientHello is read: ${domain ?? 'no name'}, ${tlsVersion ?? 'no known version'}, ${offered}${print}`;
  return { ...step, text };
}
