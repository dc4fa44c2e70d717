// What can be asked for, by method and path. docs/admin.md has the same list; a test compares them.

import { messageOf } from '../base/errors.js';
import { AdminError, tellError } from './admin-error.js';
import type { IGuarded } from './gate.js';
import { prometheusText, prometheusType } from './prometheus.js';
import { adminEventKinds, type IAdminUpdate, type IAdminView, type TAdminEventKind } from './view.js';

/** A request that was let in. */
export interface IAsk {
  readonly view: IAdminView;
  readonly query: URLSearchParams;
  /** What stands in the path for `:id`. */
  readonly id: string;
  /** The interface's own figures. */
  readonly own: { readonly eventsDropped: number; readonly authenticationFailures: number };
  /** undefined: none came. @throws AdminError */
  content(): Promise<unknown>;
}

export type TAnswer =
  | { readonly status?: number; readonly json: object }
  | { readonly status?: number; readonly text: string; readonly type?: string }
  /** The name of a file of the page. */
  | { readonly file: string }
  | { readonly events: ReadonlySet<TAdminEventKind> };

export interface IEndpoint extends Partial<IGuarded> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `:id` stands for one part. */
  readonly path: string;
  /** Parameters of the query that it knows. */
  readonly query?: readonly string[];
  readonly answer: (ask: IAsk) => Promise<TAnswer> | TAnswer;
}

/** Live connections in one answer. */
export const connectionLimits = { usual: 100, most: 1000 } as const;

export const endpoints: readonly IEndpoint[] = [
  { method: 'GET', path: '/', isPage: true, answer: () => ({ file: 'index.html' }) },
  { method: 'GET', path: '/admin.css', isPage: true, answer: () => ({ file: 'admin.css' }) },
  { method: 'GET', path: '/admin.js', isPage: true, answer: () => ({ file: 'admin.js' }) },
  { method: 'GET', path: '/healthz', isOpen: true, answer: () => ({ text: 'ok\n' }) },
  { method: 'GET', path: '/readyz', isOpen: true, answer: readiness },
  { method: 'GET', path: '/metrics', answer: metrics },
  { method: 'GET', path: '/api/status', answer: async ({ view }) => ({ json: await view.status() }) },
  { method: 'GET', path: '/api/routes', answer: async ({ view }) => ({ json: await view.routes() }) },
  { method: 'PUT', path: '/api/routes', answer: replaceRoutes },
  { method: 'GET', path: '/api/connections', query: ['route', 'client', 'limit'], answer: connections },
  { method: 'DELETE', path: '/api/connections/:id', answer: endConnection },
  { method: 'GET', path: '/api/statistics', answer: async ({ view }) => ({ json: await view.statistics() }) },
  {
    method: 'GET',
    path: '/api/certificates',
    answer: async ({ view }) => ({ json: { certificates: await view.certificates() } }),
  },
  { method: 'GET', path: '/api/targets', answer: async ({ view }) => ({ json: { targets: await view.targets() } }) },
  { method: 'GET', path: '/api/nftables', answer: async ({ view }) => ({ json: await view.nftables() }) },
  { method: 'GET', path: '/api/events', query: ['kinds'], answer: ({ query }) => ({ events: kindsOf(query) }) },
  {
    method: 'POST',
    path: '/api/explain',
    answer: async ({ view, content }) => ({ json: await view.explain(await content()) }),
  },
  { method: 'POST', path: '/api/plan', answer: plan },
  { method: 'POST', path: '/api/reload', answer: reload },
  { method: 'POST', path: '/api/stop', answer: stop },
];

/** Without being asked for they are not told: there may be thousands of them a second. */
const unusualKinds: ReadonlySet<TAdminEventKind> = new Set(['connection', 'request']);

function kindsOf(query: URLSearchParams): ReadonlySet<TAdminEventKind> {
  const asked = query.get('kinds');
  if (asked === null) return new Set(adminEventKinds.filter((kind) => !unusualKinds.has(kind)));
  const names = asked.split(',');
  const kinds = adminEventKinds.filter((kind) => names.includes(kind));
  if (kinds.length === new Set(names).size) return new Set(kinds);
  throw new AdminError(400, 'QUERY_WRONG', `kinds: want some of ${adminEventKinds.join(', ')}, separated by commas`);
}

async function readiness({ view }: IAsk): Promise<TAnswer> {
  const { state } = await view.status();
  return state === 'running' ? { text: 'ready\n' } : { status: 503, text: `${state}\n` };
}

async function metrics({ view, own }: IAsk): Promise<TAnswer> {
  const [status, figures, targets, certificates] = await Promise.all([
    view.status(),
    view.figures(),
    view.targets(),
    view.certificates(),
  ]);
  return { text: prometheusText({ status, figures, targets, certificates, admin: own }), type: prometheusType };
}

async function connections({ view, query }: IAsk): Promise<TAnswer> {
  const asked = query.get('limit');
  const limit = asked === null ? connectionLimits.usual : Number(asked);
  if (!Number.isInteger(limit) || limit < 0 || limit > connectionLimits.most || asked === '') {
    throw new AdminError(400, 'QUERY_WRONG', `limit: want a whole number from 0 to ${connectionLimits.most}`);
  }
  return { json: await view.connections({ route: query.get('route'), client: query.get('client'), limit }) };
}

async function endConnection({ view, id }: IAsk): Promise<TAnswer> {
  if (await view.endConnection(id)) return { json: { ended: id } };
  throw new AdminError(404, 'NOT_FOUND', 'there is no such connection in this process');
}

async function plan({ view, content }: IAsk): Promise<TAnswer> {
  const { routes, options } = readUpdate(await content());
  return { json: await view.plan(routes, options) };
}

async function replaceRoutes({ view, content }: IAsk): Promise<TAnswer> {
  const { routes, options } = readUpdate(await content());
  return { json: await view.updateRoutes(routes, options) };
}

/** `{ routes, force?, closeRemoved? }`; `keys`, which comes with routes that were asked for, may stand beside them. */
function readUpdate(content: unknown): { readonly routes: unknown; readonly options: IAdminUpdate } {
  const { routes, force = false, closeRemoved = false, keys: _keys, ...more } = recordOf(content);
  const isGood = Array.isArray(routes) && typeof force === 'boolean' && typeof closeRemoved === 'boolean';
  if (isGood && Object.keys(more).length === 0) return { routes, options: { force, closeRemoved } };
  throw new AdminError(400, 'JSON_WRONG', 'want { "routes": [...], "force"?: boolean, "closeRemoved"?: boolean }');
}

async function reload({ view }: IAsk): Promise<TAnswer> {
  if (view.reload === null) {
    throw new AdminError(409, 'NO_RELOAD', 'the program around the proxy did not say how: replace the routes instead');
  }
  try {
    return { json: await view.reload() };
  } catch (error) {
    // What the program says of its own file is for whoever asked.
    throw tellError(error) === null ? new AdminError(500, 'RELOAD_FAILED', messageOf(error)) : error;
  }
}

async function stop({ view, content }: IAsk): Promise<TAnswer> {
  const { graceMs = null, ...more } = recordOf((await content()) ?? {});
  const isGood = graceMs === null || (typeof graceMs === 'number' && graceMs >= 0 && Number.isFinite(graceMs));
  if (!isGood || Object.keys(more).length > 0) throw new AdminError(400, 'JSON_WRONG', 'want { "graceMs"?: number }');
  await view.stop(graceMs);
  return { status: 202, json: { stopping: true } };
}

function recordOf(content: unknown): Record<string, unknown> {
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>;
  }
  throw new AdminError(400, 'JSON_WRONG', 'want an object');
}
