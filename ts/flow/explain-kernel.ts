// The part of an explanation that tells of the kernel, which goes before every listener.

import { foldAddress } from '../codec/address.js';
import type { IResolvedRoute } from '../config/resolved.js';
import type { IVisit } from './explain-query.js';
import { tellRules } from './explain-rules.js';
import type { IExplainStep, IExplainView, IExplanation } from './explain-types.js';

/** null: no route of the kernel takes the connection. */
export function explainKernel(
  visit: IVisit,
  { kernelRoutes = [], guard, config }: IExplainView,
  steps: IExplainStep[],
): Omit<IExplanation, 'steps'> | null {
  const route = kernelRoutes.find((each) => takes(each, visit, config.listenAddress));
  if (route === undefined) return null;
  const { key, name, index, action, kernel } = route;
  const { clientIp, port } = visit.facts;
  const text = `the kernel takes the connection by route ${key}: no byte of it reaches this process`;
  steps.push({ stage: 'listen', ok: true, text, detail: { engine: 'nftables' } });
  const told = { engine: 'nftables', route: { key, name, index } } as const;
  const client = guard.explainClient(clientIp).filter(({ end }) => end === 'ip_blocked');
  const own = guard.explainRoute(route, clientIp).filter(({ end }) => end === 'route_ip_blocked');
  const refused = tellRules([...client, ...own], steps);
  if (refused !== null) return { outcome: 'refused', end: refused, ...told };
  const { maxConnections } = route.security;
  if (maxConnections !== null) {
    steps.push({ stage: 'guard', ok: null, text: `the kernel lets ${maxConnections} connections of it be at a time` });
  }
  if (action.type !== 'forward') return { outcome: 'forward', ...told };
  const targets = action.targets.flatMap((target) => targetTexts(target, port, kernel?.redirect ?? false));
  const how = action.algorithm === 'ip-hash' ? "by the client's address" : 'in turn';
  const choice = targets.length > 1 ? `${how} one of ${targets.map(placeText).join(', ')}` : placeText(targets[0]);
  const source = kernel?.preserveSourceIP ? "the client's address" : "this machine's address";
  steps.push({ stage: 'forward', ok: true, text: `to ${choice}, which sees ${source}` });
  const [only] = targets;
  return { outcome: 'forward', ...told, ...(targets.length === 1 && only !== undefined ? { target: only } : {}) };
}

function takes({ match, kernel }: IResolvedRoute, { facts, address }: IVisit, globalAddress: string | null): boolean {
  if (kernel === null || !kernel.transports.includes('tcp')) return false;
  if (!match.ports.some(({ from, to }) => from <= facts.port && facts.port <= to)) return false;
  const wanted = match.listenAddress ?? globalAddress;
  const isAny = wanted === null || wanted === '::' || (wanted === '0.0.0.0' && !(address ?? '').includes(':'));
  if (!isAny && (address === null ? match.listenAddress !== null : foldAddress(wanted) !== address)) return false;
  return match.clientIp === null || match.clientIp.matches(facts.clientIp);
}

interface IPlace {
  readonly host: string;
  readonly port: number;
}

type TTarget = Extract<IResolvedRoute['action'], { type: 'forward' }>['targets'][number];

/** Ports are functions only where they add to the client's, which a context of the port alone tells. */
function targetTexts({ host, port }: TTarget, from: number, redirect: boolean): IPlace[] {
  const to = typeof port === 'function' ? port({ port: from } as Parameters<typeof port>[0]) : port;
  const chosen = to === 'preserve' ? from : to;
  const hosts = redirect || typeof host === 'function' ? ['this machine'] : host;
  return hosts.map((one) => ({ host: one, port: chosen }));
}

const placeText = (place: IPlace | undefined): string =>
  place === undefined ? 'nowhere' : `${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`;
