// NfTablesProxy: forwarding in the kernel by itself, without a SmartProxy: ports of this machine to one host.

import { AsyncMutex } from '../base/async-utils.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import { guardLogger, type ILogger, silentLogger } from '../base/logger.js';
import { normaliseHost } from '../codec/host.js';
import { canBeTarget, kernelAddress, rangesOf } from '../config/kernel-addresses.js';
import { bytesOfRate, isTableName } from '../config/kernel-text.js';
import * as plugins from '../plugins.js';
import { requireNft } from './abilities.js';
import { atExit, notAtExit } from './at-exit.js';
import { NftResourceError, NftValidationError } from './errors.js';
import { KeepAlive } from './keep-alive.js';
import { familyOf, type IAddressRanges, type IKernelRoute, type IKernelTable } from './kernel-route.js';
import { countsByLabel, countsOf, type IKernelCounts, noCounts } from './kernel-status.js';
import { KernelTable, marksInUse, ownTables, removeLeftovers } from './kernel-table.js';
import { MarkPrefixes } from './mark-prefixes.js';
import { Nft } from './nft.js';
import { faultsOf, type INfTablesProxyOptions, spansOf, targetPort } from './nftables-proxy-options.js';
import { ownLine, readOwner } from './owner.js';
import { commandsToRemove } from './ruleset-diff.js';
import { kernelSwitches, requireSwitches, routesLoopback } from './sysctl.js';

export type { INfTablesProxyOptions, TNfTablesPorts } from './nftables-proxy-options.js';

export interface INfTablesProxyStatus extends IKernelCounts {
  readonly active: boolean;
  readonly tableName: string;
}

/** A table that some proxy made. */
export interface INfTablesTable {
  readonly name: string;
  readonly pid: number;
  /** Whether the process that made it still runs. */
  readonly isRunning: boolean;
  readonly routes: readonly (IKernelCounts & { readonly route: string })[];
}

/** Unique among those of this process. */
let made = 0;

/** Construct it, `start` it, `stop` it, as often as needed. */
export class NfTablesProxy extends LifecycleComponent {
  readonly tableName: string;
  readonly #options: INfTablesProxyOptions;
  readonly #nft: Nft;
  readonly #logger: ILogger;
  readonly #turn = new AsyncMutex();
  #table: KernelTable | null = null;
  readonly #alive = new KeepAlive();
  readonly #prefixes = new MarkPrefixes();
  readonly #onExit = () => this.stopSync();

