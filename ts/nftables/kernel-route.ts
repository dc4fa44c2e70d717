// A route as the rules are made of it: addresses, ports and numbers only. Names are resolved and defaults applied.

import type { IAddressRanges } from '../config/resolved-kernel.js';

export type { IAddressRanges };
export type TTransport = 'tcp' | 'udp';
export type TFamily = 'ip' | 'ip6';

export interface ISpan {
  readonly from: number;
  /** Included. */
  readonly to: number;
}

export interface IAddressLists {
  /** null: everybody. */
  readonly allow: IAddressRanges | null;
  /** null: nobody. Goes before `allow`. */
  readonly block: IAddressRanges | null;
}

/** What becomes of the port that the client connected to: another one, the same one, or the same one plus an offset. */
export type TTargetPort = number | 'preserve' | { readonly offset: number };

export interface IKernelTarget {
  /** An address; null: this machine, by whichever of its addresses the packet came in. */
  readonly address: string | null;
  readonly port: TTargetPort;
  /** Its share, 1 to 1 000. */
  readonly weight: number;
}

export interface IKernelRoute {
  /** Identity across updates. */
  readonly key: string;
  /** For people who read the rules: letters, digits, space and `._:/@+-`. */
  readonly label: string;
  /** 1 to 65 535: tells the connections of this route from those of others in one table. */
  readonly number: number;
  readonly transports: readonly TTransport[];
  readonly ports: readonly ISpan[];
  /** Of this machine, that the route is for; null: all of them. */
  readonly listenAddress: string | null;
  /** null: all. Others are left to the next route. */
  readonly clients: IAddressRanges | null;
  /** All of them must let a client pass. */
  readonly lists: readonly IAddressLists[];
  /** Connections at a time; null: no limit. */
  readonly maxConnections: number | null;
  readonly targets: readonly IKernelTarget[];
  readonly balancing: 'round-robin' | 'ip-hash';
  /** Targets see the client's address instead of this machine's. */
  readonly preserveSourceIP: boolean;
  /** Source ports of masqueraded connections are chosen at random. */
  readonly randomPorts: boolean;
  /** Bytes a second, each direction by itself; null: no limit. */
  readonly maxRateBytes: number | null;
  /** 1 (first) to 10 (last) in this machine's queues; null: as it was. */
  readonly trafficPriority: number | null;
  /** Packets carry the mark of their connection, for `tc` and for other rules. */
  readonly markPackets: boolean;
  /** The kernel logs each new connection with this in front; null: it does not. */
  readonly logPrefix: string | null;
  /** Lists of addresses are named sets, which are shown and searched as such, instead of a part of the rule. */
  readonly useSets: boolean;
  /** Clients on this machine are served too. */
  readonly localClients: boolean;
}

/** Limits that all routes of a table share. 0: none. */
export interface IClientLimits {
  /** At a time, per client address (IPv6: per /64). */
  readonly maxConnectionsPerIP: number;
  /** New ones in a minute, likewise. */
  readonly connectionRateLimitPerMinute: number;
}

export interface IKernelTable {
  readonly name: string;
  /** Who made it: a line that `owner.ts` reads. */
  readonly owner: string;
  /** Upper half of the marks of its connections, 1 to 65 535. */
  readonly markPrefix: number;
  readonly limits: IClientLimits;
  /** True where 127.0.0.0/8 is routed (`route_localnet`): then clients on this machine may come by it. */
  readonly loopback: boolean;
  /** True: no new connection is let in; those that are there go on. */
  readonly isClosing: boolean;
  /** In the order in which they are tried. */
  readonly routes: readonly IKernelRoute[];
}

/** The mark of a route's connections. */
export const markOf = (table: Pick<IKernelTable, 'markPrefix'>, number: number): number =>
  table.markPrefix * 65_536 + number;

export const familyOf = (address: string): TFamily => (address.includes(':') ? 'ip6' : 'ip');

/** The families that a route can serve: a packet keeps its family on its way to a target. */
export function familiesOf({ targets, listenAddress }: IKernelRoute): readonly TFamily[] {
  const all = (['ip', 'ip6'] as const).filter((one) =>
    targets.some(({ address }) => address === null || familyOf(address) === one),
  );
  if (listenAddress === null || listenAddress === '::') return all;
  return all.filter((one) => one === familyOf(listenAddress));
}
