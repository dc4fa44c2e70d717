// What the admin interface sees of a proxy, and does with it: the view that ts/admin/ declares, of one process.

import { AdminServer } from './admin/admin-server.js';
import { packageVersion } from './admin/version.js';
import type {
  IAdminCertificate,
  IAdminConnection,
  IAdminRoutes,
  IAdminStatus,
  IAdminTarget,
  IAdminUpdate,
  IAdminView,
  IConnectionFilter,
  IConnectionList,
} from './admin/view.js';
import { type IEventSource, subscribe } from './admin-events.js';
import { cpuSeconds, figuresOf } from './admin-figures.js';
import { ConfigError, messageOf, ProxyError } from './base/errors.js';
import { foldAddress, limitKey } from './codec/address.js';
import { copyPlain } from './config/copy.js';
import { finishFaults, type IPathFault, type TKey } from './config/faults.js';
import type { IResolvedAdmin } from './config/resolved.js';
import type { IRouteConfig } from './config/types.js';
import { WrittenRoutes } from './config/written-routes.js';
import { formatExplanation, type IExplainQuery, type IExplanation } from './flow/explain.js';
import type { IPlan, IUpdateOptions } from './flow/plan.js';
import type { ISnapshot } from './flow/snapshot.js';
import type { IGroupParts, IGroupView, IRestoredRoutes } from './group-parts.js';
import type { IHostControl, IStopOptions } from './host-parts.js';
import type { INfTablesStatus } from './nftables/kernel-status.js';
import * as plugins from './plugins.js';
import type { IProxyParts } from './proxy-parts.js';

/** The proxy, as its users know it. */
export interface IAdminSubject extends IEventSource {
  getListeningPorts(): number[];
  getStatistics(): object;
  getNfTablesStatus(): Promise<INfTablesStatus>;
  explain(query: IExplainQuery): IExplanation;
  plan(routes: readonly IRouteConfig[], options?: IUpdateOptions): IPlan;
  updateRoutes(routes: readonly IRouteConfig[], options?: IUpdateOptions): Promise<IPlan>;
  stop(options?: IStopOptions): Promise<void>;
}

export interface IAdminSideParts {
  /** null: without a server. */
  readonly config: IResolvedAdmin | null;
  /** Of which this is one process: the primary has the server for all, and asks each. */
  readonly group: IGroupParts | undefined;
  readonly proxy: IAdminSubject;
  readonly parts: IProxyParts;
  readonly control: IHostControl | undefined;
  readonly snapshot: () => ISnapshot;
  readonly state: () => 'new' | 'running' | 'stopped';
}

interface IPutRoutes extends IRestoredRoutes {
  /** Whoever may change routes may not run what he likes. */
  readonly programs: readonly IPathFault[];
}

const states = { new: 'starting', running: 'running', stopped: 'draining' } as const;

export class AdminSide implements IAdminView, IGroupView {
  readonly server: AdminServer | null;
  readonly reload: (() => Promise<object>) | null;
  readonly #given: IAdminSideParts;
  readonly #shown = new WrittenRoutes();
  readonly #startedAt: number;
  readonly #startedMs: number;
  /** As they were given, secrets and all: our own copy. */
  #written: readonly IRouteConfig[] = [];
  /** Of routes that wait for their turn. */
  readonly #judges = new WeakMap<readonly IRouteConfig[], () => unknown>();
  #updates = -1;
  #since = 0;

  constructor(given: IAdminSideParts) {
    const { config, control, group, parts } = given;
    this.#given = given;
    this.#startedAt = parts.clock.wallMs();
    this.#startedMs = parts.clock.nowMs();
    const reload = control?.reload?.bind(control);
    this.reload = reload ?? null;
    const { clock, logger } = parts;
    const own = { view: this, clock, logger, keyOf: limitKey };
    const isServed = config !== null && group === undefined;
    this.server = isServed ? new AdminServer({ ...own, ...config, token: config.token?.reveal() ?? null }) : null;
    group?.admin.attach(this);
  }

