// The options that a proxy had before it had routes: a port, a target, and names that lead elsewhere.

import type { TKeepAliveTreatment } from '../config/types.js';
import type { IForwardConfig } from './forward-config.js';

/** Ports `from` to `to`, both included. */
export interface ILegacyPortRange {
  from: number;
  to: number;
}

/** What is done for some names, and on some ports. The first in the list that takes a connection has it. */
export interface ILegacyDomainConfig {
  /** Names, or patterns such as `*.a.com`. */
  domains?: string | readonly string[];
  /** The same as `domains`. */
  domain?: string | readonly string[];
  /** Clients that may connect, besides those of `defaultAllowedIPs`; none in both: everybody. Addresses, CIDR, ranges, globs. */
  allowedIPs?: readonly string[];
  /** Clients that may not, besides those of `defaultBlockedIPs`. */
  blockedIPs?: readonly string[];
  /** Used in turn. Default: the proxy's `targetIP`. */
  targetIPs?: readonly string[];
  /** One of them. */
  targetIP?: string;
  /** Ports within `globalPortRanges` that are forwarded to the same port here, whatever name is asked for. */
  portRanges?: readonly ILegacyPortRange[];
  /** Milliseconds that a connection may live. Default: `maxConnectionLifetime`. */
  connectionTimeout?: number;
  /** What is done with it, in place of all of the above but `domains`. */
  forwarding?: IForwardConfig;
}

/** Certificates that are ordered, in the older shape. */
export interface ILegacyAcmeOptions {
  enabled?: boolean;
  /** Where the authority may write to: all three are the same. */
  email?: string;
  accountEmail?: string;
  contactEmail?: string;
  /** Where challenges are answered, and `redirectToHttps` listens. Default 80. */
  port?: number;
  useProduction?: boolean;
  renewThresholdDays?: number;
  certificateStore?: string;
  /** Only true. */
  autoRenew?: boolean;
}

/** What `convertLegacyOptions` takes. */
export interface ILegacyOptions {
  /** The port to listen on. */
  fromPort: number;
  /** The port of the target. */
  toPort: number;
  /** Where connections go that no domain takes. Default `localhost`. */
  targetIP?: string;
  /** Read the name in TLS, and look it up in `domainConfigs`. TLS is passed through. Default false. */
  sniEnabled?: boolean;
  domainConfigs?: readonly ILegacyDomainConfig[];
  /** The same as `domainConfigs`. */
  domains?: readonly ILegacyDomainConfig[];
  /** Clients that may connect, wherever they want to go: `*` opens domains that have lists of their own, too. Default: all. */
  defaultAllowedIPs?: readonly string[];
  defaultBlockedIPs?: readonly string[];
  /** Ports to listen on besides `fromPort`. */
  globalPortRanges?: readonly ILegacyPortRange[];
  /** Each of them is forwarded to the same port of `targetIP`. Default false: `portRanges` of domains say where, else it is as on `fromPort`. */
  forwardAllGlobalRanges?: boolean;
  /** Targets see the client's address. The kernel forwards then, so that no name can be read. Default false. */
  preserveSourceIP?: boolean;
  acme?: ILegacyAcmeOptions;
  /** Milliseconds, all of them; as the options of the same name unless said otherwise. */
  initialDataTimeout?: number;
  /** The lesser of the two holds. */
  socketTimeout?: number;
  inactivityTimeout?: number;
  /** True: no inactivity limit. */
  disableInactivityCheck?: boolean;
  maxConnectionLifetime?: number;
  gracefulShutdownTimeout?: number;
  noDelay?: boolean;
  keepAlive?: boolean;
  keepAliveInitialDelay?: number;
  keepAliveTreatment?: TKeepAliveTreatment;
  keepAliveInactivityMultiplier?: number;
  maxConnectionsPerIP?: number;
  connectionRateLimitPerMinute?: number;
}