  /** @throws NftValidationError with every fault */
  constructor(options: INfTablesProxyOptions) {
    super();
    const faults = faultsOf(options);
    if (faults.length > 0) throw new NftValidationError(faults);
    this.#options = structuredCloneOf(options);
    this.#logger = options.logger === undefined ? silentLogger : guardLogger(options.logger);
    const { maxRetries, retryDelayMs } = options;
    this.#nft = new Nft({
      logger: this.#logger,
      ...(maxRetries === undefined ? {} : { maxRetries }),
      ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
    });
    this.tableName = options.tableName ?? `smartproxy_nft_${plugins.process.pid}_${++made}`;
  }

  /** Puts the rules in force. @throws NftBaseError */
  async start(): Promise<void> {
    await this.#turn.runExclusive(async () => {
      if (this.#table !== null || this.isShuttingDown) return;
      const { changeSysctls = false, forceCleanSlate = false, deleteOnExit = true } = this.#options;
      await requireNft(this.#nft);
      const route = await this.#route();
      await requireSwitches([route], () => changeSysctls, kernelSwitches);
      await removeLeftovers(this.#nft);
      const table = new KernelTable(this.tableName, this.#nft, this.#logger);
      await table.claim(forceCleanSlate);
      await table.apply(await this.#state(route));
      this.#table = table;
      this.#alive.set(deleteOnExit);
      if (deleteOnExit) atExit(this.#onExit);
      this.#tell('forwarding in the kernel');
    });
  }

  /** Takes them out. @throws NftBaseError */
  async stop(): Promise<void> {
    await this.#turn.runExclusive(async () => {
      await this.#table?.remove();
      if (this.#table !== null) this.#tell('no longer forwarding in the kernel');
      this.#ended();
    });
  }

  /** The same while the process exits. @deprecated everywhere else: it blocks; `stop` does not. */
  stopSync(): void {
    if (this.#table === null) return;
    this.#nft.stopSync([this.tableName]);
    this.#ended();
  }

  #ended(): void {
    this.#table = null;
    this.#prefixes.keep(new Set());
    this.#alive.set(false);
    notAtExit(this.#onExit);
  }

  /** What the kernel has counted since the start. @throws NftBaseError */
  async getStatus(): Promise<INfTablesProxyStatus> {
    const listing = this.#table === null ? null : await this.#table.read();
    const counts = listing === null ? noCounts : countsOf(1, listing);
    return { active: listing !== null, tableName: this.tableName, ...counts };
  }

  /** Removes the tables of all proxies on this machine, of running ones too; gives their names. @throws NftBaseError */
  static async cleanSlate(): Promise<string[]> {
    const nft = new Nft();
    const removed: string[] = [];
    for (const name of await nft.tables()) {
      if (!isTableName(name)) continue;
      const owner = (await nft.list(name))?.comments.get('owner')?.[0];
      if (owner !== undefined && readOwner(owner) !== null) removed.push(name);
    }
    await nft.apply(removed.flatMap(commandsToRemove));
    return removed;
  }

  /** Removes the tables of proxies that are gone; gives their names. @throws NftBaseError */
  static removeLeftovers(): Promise<string[]> {
    return removeLeftovers(new Nft());
  }

  /** The tables of all proxies on this machine. @throws NftBaseError */
  static async tables(): Promise<INfTablesTable[]> {
    return (await ownTables(new Nft())).map(({ listing, ...rest }) => ({ ...rest, routes: countsByLabel(listing) }));
  }

  protected override onCleanup(): Promise<void> {
    return this.stop();
  }

  async #state(route: IKernelRoute): Promise<IKernelTable> {
    const markPrefix = this.#prefixes.of(this.tableName, this.tableName, await marksInUse(this.#nft));
    return {
      name: this.tableName,
      owner: await ownLine(markPrefix),
      markPrefix,
      limits: { maxConnectionsPerIP: 0, connectionRateLimitPerMinute: 0 },
      loopback: await routesLoopback(kernelSwitches),
      isClosing: false,
      routes: [route],
    };
  }

  async #route(): Promise<IKernelRoute> {
    const options = this.#options;
    const { protocol = 'tcp', qos, netProxyIntegration: proxy, ipv6Support = false } = options;
    const ports = spansOf(options.fromPort);
    const redirect = proxy?.enabled === true && proxy.sslTerminationPort !== undefined;
    const port = redirect ? (proxy.sslTerminationPort ?? 0) : (targetPort(ports, spansOf(options.toPort)) ?? 0);
    const addresses = redirect ? [null] : await addressesOf(options.toHost ?? '127.0.0.1', ipv6Support);
    const shaped: NonNullable<INfTablesProxyOptions['qos']> = qos?.enabled === true ? qos : { enabled: false };
    return {
      key: 'proxy',
      label: `ports ${ports.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(' ')}`.slice(0, 100),
      number: 1,
      transports: protocol === 'all' ? ['tcp', 'udp'] : [protocol],
      ports,
      listenAddress: ipv6Support ? null : '0.0.0.0',
      clients: null,
      lists: [{ allow: listOf(options.ipAllowList), block: listOf(options.ipBlockList) }],
      maxConnections: null,
      targets: addresses.map((address) => ({ address, port, weight: 1 })),
      balancing: 'round-robin',
      preserveSourceIP: options.preserveSourceIP ?? false,
      randomPorts: options.useAdvancedNAT ?? false,
      maxRateBytes: shaped.maxRate === undefined ? null : bytesOfRate(shaped.maxRate),
      trafficPriority: shaped.priority ?? null,
      markPackets: shaped.markConnections ?? false,
      logPrefix: options.enableLogging ? this.tableName : null,
      useSets: options.useIPSets ?? true,
      localClients: !redirect || proxy?.redirectLocalhost === true,
    };
  }

  #tell(text: string): void {
    const { enableLogging = false, logFormat = 'plain', fromPort, toHost = '127.0.0.1', toPort } = this.#options;
    if (!enableLogging) return;
    const facts = { table: this.tableName, fromPort, toHost, toPort };
    if (logFormat === 'json') this.#logger.info(facts, text);
    else
      this.#logger.info(
        {},
        `${text}: ${JSON.stringify(fromPort)} to ${toHost} ${JSON.stringify(toPort)} (${this.tableName})`,
      );
  }
}

/** The options are read at the start too: what becomes of the caller's object changes nothing. */
const structuredCloneOf = ({ logger: _, ...options }: INfTablesProxyOptions): INfTablesProxyOptions =>
  structuredClone(options);

const listOf = (list: readonly string[] | undefined): IAddressRanges | null =>
  list === undefined || list.length === 0 ? null : rangesOf(list);

/** The first address of each family that is forwarded. */
async function addressesOf(host: string, ipv6: boolean): Promise<string[]> {
  const all =
    plugins.net.isIP(host) !== 0
      ? [host]
      : (await plugins.dns.promises.lookup(normaliseHost(host) ?? host, { all: true }).catch(() => [])).map(
          ({ address }) => address,
        );
  const possible = all.flatMap((text) => kernelAddress(text) ?? []).filter(canBeTarget);
  const usable = (['ip', 'ip6'] as const).flatMap((family) => {
    if (family === 'ip6' && !ipv6) return [];
    return possible.find((address) => familyOf(address) === family) ?? [];
  });
  if (usable.length === 0) {
    const hint = ipv6 ? '' : '; IPv6 addresses need ipv6Support: true';
    throw new NftResourceError('table', `${host} has no address to forward to${hint}`);
  }
  return usable;
}
