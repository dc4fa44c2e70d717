// explain: what would become of a connection and why, told by the functions that decide about real ones.

import type { IListeningPoint } from '../config/change.js';
import type { IResolvedRoute, IResolvedTls } from '../config/resolved.js';
import type { TEnd } from './ends.js';
import { explainAction } from './explain-forward.js';
import { explainHttp, type IHttpVisitor } from './explain-http.js';
import { explainKernel } from './explain-kernel.js';
import { explainEngine, explainNoneInside, shownRoute } from './explain-match.js';
import { type IExplainQuery, type IVisit, readQuery } from './explain-query.js';
import { tellRules } from './explain-rules.js';
import type { IExplainStep, IExplainView, IExplanation, IShownCertificate } from './explain-types.js';
import { placeName } from './forward/target-state.js';
import type { PortTable } from './match/port-table.js';
import type { IConnectionFacts, TEngine, TPeekNeed } from './stages.js';

export type { IExplainQuery } from './explain-query.js';
export type * from './explain-types.js';

/** Changes nothing, counts nothing, advances no balancer. @throws ConfigError with every fault of the query. */
export function explain(query: IExplainQuery, view: IExplainView): IExplanation {
  const visit = readQuery(query);
  const steps: IExplainStep[] = [];
  const end = (result: Omit<IExplanation, 'steps'>): IExplanation => ({ ...result, steps });

  const inKernel = explainKernel(visit, view, steps);
  if (inKernel !== null) return end(inKernel);
  const point = pointOf(visit, view);
  steps.push(listenStep(visit, point, view));
  if (point === null) return end({ outcome: 'not_listening' });
  steps.push(proxyHeaderStep(visit, view));
  const refusal = explainClient(visit, view, steps);
  if (refusal !== null) return end({ outcome: 'refused', end: refusal });

  const table = view.tableAt?.(point) ?? view.table.portTable(point.address, point.port);
  if (table === undefined) {
    steps.push({ stage: 'match', ok: false, text: 'no route is for this port' });
    return end({ outcome: 'no_route', end: 'no_route' });
  }
  const plainHttp = view.isHttpPort?.(point, visit.facts.port) ?? false;
  const need = table.needOn(plainHttp);
  const fromTrusted = view.config.http?.trustedProxies?.matches(visit.facts.clientIp) ?? false;
  const facts = { ...peeked(visit.facts, need), fromTrusted };
  steps.push(peekStep(facts, need));
  if (visit.remark !== null) steps.push({ stage: 'peek', ok: null, text: visit.remark });
  if (fromTrusted) {
    const text = `${facts.clientIp} is in trustedProxies: of a request the client counts that it states; here it counts itself`;
    steps.push({ stage: 'peek', ok: null, text });
  }
  return end(explainServed({ visit, view, table, facts, plainHttp }, steps));
}

/** A connection of which everything is known that its port reads. */
interface IRead {
  readonly visit: IVisit;
  readonly view: IExplainView;
  readonly table: PortTable;
  readonly facts: IConnectionFacts;
  readonly plainHttp: boolean;
}

type TResult = Omit<IExplanation, 'steps'>;

function explainServed(read: IRead, steps: IExplainStep[]): TResult {
  const { visit, table, facts, plainHttp } = read;
  const { engine, nearestMiss } = explainEngine(table, facts, plainHttp, steps);
  const plain = plainOf(engine, read);
  if (plain !== null) {
    const text = 'no TLS is ended here for it: the question is taken for a plain request; tls: true asks for TLS';
    steps.push({ stage: 'match', ok: null, text });
    return explainHttp(plain, steps);
  }
  if (engine === null) {
    return { outcome: 'no_route', end: 'no_route', ...(nearestMiss === null ? {} : { nearestMiss }) };
  }
  if (engine.kind === 'bytes') return explainBytes(engine.route, facts, read, steps);
  if (engine.kind === 'tls' && engine.route.tls !== null) {
    return explainInside(engine.route, engine.route.tls, read, steps);
  }
  const { request } = visit;
  return request === null ? { outcome: 'no_route' } : explainHttp({ ...read, request, tls: null }, steps);
}

/** The request that is meant, where TLS was but a guess, found no route that looks at it, and plain requests are served. */
function plainOf(engine: TEngine | null, { visit, facts, ...read }: IRead): IHttpVisitor | null {
  const { plain } = visit;
  if (plain === null || plain.request === null) return null;
  if (engine !== null && (engine.kind !== 'bytes' || engine.route.match.domains !== null)) return null;
  const asked = { ...peeked(plain.facts, 'first-bytes'), fromTrusted: facts.fromTrusted ?? false };
  if (read.table.engine(asked, read.plainHttp)?.kind !== 'http') return null;
  return { ...read, visit: plain, facts: asked, request: plain.request, tls: null };
}

