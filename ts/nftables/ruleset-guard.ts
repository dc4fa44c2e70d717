// Who is let in: the rules that find the route of a new connection, refuse it or give it the route's mark.

import {
  familiesOf,
  type IAddressRanges,
  type IKernelRoute,
  type IKernelTable,
  type ISpan,
  markOf,
  type TFamily,
} from './kernel-route.js';
import {
  accept,
  counter,
  ct,
  drop,
  goto,
  type IRule,
  jump,
  masked,
  match,
  meta,
  payload,
  setTo,
  type TExpression,
  type TStatement,
  toThisMachine,
} from './nft-json.js';
import type { IHook, ModelParts } from './ruleset-model.js';

/** Behind connection tracking (-200) and mangle (-150), before destination NAT (-100). */
const guardPriority = -110;

/** `guards`: the chain of each route, in the order in which routes are tried. */
export function guardHook(
  hook: 'prerouting' | 'output',
  table: IKernelTable,
  guards: ReadonlyMap<IKernelRoute, string>,
): IHook {
  const isLocal = hook === 'output';
  const ours = match(masked(ct('mark'), 0xffff0000), table.markPrefix * 65_536);
  const rules: IRule[] = [
    { expr: [match(ct('state'), 'new', '!='), accept] },
    // Until an answer comes every packet of a connection is a new one: only the first is judged.
    { expr: [ours, accept] },
  ];
  // What clients of this machine send through lo was judged on its way out.
  if (!isLocal) rules.push({ expr: [match(meta('iifname'), 'lo'), accept] });
  for (const [route, chain] of table.isClosing ? [] : guards) {
    if (isLocal && !route.localClients) continue;
    const comment = `route ${route.label}`;
    for (const family of familiesOf(route)) {
      const from = route.clients?.[family];
      if (from?.length === 0) continue;
      const expr = [match(meta('nfproto'), nfproto[family]), ...destination(route, family)];
      if (from !== undefined) expr.push(match(saddr(family), { set: from.map(rangeOf) }));
      const loopback = isLocal ? beyondLoopback(route, family, table) : [];
      rules.push({ comment, expr: [...expr, ...loopback, goto(chain)] });
    }
  }
  return { type: 'filter', hook, prio: guardPriority, rules };
}

const nfproto = { ip: 'ipv4', ip6: 'ipv6' } as const;
const saddr = (family: TFamily): TExpression => payload(family, 'saddr');

function destination({ transports, ports, listenAddress }: IKernelRoute, family: TFamily): TStatement[] {
  const wildcard = listenAddress === null || listenAddress === '::' || listenAddress === '0.0.0.0';
  return [
    transport(transports),
    match(payload('th', 'dport'), { set: ports.map(portOf) }),
    wildcard ? toThisMachine : match(payload(family, 'daddr'), listenAddress),
  ];
}

/** Rules that read or change ports need one of these before them. */
export const transport = (transports: IKernelRoute['transports']): TStatement =>
  match(meta('l4proto'), { set: [...transports] });

export const portOf = ({ from, to }: ISpan): unknown => (from === to ? from : { range: [from, to] });

/**
 * A packet with a loopback address leaves this machine only where `route_localnet` allows it, and never over IPv6. What
 * is redirected stays here.
 */
function beyondLoopback({ targets }: IKernelRoute, family: TFamily, { loopback }: IKernelTable): TStatement[] {
  if (targets.every(({ address }) => address === null) || (family === 'ip' && loopback)) return [];
  const address = family === 'ip' ? { prefix: { addr: '127.0.0.0', len: 8 } } : '::1';
  return [match(payload(family, 'daddr'), address, '!=')];
}

/** So many the kernel tells apart at a time, each family by itself; those beyond are not limited. */
const maxClients = 65_535;

