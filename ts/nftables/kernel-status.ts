// What is known of the routes in the kernel: their rules' counters, summed over what is gone too.

import type { IKernelConnection } from './kernel-records.js';
import type { IKernelRoute, IKernelTable } from './kernel-route.js';
import type { ICount, IListing } from './nft-listing.js';

/** Since the route came into the kernel. Bytes are those of IP packets, headers included. */
export interface IKernelCounts {
  /** Connections that were sent to a target. */
  readonly connections: number;
  /** Packets of clients that the address lists refused. */
  readonly refused: number;
  /** Packets of clients refused since the route has `maxConnections`. */
  readonly limited: number;
  /** Packets beyond `maxRate`. */
  readonly dropped: number;
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

export interface IKernelRouteStatus extends IKernelCounts {
  /** Its id, else its name, else one made from its match. */
  readonly route: string;
  readonly table: string;
  /** Its connections carry this mark. */
  readonly mark: number;
  readonly targets: readonly { readonly host: string; readonly port: string }[];
}

/** What `getNfTablesStatus()` gives. */
export interface INfTablesStatus {
  /** `'nftables'`: the kernel forwards; `'node'`: it cannot, and this process does; `'none'`: no route is for it. */
  readonly engine: 'nftables' | 'node' | 'none';
  /** Why the kernel does not forward; null where it does. */
  readonly why: string | null;
  readonly tables: readonly string[];
  readonly routes: readonly IKernelRouteStatus[];
  /** Packets refused by `maxConnectionsPerIP` and `connectionRateLimitPerMinute`. */
  readonly clientsLimited: number;
  /** Connections that the kernel tracks now; null where that cannot be known. */
  readonly connections: readonly IKernelConnection[] | null;
  /** Why connections are not known; null where they are. */
  readonly connectionsUnknown: string | null;
}

export const noCounts: IKernelCounts = Object.freeze({
  connections: 0,
  refused: 0,
  limited: 0,
  dropped: 0,
  packetsIn: 0,
  bytesIn: 0,
  packetsOut: 0,
  bytesOut: 0,
});

export function countsOf(number: number, { counters }: IListing): IKernelCounts {
  const of = (name: string): ICount => counters.get(`r${number}_${name}`) ?? { packets: 0, bytes: 0 };
  const [comes, goes] = [of('in'), of('out')];
  return {
    connections: of('new').packets,
    refused: of('refused').packets,
    limited: of('limited').packets,
    dropped: of('dropped').packets,
    packetsIn: comes.packets,
    bytesIn: comes.bytes,
    packetsOut: goes.packets,
    bytesOut: goes.bytes,
  };
}

export function sumOf(all: Iterable<IKernelCounts>): IKernelCounts {
  const sum: Record<string, number> = { ...noCounts };
  for (const counts of all) {
    for (const key of Object.keys(noCounts)) sum[key] = (sum[key] ?? 0) + counts[key as keyof IKernelCounts];
  }
  return sum as unknown as IKernelCounts;
}

export const routeStatus = (
  route: IKernelRoute,
  table: Pick<IKernelTable, 'name' | 'markPrefix'>,
  counts: IKernelCounts,
): IKernelRouteStatus => ({
  route: route.key,
  table: table.name,
  mark: table.markPrefix * 65_536 + route.number,
  targets: route.targets.map(({ address, port }) => ({
    host: address ?? 'this machine',
    port: typeof port === 'object' ? `${port.offset < 0 ? '' : '+'}${port.offset}` : String(port),
  })),
  ...counts,
});

/** By the names in the comments of the rules: for tables of which nothing else is known. */
export function countsByLabel(listing: IListing): (IKernelCounts & { readonly route: string })[] {
  return [...listing.comments].flatMap(([chain, [comment = '']]) => {
    const number = /^r(\d+)_nat_/.exec(chain)?.[1];
    return number === undefined
      ? []
      : [{ route: comment.replace(/^route /, ''), ...countsOf(Number(number), listing) }];
  });
}
