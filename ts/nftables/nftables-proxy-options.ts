// What NfTablesProxy is told, and every fault in it.

import type { ILogger } from '../base/logger.js';
import { normaliseHost } from '../codec/host.js';
import { kernelAddress, rangesOf } from '../config/kernel-addresses.js';
import {
  bytesOfRate,
  isLogPrefix,
  isTableName,
  wantLogPrefix,
  wantRate,
  wantTableName,
} from '../config/kernel-text.js';
import type { ISpan, TTargetPort } from './kernel-route.js';

export type TNfTablesPorts = number | ISpan | readonly (number | ISpan)[];

export interface INfTablesProxyOptions {
  /** Of this machine. */
  fromPort: TNfTablesPorts;
  /** One port, or as many as `fromPort`, each for its own. */
  toPort: TNfTablesPorts;
  /** An address, or a name that is looked up at the start. Default `'127.0.0.1'`, which needs `route_localnet`. */
  toHost?: string;
  /** Default false. */
  preserveSourceIP?: boolean;
  /** Take the rules out of the kernel when the process exits; until `stop` they keep it running. Default true. */
  deleteOnExit?: boolean;
  /** Default `'tcp'`. */
  protocol?: 'tcp' | 'udp' | 'all';
  /** The kernel logs each new connection, and what is done is told to `logger`. Default false. */
  enableLogging?: boolean;
  /** What `logger` gets: a sentence, or the facts as fields. Default `'plain'`. */
  logFormat?: 'plain' | 'json';
  /** Forward IPv6 too, where `toHost` has such an address. Default false. */
  ipv6Support?: boolean;
  ipAllowList?: readonly string[];
  ipBlockList?: readonly string[];
  /** Default true. */
  useIPSets?: boolean;
  /** Replace a table of the same name even if somebody else made it. Default false. */
  forceCleanSlate?: boolean;
  /** Default one of its own. */
  tableName?: string;
  /** Of a command that the kernel was too busy for. Default 3. */
  maxRetries?: number;
  /** Milliseconds before each. Default 200. */
  retryDelayMs?: number;
  /** Random source ports where addresses are masqueraded. Default false. */
  useAdvancedNAT?: boolean;
  /** Set switches that are off. Default false: they are an error. */
  changeSysctls?: boolean;
  qos?: { enabled: boolean; maxRate?: string; priority?: number; markConnections?: boolean };
  /**
   * Connections go to a proxy on this machine instead, which terminates TLS on `sslTerminationPort`; with
   * `redirectLocalhost` those of clients on this machine too.
   */
  netProxyIntegration?: { enabled: boolean; redirectLocalhost?: boolean; sslTerminationPort?: number };
  /** Default: silence. */
  logger?: ILogger;
}

/** None: it can be used. */
export function faultsOf(options: INfTablesProxyOptions): string[] {
  if (typeof options !== 'object' || options === null) return ['options: want an object'];
  const faults: string[] = [];
  const claim = (holds: boolean, place: string, want: string) => {
    if (!holds) faults.push(`${place}: want ${want}`);
  };
  const { fromPort, toPort, toHost, protocol, tableName, qos, netProxyIntegration: proxy } = options;
  for (const key of Object.keys(options)) claim(known.has(key), key, 'a known option');
  const [from, to] = [spansOf(fromPort), spansOf(toPort)];
  const arePorts = (spans: readonly ISpan[]) =>
    spans.length > 0 && spans.every((span) => isPort(span.from) && isPort(span.to) && span.from <= span.to);
  claim(arePorts(from), 'fromPort', 'ports from 1 to 65535');
  claim(arePorts(to), 'toPort', 'ports from 1 to 65535');
  if (arePorts(from) && arePorts(to))
    claim(targetPort(from, to) !== null, 'toPort', 'one port, or as many in the same order');
  claim(toHost === undefined || isHost(toHost), 'toHost', 'an IP address or a host name');
  claim(protocol === undefined || ['tcp', 'udp', 'all'].includes(protocol), 'protocol', "'tcp', 'udp' or 'all'");
  claim(tableName === undefined || isTableName(tableName), 'tableName', wantTableName);
  claim(tableName === undefined || isLogPrefix(tableName), 'tableName', wantLogPrefix);
  for (const key of ['ipAllowList', 'ipBlockList'] as const) {
    const list = options[key];
    claim(list === undefined || (Array.isArray(list) && list.every(isPattern)), key, 'addresses, CIDRs and ranges');
  }
  claim(qos?.maxRate === undefined || bytesOfRate(String(qos.maxRate)) !== null, 'qos.maxRate', wantRate);
  claim(qos?.priority === undefined || isWhole(qos.priority, 1, 10), 'qos.priority', '1 to 10');
  const ssl = proxy?.sslTerminationPort;
  claim(ssl === undefined || isPort(ssl), 'netProxyIntegration.sslTerminationPort', 'a port from 1 to 65535');
  claim(
    proxy?.enabled !== true || ssl !== undefined,
    'netProxyIntegration.sslTerminationPort',
    'a port, as it is enabled',
  );
  claim(options.maxRetries === undefined || isWhole(options.maxRetries, 0, 100), 'maxRetries', '0 to 100');
  claim(options.retryDelayMs === undefined || isWhole(options.retryDelayMs, 0, 60_000), 'retryDelayMs', '0 to 60000');
  claim(
    options.logFormat === undefined || ['plain', 'json'].includes(options.logFormat),
    'logFormat',
    "'plain' or 'json'",
  );
  for (const key of flags) claim(['undefined', 'boolean'].includes(typeof options[key]), key, 'true or false');
  return faults;
}

const flags = [
  ...(['preserveSourceIP', 'deleteOnExit', 'enableLogging', 'ipv6Support', 'useIPSets'] as const),
  ...(['forceCleanSlate', 'useAdvancedNAT', 'changeSysctls'] as const),
];

const known: ReadonlySet<string> = new Set([
  ...flags,
  ...['fromPort', 'toPort', 'toHost', 'protocol', 'logFormat', 'ipAllowList', 'ipBlockList', 'tableName'],
  ...['maxRetries', 'retryDelayMs', 'qos', 'netProxyIntegration', 'logger'],
]);

const isWhole = (value: unknown, min: number, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
const isPort = (value: unknown): boolean => isWhole(value, 1, 65_535);
const isPattern = (text: unknown): boolean => typeof text === 'string' && rangesOf([text]) !== null;

/** A name never reaches a rule: it is looked up. */
const isHost = (text: unknown): boolean =>
  typeof text === 'string' && (kernelAddress(text) ?? normaliseHost(text)) !== null;

export function spansOf(ports: TNfTablesPorts): ISpan[] {
  const list = Array.isArray(ports) ? (ports as readonly (number | ISpan)[]) : [ports as number | ISpan];
  return list.map((one) =>
    typeof one === 'object' && one !== null ? { from: one.from, to: one.to } : { from: one, to: one },
  );
}

/** null: the ports do not go together. */
export function targetPort(from: readonly ISpan[], to: readonly ISpan[]): TTargetPort | null {
  const [first] = to;
  if (first === undefined) return null;
  if (to.length === 1 && first.from === first.to) return first.from;
  const [start] = from;
  const offset = first.from - (start?.from ?? 0);
  const fits =
    from.length === to.length &&
    from.every((span, i) => span.from + offset === to[i]?.from && span.to + offset === to[i]?.to);
  return fits ? (offset === 0 ? 'preserve' : { offset }) : null;
}