/** The limits that clients have over all routes; null where there are none. */
export function clientsChain({ limits }: IKernelTable, parts: ModelParts): string | null {
  const { maxConnectionsPerIP, connectionRateLimitPerMinute: perMinute } = limits;
  const rules: IRule[] = [];
  const limit = (name: string, stmt: TStatement, forget: { readonly timeout?: number } = {}) => {
    for (const family of ['ip', 'ip6'] as const) {
      // As elsewhere: a host may fill its /64.
      const key = family === 'ip' ? saddr(family) : masked(saddr(family), 'ffff:ffff:ffff:ffff::');
      const elem = { val: key, ...forget };
      const meter = { meter: { name: `${name}_${family}`, key: { elem }, size: maxClients, stmt } };
      rules.push({ expr: [meter, counter(parts.counter('clients_limited')), goto(refuse(parts))] });
    }
  };
  if (maxConnectionsPerIP > 0) limit('connections', { 'ct count': { val: maxConnectionsPerIP, inv: true } });
  // After a minute without a connection its bucket is full again: there is nothing to remember.
  const rate = { limit: { rate: perMinute, per: 'minute', burst: perMinute, inv: true } };
  if (perMinute > 0) limit('rate', rate, { timeout: 120 });
  return rules.length === 0 ? null : parts.chain('clients', rules);
}

/** Refuses or marks. */
export function guardChain(
  route: IKernelRoute,
  table: IKernelTable,
  clients: string | null,
  parts: ModelParts,
): string {
  const { number, lists, maxConnections, logPrefix, useSets } = route;
  const refused = counter(parts.counter(`r${number}_refused`));
  const limited = counter(parts.counter(`r${number}_limited`));
  const rules: IRule[] = clients === null ? [] : [{ expr: [jump(clients)] }];
  const add = (...expr: readonly TStatement[]) => rules.push({ expr: [...expr, refused, goto(refuse(parts))] });
  for (const family of ['ip', 'ip6'] as const) {
    const listed = (ranges: IAddressRanges, name: string) =>
      useSets ? `@${parts.set(`r${number}_${name}`, rangeSet(ranges, family))}` : { set: ranges[family].map(rangeOf) };
    for (const { allow, block } of lists) {
      if (block !== null && block[family].length > 0) add(match(saddr(family), listed(block, 'block')));
      if (allow === null) continue;
      if (allow[family].length > 0) add(match(saddr(family), listed(allow, 'allow'), '!='));
      else add(match(meta('nfproto'), nfproto[family]));
    }
  }
  if (maxConnections !== null) {
    // In a chain of its own, which outlives changes of the other rules: a new one would begin to count anew.
    const limit = { 'ct count': { val: maxConnections, inv: true } };
    const chain = parts.chain(`r${number}_limit`, [{ expr: [limit, limited, goto(refuse(parts))] }]);
    rules.push({ expr: [jump(chain)] });
  }
  if (logPrefix !== null) rules.push({ expr: [{ log: { prefix: `${logPrefix} `, level: 'info' } }] });
  rules.push({ comment: `route ${route.label}`, expr: [setTo(ct('mark'), markOf(table, number)), accept] });
  return parts.chain(`r${number}_guard`, rules);
}

/** A TCP client is told at once; UDP is dropped, for its sender may be forged. */
const refuse = (parts: ModelParts): string =>
  parts.chain('refuse', [
    { expr: [match(meta('l4proto'), 'tcp'), { reject: { type: 'tcp reset' } }] },
    { expr: [drop] },
  ]);

const rangeSet = (ranges: IAddressRanges, family: TFamily): TStatement => ({
  type: family === 'ip' ? 'ipv4_addr' : 'ipv6_addr',
  flags: ['interval'],
  elem: ranges[family].map(rangeOf),
});

function rangeOf(text: string): unknown {
  const [base, length] = text.split('/');
  if (length !== undefined) return { prefix: { addr: base, len: Number(length) } };
  const [low, high] = text.split('-');
  return high === undefined ? low : { range: [low, high] };
}