/** Bytes as they are. */
function explainBytes(
  route: IResolvedRoute,
  facts: IConnectionFacts,
  { visit, view }: IRead,
  steps: IExplainStep[],
): TResult {
  const told = { route: shownRoute(route) };
  if (visit.request?.isAsked) {
    const text = 'what is said of a request is not looked at: its bytes are passed on as they are';
    steps.push({ stage: 'match', ok: null, text });
  }
  const refused = tellRules(view.guard.explainRoute(route, facts.clientIp), steps);
  if (refused !== null) return { outcome: 'refused', end: refused, ...told };
  return { ...explainAction({ route, facts, request: null, visit, view }, steps), ...told };
}

/** What the decrypted bytes are served by. */
function explainInside(route: IResolvedRoute, tls: IResolvedTls, read: IRead, steps: IExplainStep[]): TResult {
  const { visit, facts, view } = read;
  steps.push(tlsStep(route, tls));
  const served = view.certificateFor?.(tls, facts.domain ?? visit.address);
  if (served === null) {
    steps.push({ stage: 'tls', ok: false, text: 'there is no certificate for it now' });
    return { outcome: 'refused', end: 'no_certificate', route: shownRoute(route) };
  }
  if (served === undefined) return explainDecrypted(tls, read, steps);
  steps.push(servedStep(served));
  return { ...explainDecrypted(tls, read, steps), certificate: served };
}

function explainDecrypted(tls: IResolvedTls, read: IRead, steps: IExplainStep[]): TResult {
  const { visit, table, facts } = read;
  const isRead = table.needInside(facts, tls) !== 'nothing';
  const protocol = isRead ? visit.inside : null;
  const text = isRead ? `the first decrypted bytes are read: ${visit.inside}` : 'no decrypted byte is waited for';
  steps.push({ stage: 'tls', ok: null, text });
  const inside = { ...facts, protocol };
  const engine = table.engineInside(inside, tls);
  if (engine?.kind === 'http' && visit.request !== null) {
    return explainHttp({ ...read, request: visit.request, tls }, steps);
  }
  if (engine?.kind !== 'bytes') {
    const nearestMiss = explainNoneInside(table, inside, tls, steps);
    return { outcome: 'no_route', end: 'no_route', ...(nearestMiss === null ? {} : { nearestMiss }) };
  }
  steps.push({ stage: 'match', ok: true, text: `route ${engine.route.key} takes the decrypted bytes` });
  return explainBytes(engine.route, inside, read, steps);
}

function tlsStep({ key }: IResolvedRoute, tls: IResolvedTls): IExplainStep {
  const { certificate, minVersion, maxVersion, alpn, clientAuth } = tls;
  const from = originOf(certificate);
  const versions = minVersion === maxVersion ? minVersion : `${minVersion} to ${maxVersion}`;
  const auth = clientAuth === null ? '' : `, client certificates ${clientAuth.required ? 'required' : 'optional'}`;
  const text = `route ${key} has ${from}, ${versions}, ALPN ${alpn.join(', ') || 'none'}${auth}`;
  return { stage: 'tls', ok: null, text };
}

function originOf(certificate: IResolvedTls['certificate']): string {
  if ('certFile' in certificate) return `the certificate in ${certificate.certFile}`;
  if (!('managed' in certificate)) return 'a certificate of its own';
  return certificate.managed === 'auto' ? 'certificates by ACME' : "certificates of the proxy's own authority";
}

function servedStep({ names, serial, notAfter }: IShownCertificate): IExplainStep {
  const text = `its certificate for ${names.join(', ')} is valid until ${new Date(notAfter).toISOString()}`;
  return { stage: 'tls', ok: null, text, detail: { names, serial, notAfter } };
}

/** The trace, one line a step, and the outcome last. */
export function formatExplanation({ steps, outcome, end, status, target }: IExplanation): string {
  const marks = { true: '+', false: '-', null: ' ' } as const;
  const width = Math.max(...steps.map(({ stage }) => stage.length));
  const lines = steps.map(({ stage, ok, text }) => `${marks[`${ok}`]} ${stage.padEnd(width)}  ${printable(text)}`);
  const place = target === undefined ? '' : ` to ${placeName(target.host, target.port)}`;
  const more = [end === outcome ? undefined : end, status].filter((one) => one !== undefined).join(', ');
  return [...lines, `= ${outcome}${printable(place)}${more === '' ? '' : ` (${more})`}`].join('\n');
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
