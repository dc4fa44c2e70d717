// The routes that the kernel forwards, as the rest of the proxy sees them: its connections are records, counts and events
// like those of this process.

import type { IClock } from './base/clock.js';
import { messageOf } from './base/errors.js';
import type { ILogger } from './base/logger.js';
import type { IResolvedConfig } from './config/resolved.js';
import type { IConnectionRecord } from './flow/connection.js';
import type { IKernelConnection } from './nftables/kernel-records.js';
import { type IKernelPlan, type INames, inThisProcess, NFTablesManager } from './nftables/kernel-routes.js';
import type { INfTablesStatus } from './nftables/kernel-status.js';
import type { EventReporter } from './observe/events.js';
import type { IKernelSource, Metrics } from './observe/metrics.js';

export interface IKernelSideParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly names: INames;
  readonly reporter: EventReporter;
  readonly idPrefix: string | undefined;
  /** One process of several brings the routes that they share into the kernel. Default: this is the only one. */
  readonly part?: TKernelPart | undefined;
}

/**
 * `table`: this process does, under a name that its successor knows. `fallsBack`: another one does; true where it found that the
 * kernel cannot, and all processes serve the routes.
 */
export type TKernelPart = { readonly table: string } | { readonly fallsBack: () => boolean };

export class KernelSide {
  /** What metrics ask. */
  readonly source: IKernelSource = {
    totals: () => this.#routes.watch.totals(),
    byRoute: () => this.#routes.watch.byRoute(),
    connections: () => this.#routes.watch.records,
  };
  readonly #routes: NFTablesManager;
  readonly #logger: ILogger;
  /** null: this process brings them there. */
  readonly #fallsBack: (() => boolean) | null;
  /** Of the process that does, in force. */
  #ofOwner: IKernelPlan | null = null;
  #prepared: IKernelPlan | null = null;
  /** Is told of connections. */
  metrics: Pick<Metrics, 'kernelOpened' | 'kernelClosed'> | null = null;

  constructor({ reporter, idPrefix = '', part, ...parts }: IKernelSideParts) {
    this.#fallsBack = part !== undefined && 'fallsBack' in part ? part.fallsBack : null;
    const ownTable = part !== undefined && 'table' in part ? { ownTable: part.table } : {};
    this.#logger = parts.logger;
    const observer = {
      kernelOpened: (connection: IKernelConnection) => {
        this.metrics?.kernelOpened();
        reporter.emit('connection', recordOf(connection));
      },
      kernelClosed: (connection: IKernelConnection) => {
        this.metrics?.kernelClosed();
        const record = { ...recordOf(connection), connectionClosed: true, end: 'nftables_closed' } as const;
        reporter.emit('connection-end', record, 'nftables_closed');
      },
    };
    this.#routes = new NFTablesManager({ ...parts, ...ownTable, idPrefix, observer });
  }

  /** How this configuration would be forwarded. @throws ProxyError where the kernel cannot and a route does not fall back */
  async prepare(config: IResolvedConfig): Promise<IKernelPlan> {
    this.#prepared = this.#fallsBack === null ? await this.#routes.prepare(config) : ofOwner(config, this.#fallsBack());
    return this.#prepared;
  }

  /** Whether the plan that was prepared last serves the routes in this process. */
  get fallsBack(): boolean {
    return (this.#prepared?.why ?? null) !== null;
  }

  /** All or nothing. @throws ProxyError: what was in force before still is */
  async commit(plan: IKernelPlan): Promise<void> {
    if (this.#fallsBack !== null) this.#ofOwner = plan;
    else await this.#routes.commit(plan);
  }

  /** What is in force. */
  get plan(): IKernelPlan | null {
    return this.#fallsBack === null ? this.#routes.plan : this.#ofOwner;
  }

  /** The configuration, if nothing has changed about what the kernel can do. */
  expected(config: IResolvedConfig): IResolvedConfig {
    const why = this.plan?.why ?? null;
    return why === null ? config : inThisProcess(config);
  }

  /** Cuts the connections of these routes of `before`. */
  async cut(before: IKernelPlan | null, keys: ReadonlySet<string>): Promise<void> {
    if (this.#fallsBack === null) await this.#routes.cut(before, keys);
  }

  status(): Promise<INfTablesStatus> {
    return this.#routes.getStatus();
  }

  /** Snapshots of the connections that the last look found. */
  connections(): IConnectionRecord[] {
    return Array.from(this.#routes.watch.records, recordOf);
  }

  /** Lets nothing new in, and waits for what is there. */
  async drain(graceMs: number): Promise<void> {
    try {
      await this.#routes.drain(graceMs);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Ends the waiting. */
  hurry(): void {
    this.#routes.hurry();
  }

  /** Takes all rules out of the kernel. */
  async cleanup(): Promise<void> {
    try {
      await this.#routes.cleanup();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#logger.error({ why: messageOf(error) }, 'the rules in the kernel could not be removed');
  }
}

const ofOwner = (config: IResolvedConfig, fallsBack: boolean): IKernelPlan =>
  fallsBack
    ? { config: inThisProcess(config), tables: [], why: 'the kernel cannot forward, as another process found' }
    : { config, tables: [], why: null };

/** A connection of the kernel with the properties of all others. */
const recordOf = (connection: IKernelConnection): IConnectionRecord => ({
  id: connection.id,
  clientIp: connection.clientIp,
  clientPort: connection.clientPort,
  serverIp: connection.serverIp,
  serverPort: connection.serverPort,
  localPort: connection.serverPort,
  phase: 'transfer',
  route: connection.route,
  target: connection.target,
  sni: null,
  ja4: null,
  isTLS: false,
  usingNetworkProxy: false,
  bytesReceived: connection.bytesReceived ?? 0,
  bytesSent: connection.bytesSent ?? 0,
  since: connection.since,
  connectionClosed: false,
  end: null,
});
