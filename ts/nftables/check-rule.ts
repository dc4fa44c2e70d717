// The last gate before nft: every value of a table is judged by its own form here, whoever made it.

import { isLabel, isLogPrefix, isTableName, wantLabel, wantLogPrefix, wantTableName } from '../config/kernel-text.js';
import * as plugins from '../plugins.js';
import { NftValidationError } from './errors.js';
import type { IAddressRanges, IKernelRoute, IKernelTable, IKernelTarget, ISpan } from './kernel-route.js';

/** @throws NftValidationError with every fault */
export function checkTable(table: IKernelTable): void {
  const faults: string[] = [];
  const claim = (holds: boolean, place: string, want: string) => {
    if (!holds) faults.push(`${place}: want ${want}`);
  };
  claim(isTableName(table.name), 'tableName', wantTableName);
  claim(/^[a-z0-9=. -]{1,120}$/.test(table.owner), 'owner', 'a line of owner.ts');
  claim(isWhole(table.markPrefix, 1, 65_535), 'markPrefix', '1 to 65535');
  claim(isWhole(table.limits.maxConnectionsPerIP, 0, 4_294_967_295), 'maxConnectionsPerIP', 'a whole number');
  const perMinute = table.limits.connectionRateLimitPerMinute;
  claim(isWhole(perMinute, 0, 4_294_967_295), 'connectionRateLimitPerMinute', 'a whole number');
  const numbers = new Set(table.routes.map(({ number }) => number));
  claim(numbers.size === table.routes.length, 'routes', 'a number of its own for each');
  for (const route of table.routes) {
    for (const fault of routeFaults(route)) faults.push(`${printable(route.label)}: ${fault}`);
  }
  if (faults.length > 0) throw new NftValidationError(faults);
}

const printable = (text: unknown): string => JSON.stringify(String(text).slice(0, 40));

function routeFaults(route: IKernelRoute): string[] {
  const faults: string[] = [];
  const claim = (holds: boolean, place: string, want: string) => {
    if (!holds) faults.push(`${place}: want ${want}`);
  };
  claim(isLabel(route.label), 'name', wantLabel);
  claim(isWhole(route.number, 1, 65_535), 'number', '1 to 65535');
  claim(
    route.transports.length > 0 && route.transports.every((one) => one === 'tcp' || one === 'udp'),
    'protocol',
    'tcp, udp or all',
  );
  claim(route.ports.length > 0 && route.ports.every(isSpan), 'ports', 'ports from 1 to 65535');
  claim(route.listenAddress === null || isAddress(route.listenAddress), 'listenAddress', 'an IP address');
  for (const ranges of rangesOf(route)) claim(isRanges(ranges), 'addresses', 'addresses, prefixes and ranges');
  claim(route.maxConnections === null || isWhole(route.maxConnections, 1, 4_294_967_295), 'maxConnections', 'from 1');
  claim(route.targets.length > 0 && route.targets.length <= 1000, 'targets', '1 to 1000 targets');
  for (const target of route.targets) claim(isTarget(target, route.ports), 'target', 'an IP address and a port');
  claim(['round-robin', 'ip-hash'].includes(route.balancing), 'balancing', 'round-robin or ip-hash');
  const rate = route.maxRateBytes;
  claim(rate === null || isWhole(rate, 1, 4_000_000_000), 'maxRate', 'at most 32gbps');
  claim(route.trafficPriority === null || isWhole(route.trafficPriority, 1, 10), 'priority', '1 to 10');
  claim(route.logPrefix === null || isLogPrefix(route.logPrefix), 'log', wantLogPrefix);
  return faults;
}

const isWhole = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

const isPort = (value: number): boolean => isWhole(value, 1, 65_535);
const isSpan = ({ from, to }: ISpan): boolean => isPort(from) && isPort(to) && from <= to;

/** A zone (`%eth0`) is text of its own: no rule can have one. */
const isAddress = (text: string): boolean => plugins.net.isIP(text) !== 0 && !text.includes('%');

function isTarget({ address, port, weight }: IKernelTarget, ports: readonly ISpan[]): boolean {
  if (address === null ? typeof port !== 'number' : !isAddress(address)) return false;
  if (!isWhole(weight, 1, 1000)) return false;
  if (typeof port === 'number') return isPort(port);
  if (port === 'preserve') return true;
  const { offset } = port;
  return ports.every(({ from, to }) => isPort(from + offset) && isPort(to + offset));
}

function* rangesOf({ clients, lists }: IKernelRoute): Generator<IAddressRanges> {
  if (clients !== null) yield clients;
  for (const { allow, block } of lists) {
    if (allow !== null) yield allow;
    if (block !== null) yield block;
  }
}

const isRanges = ({ ip, ip6 }: IAddressRanges): boolean =>
  ip.every((text) => isRange(text, 4, 32)) && ip6.every((text) => isRange(text, 6, 128));

function isRange(text: string, version: 4 | 6, bits: number): boolean {
  const is = (part: string | undefined) => part !== undefined && plugins.net.isIP(part) === version && isAddress(part);
  const [base, length, more] = text.split('/');
  if (length !== undefined) return is(base) && more === undefined && /^\d{1,3}$/.test(length) && Number(length) <= bits;
  const ends = text.split('-');
  return ends.length <= 2 && ends.every(is);
}
