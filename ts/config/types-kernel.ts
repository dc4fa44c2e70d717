// What users write about routes that the kernel forwards.

/**
 * How the kernel forwards a route. Its packets never reach this process: what only the process could do (names, TLS, HTTP,
 * PROXY headers, health checks, timeouts, functions) is a fault on such a route.
 */
export interface INfTablesRules {
  /** Default `'tcp'`. */
  protocol?: 'tcp' | 'udp' | 'all' | undefined;
  /** Targets see the client's address; their way back must lead over this machine. Default: the global one. */
  preserveSourceIP?: boolean | undefined;
  /** Of each direction, all connections of the route together: `'10mbps'`; bps, kbps, mbps or gbps, of bits. Default none. */
  maxRate?: string | undefined;
  /** In this machine's queues, 1 (first) to 10 (last). Default: as every packet. */
  priority?: number | undefined;
  /** The table that the rules stand in. Default: one of the proxy's own. */
  tableName?: string | undefined;
  /** Address lists are named sets, which `nft list` shows as such. Default true; else they are part of the rule. */
  useIPSets?: boolean | undefined;
  /** Masqueraded connections get random source ports: for many short ones to the same target. Default false. */
  useAdvancedNAT?: boolean | undefined;
  /** Packets carry the mark of their connection, for `tc` and for rules of your own. Default false. */
  markConnections?: boolean | undefined;
  /** The kernel logs each new connection, with this text in front; `true`: with the name of the route. Default false. */
  log?: boolean | string | undefined;
  /** Switch on what forwarding needs (`net.ipv4.ip_forward` and the like) where it is off. Default false: an error says so. */
  changeSysctls?: boolean | undefined;
  /**
   * The target is a port of this machine, by whichever of its addresses the client came in; `host` is then `'localhost'`.
   * Default false.
   */
  redirect?: boolean | undefined;
  /** Added to the port that the client connected to; may be negative. The target's `port` is then `'preserve'`. Default none. */
  portOffset?: number | undefined;
  /** What to do where the kernel cannot: serve the route in this process. Default: `start` and updates fail. */
  fallback?: 'node' | undefined;
}
