// How the kernel forwards a route, as the code reads it.

export interface IResolvedKernel {
  readonly transports: readonly ('tcp' | 'udp')[];
  readonly preserveSourceIP: boolean;
  /** Bytes a second; null: no limit. */
  readonly maxRateBytes: number | null;
  /** 1 to 10; null: as it was. */
  readonly trafficPriority: number | null;
  /** null: the proxy's own. */
  readonly tableName: string | null;
  readonly useSets: boolean;
  readonly randomPorts: boolean;
  readonly markPackets: boolean;
  /** null: nothing is logged. */
  readonly logPrefix: string | null;
  readonly changeSysctls: boolean;
  /** To a port of this machine. */
  readonly redirect: boolean;
  /** Served in this process where the kernel cannot. */
  readonly fallback: boolean;
}

/** Addresses of both families as text: `a`, `a/len` or `a-b`; sorted and apart from each other. */
export interface IAddressRanges {
  readonly ip: readonly string[];
  readonly ip6: readonly string[];
}
