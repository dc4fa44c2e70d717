// The commands that ask a running proxy: each takes its arguments as commander gives them.

import type {
  IAdminCertificate,
  IAdminStatus,
  IAdminTarget,
  IConnectionList,
  IPlan,
  IRouteConfig,
  IStatistics,
} from '../index.js';
import { AdminClient } from './admin-client.js';
import { adminPlace, type IAdminArguments } from './admin-place.js';
import { bytesText, connectionTable, durationText } from './admin-text.js';
import { readConfigFile } from './config-file.js';
import { CommandError, type IHost } from './host.js';
import { printable, printableJson } from './printable.js';
import { countOf, portsText } from './report.js';

interface IJsonArguments extends IAdminArguments {
  readonly json?: boolean;
}

const clientOf = async (given: IAdminArguments, host: IHost) => new AdminClient(await adminPlace(given, host));

export async function adminStatus(given: IJsonArguments, host: IHost): Promise<void> {
  const client = await clientOf(given, host);
  const status = await client.json<IAdminStatus>('GET', '/api/status');
  const statistics = await client.json<IStatistics>('GET', '/api/statistics');
  const { targets } = await client.json<{ targets: IAdminTarget[] }>('GET', '/api/targets');
  const { certificates } = await client.json<{ certificates: IAdminCertificate[] }>('GET', '/api/certificates');
  if (given.json) return host.out(printableJson({ status, statistics, targets, certificates }));
  const lines = [
    ...statusLines(status),
    `${status.connections} of ${countOf(status.maxConnections, 'connection')}; ${ratesText(statistics)}`,
    ...targetLines(targets),
    ...certificateLines(certificates),
    ...workerLines(status),
  ];
  host.out(printable(lines.join('\n')));
}

function statusLines({ version, pid, node, state, uptimeMs, ports, routes, config }: IAdminStatus): string[] {
  const since = durationText(Date.now() - config.since);
  const updates = config.updates === 0 ? '' : `, updated ${countOf(config.updates, 'time')}, last ${since} ago`;
  return [
    `smartproxy ${version} in process ${pid} on Node ${node}: ${state} for ${durationText(uptimeMs)}`,
    `${countOf(routes, 'route')}${updates}; listening on ${portsText(ports) || 'no port'}`,
  ];
}

function workerLines({ workers = [] }: IAdminStatus): string[] {
  return workers.map(({ number, pid, isReady, connections, restarts, memory }) => {
    const state = !isReady ? 'starting' : memory === null ? 'does not answer' : bytesText(memory.rss);
    const again = restarts === 0 ? '' : `, restarted ${countOf(restarts, 'time')}`;
    return `worker ${number} in process ${pid}: ${countOf(connections, 'connection')}, ${state}${again}`;
  });
}

const ratesText = ({ bytesInPerSecond, bytesOutPerSecond, requestsPerSecond }: IStatistics): string =>
  bytesInPerSecond === null || requestsPerSecond === null
    ? 'rates are not sampled'
    : `${requestsPerSecond.toFixed(1)} requests/s, ${bytesText(bytesInPerSecond)}/s in, ${bytesText(bytesOutPerSecond ?? 0)}/s out`;

function targetLines(targets: readonly IAdminTarget[]): string[] {
  const down = targets.filter(({ up }) => !up);
  if (targets.length === 0) return [];
  return [
    `${countOf(targets.length, 'target')}, ${down.length === 0 ? 'all up' : `${down.length} down:`}`,
    ...down.map(({ target, why }) => `  ${target}: ${why}`),
  ];
}

function certificateLines(certificates: readonly IAdminCertificate[]): string[] {
  return certificates.map(({ names, notAfter, lastError }) => {
    const leftMs = (notAfter ?? 0) - Date.now();
    const ends = notAfter === null ? 'not there' : leftMs < 0 ? 'is over' : `ends in ${durationText(leftMs)}`;
    const trouble = lastError === null ? '' : `; last order failed: ${lastError.type}: ${lastError.detail}`;
    return `certificate for ${names.join(', ')}: ${ends}${trouble}`;
  });
}

export interface IConnectionsArguments extends IJsonArguments {
  readonly route?: string;
  readonly client?: string;
  readonly limit?: string;
}