  /**
   * Opens the interface and then, by `open`, the rest: that its port is taken is found out while nothing has to be undone.
   * @throws ProxyError LISTEN_FAILED, and what `open` throws: the interface is closed again then
   */
  async openAround(open: () => Promise<void>): Promise<void> {
    await this.server?.open();
    try {
      await open();
    } catch (error) {
      await this.server?.close();
      throw error;
    }
  }

  /**
   * What their owner does to them later changes nothing. Of routes that came by the interface it is asked again, now that it is their
   * turn: an update before them may have brought functions that nobody has seen who sent them.
   * @throws what `updateRoutes` does
   */
  copy(routes: readonly IRouteConfig[]): readonly IRouteConfig[] {
    this.#judges.get(routes)?.();
    if (this.#given.group?.admin.keepsWritten === false) return [];
    return (copyPlain({ routes }).value as { readonly routes: readonly IRouteConfig[] }).routes;
  }

  /** This copy of routes is in force from now on. */
  took(written: readonly IRouteConfig[]): void {
    this.#written = written;
    this.#updates++;
    this.#since = this.#given.parts.clock.wallMs();
  }

  async status(): Promise<IAdminStatus> {
    const { parts, proxy, snapshot, state } = this.#given;
    const { rss, heapUsed } = plugins.process.memoryUsage();
    return {
      version: await packageVersion(),
      pid: plugins.process.pid,
      node: plugins.process.versions.node,
      state: states[state()],
      startedAt: this.#startedAt,
      uptimeMs: Math.round(parts.clock.nowMs() - this.#startedMs),
      ports: proxy.getListeningPorts(),
      routes: snapshot().config.routes.length,
      connections: parts.metrics.getMetrics().connections.active,
      maxConnections: parts.connections.maxConnections,
      config: { updates: this.#updates, since: this.#since, reloadable: this.reload !== null },
      memory: { rss, heapUsed },
      cpuSeconds: cpuSeconds(),
    };
  }

  async routes(): Promise<IAdminRoutes> {
    const keys = new Map(this.#given.snapshot().config.routes.map(({ index, key }) => [index, key]));
    return {
      routes: this.#shown.show(this.#written),
      keys: this.#written.map((_, index) => keys.get(index) ?? null),
    };
  }

  async connections({ route, client, limit }: IConnectionFilter): Promise<IConnectionList> {
    const { connections, kernel } = this.#given.parts;
    const all = [...connections, ...kernel.connections()];
    // However it is spelled; what is no address nobody has.
    const clientIp = client === null ? null : foldAddress(client) || client;
    const matched = all.filter(
      (each) => (route === null || each.route === route) && (clientIp === null || each.clientIp === clientIp),
    );
    matched.sort((a, b) => b.since - a.since);
    return { total: all.length, matched: matched.length, connections: matched.slice(0, limit).map(shownConnection) };
  }

  async statistics(): Promise<object> {
    return this.#given.proxy.getStatistics();
  }

  async figures() {
    const { metrics, connections } = this.#given.parts;
    return figuresOf(metrics, connections.maxConnections);
  }

  async certificates(): Promise<readonly IAdminCertificate[]> {
    const { parts, snapshot } = this.#given;
    const known = new Map<string, IAdminCertificate & { readonly routes: string[] }>();
    for (const status of parts.certificates.statuses(snapshot().config)) {
      const { id, names, source, issuer, serial, state, notAfter, renewAt, lastError } = status;
      const entry = known.get(id);
      // Thousands of routes may share one.
      if (entry !== undefined) {
        entry.routes.push(...status.routes);
        continue;
      }
      const routes = [...status.routes];
      const { type = '', detail = '', at = 0 } = lastError ?? {};
      const failure = lastError === null ? null : { type, detail, at };
      known.set(id, { id, names, routes, source, issuer, serial, state, notAfter, renewAt, lastError: failure });
    }
    return [...known.values()];
  }

  async targets(): Promise<readonly IAdminTarget[]> {
    return this.#given.parts.registry.targets();
  }

  async nftables(): Promise<object> {
    return await this.#given.proxy.getNfTablesStatus();
  }

  async explain(query: unknown): Promise<object> {
    const explanation = this.#given.proxy.explain((isRecord(query) ? query : {}) as unknown as IExplainQuery);
    return { ...explanation, text: formatExplanation(explanation) };
  }

  async plan(given: unknown, { closeRemoved }: IAdminUpdate): Promise<object> {
    const { routes, lost } = this.#restore(given);
    return { ...this.#given.proxy.plan(routes, { closeRemoved }), lost };
  }

  async updateRoutes(given: unknown, { force, closeRemoved }: IAdminUpdate): Promise<object> {
    const judged = (): IPutRoutes => {
      const restored = this.#restoreForUse(given);
      if (!force) refuseLoss(restored.lost, 'send what GET /api/routes shows of them, or "force": true');
      return restored;
    };
    const { routes, lost } = judged();
    this.#judges.set(routes, judged);
    return { ...(await this.#given.proxy.updateRoutes(routes, { closeRemoved })), lost };
  }

  async restore(given: unknown, { force }: IAdminUpdate): Promise<IRestoredRoutes> {
    const { routes, lost } = this.#restoreForUse(given);
    const faults = functionFaults(routes, ['routes']);
    if (faults.length > 0) throw new ConfigError(finishFaults(faults));
    if (!force) refuseLoss(lost, 'change the module and have it read again, or "force": true');
    return { routes, lost };
  }

  async endConnection(id: string): Promise<boolean> {
    return this.#given.parts.connections.closeConnection(id);
  }

  async stop(graceMs: number | null): Promise<void> {
    const { control, proxy, parts } = this.#given;
    const begin = async () => {
      if (control?.stop) control.stop(graceMs);
      else await proxy.stop(graceMs === null ? {} : { graceMs });
    };
    // Whoever asked is answered first.
    setImmediate(() => {
      begin().catch((error) => parts.logger.error({ why: messageOf(error) }, 'the stop that was asked for failed'));
    });
  }

  async subscribe(...[kinds, hear]: Parameters<IAdminView['subscribe']>): Promise<() => void> {
    const { proxy, parts } = this.#given;
    return subscribe(proxy, kinds, (kind, data) => hear({ kind, at: parts.clock.wallMs(), data }));
  }

  /** @throws ConfigError as `#restore`, and for programs that were not there before */
  #restoreForUse(given: unknown): IPutRoutes {
    const restored = this.#restore(given);
    if (restored.programs.length > 0) throw new ConfigError(finishFaults(restored.programs));
    return restored;
  }

  /** @throws ConfigError where something is referred to that is not there */
  #restore(given: unknown): IPutRoutes {
    const { routes, faults, ...more } = this.#shown.restore(given, this.#written);
    if (faults.length > 0) throw new ConfigError(finishFaults(faults));
    return { ...more, routes: routes as readonly IRouteConfig[] };
  }
}

/** @throws ProxyError HANDLERS_LOST */
function refuseLoss(lost: readonly string[], how: string): void {
  if (lost.length === 0) return;
  const what = lost.slice(0, 10).join(', ');
  const more = lost.length > 10 ? ` and ${lost.length - 10} more` : '';
  throw new ProxyError('HANDLERS_LOST', `these functions of the program would be lost: ${what}${more}; ${how}`);
}

/** Each process has functions of its own, which no message brings to another. */
function functionFaults(value: unknown, path: readonly TKey[]): IPathFault[] {
  if (typeof value === 'function') {
    const want = 'plain data: a function of the module changes with the module, which is read again by a reload';
    return [{ path, want, got: 'a function' }];
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  if (Array.isArray(value)) return value.flatMap((entry, index) => functionFaults(entry, [...path, index]));
  return Object.entries(value).flatMap(([key, inner]) => functionFaults(inner, [...path, key]));
}

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

function shownConnection(connection: IAdminConnection & { countHandled?(): void }): IAdminConnection {
  connection.countHandled?.();
  const { id, clientIp, clientPort, localPort, phase, route, target, sni, isTLS, bytesReceived, bytesSent, since } =
    connection;
  const dialed = target === null ? null : { host: target.host, port: target.port };
  return {
    ...{ id, clientIp, clientPort, localPort, phase, route, target: dialed, sni, isTLS },
    ...{ bytesReceived, bytesSent, since },
  };
}