export async function adminConnections(given: IConnectionsArguments, host: IHost): Promise<void> {
  const { route, client, limit } = given;
  const query = new URLSearchParams(
    Object.entries({ route, client, limit }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const asked = await clientOf(given, host);
  const list = await asked.json<IConnectionList>('GET', `/api/connections${query.size === 0 ? '' : `?${query}`}`);
  if (given.json) return host.out(printableJson(list));
  if (list.connections.length > 0) host.out(connectionTable(list.connections, Date.now()));
  const fit = list.matched === list.total ? '' : `, ${list.matched} of them fit`;
  host.out(`${countOf(list.total, 'live connection')}${fit}, ${list.connections.length} shown`);
}

export async function adminMetrics(given: IJsonArguments, host: IHost): Promise<void> {
  const client = await clientOf(given, host);
  if (given.json) host.out(printableJson(await client.json('GET', '/api/statistics')));
  else host.out(printable((await client.text('GET', '/metrics')).trimEnd()));
}

export async function adminReload(given: IJsonArguments, host: IHost): Promise<void> {
  const plan = await (await clientOf(given, host)).json<IPlan>('POST', '/api/reload');
  if (given.json) return host.out(printableJson(plan));
  const { added, changed, removed } = plan.routes;
  host.out(`reloaded: routes: ${added.length} added, ${changed.length} changed, ${removed.length} removed`);
}

export interface IPlanArguments extends IJsonArguments {
  readonly config: string;
}

export async function adminPlan(given: IPlanArguments, host: IHost): Promise<void> {
  const { options } = await readConfigFile(given.config);
  const odd = oddPlace(options.routes, 'routes');
  if (odd !== null) {
    throw new CommandError(1, `${given.config}: ${odd} is no plain data, and cannot be sent to a running proxy`);
  }
  const client = await clientOf(given, host);
  const plan = await client.json<IPlan & { readonly lost: readonly string[] }>('POST', '/api/plan', {
    routes: options.routes as IRouteConfig[],
  });
  host.out(given.json ? printableJson(plan) : printable(planLines(plan).join('\n')));
}

/** Where something stands that JSON would leave out or change; null: nowhere. */
function oddPlace(value: unknown, place: string): string | null {
  if (typeof value === 'function') return place;
  if (typeof value !== 'object' || value === null) return null;
  if (value instanceof RegExp || value instanceof Uint8Array) return place;
  for (const [key, inner] of Object.entries(value)) {
    const odd = oddPlace(inner, Array.isArray(value) ? `${place}[${key}]` : `${place}.${key}`);
    if (odd !== null) return odd;
  }
  return null;
}

function planLines({ routes, ports, kernel, certificates, connections, lost }: IPlan & { lost: readonly string[] }) {
  const pointText = ({ address, port }: { address: string | null; port: number }) =>
    address === null ? String(port) : `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const lines = [
    ...routes.added.map((key) => `+ route ${key}`),
    ...routes.removed.map((key) => `- route ${key}`),
    ...routes.changed.map(({ key, parts }) => `~ route ${key}: ${parts.join(', ')}`),
    ...ports.added.map((point) => `+ listen on ${pointText(point)}`),
    ...ports.removed.map((point) => `- listen on ${pointText(point)}`),
    ...certificates.map((names) => `+ certificate for ${names.join(', ')}`),
    ...lost.map((place) => `! ${place}: a function of the program, which would be lost`),
  ];
  const inKernel = kernel.length === 0 ? '' : `; in the kernel: ${kernel.join(', ')}`;
  return [
    ...(lines.length === 0 ? ['nothing changes'] : lines),
    `${countOf(connections.stay, 'connection')} kept${inKernel}`,
  ];
}

export interface IStopArguments extends IJsonArguments {
  readonly grace?: string;
}

export async function adminStop(given: IStopArguments, host: IHost): Promise<void> {
  const seconds = given.grace === undefined ? null : Number(given.grace);
  if (seconds !== null && !(seconds >= 0 && Number.isFinite(seconds) && given.grace !== '')) {
    throw new CommandError(1, `--grace: want seconds, got ${JSON.stringify(given.grace)}`);
  }
  const client = await clientOf(given, host);
  const answer = await client.json(
    'POST',
    '/api/stop',
    seconds === null ? {} : { graceMs: Math.round(seconds * 1000) },
  );
  host.out(given.json ? printableJson(answer) : 'stopping');
}
