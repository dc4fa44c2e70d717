// Where it goes: the NAT rules that choose a target, and the rules that count and limit the packets of a route.

import {
  familiesOf,
  familyOf,
  type IKernelRoute,
  type IKernelTarget,
  type ISpan,
  type TFamily,
} from './kernel-route.js';
import { counter, ct, drop, goto, type IRule, match, meta, payload, setTo, type TStatement, vmap } from './nft-json.js';
import { transport } from './ruleset-guard.js';
import type { ModelParts } from './ruleset-model.js';

/** The chain that the first packet of each connection goes through. */
export function natChain(route: IKernelRoute, parts: ModelParts): string {
  const opened = counter(parts.counter(`r${route.number}_new`));
  const rules: IRule[] = [{ comment: `route ${route.label}`, expr: [opened] }];
  for (const family of familiesOf(route)) {
    const isIpv = match(meta('nfproto'), family === 'ip' ? 'ipv4' : 'ipv6');
    const targets = route.targets.filter(({ address }) => address === null || familyOf(address) === family);
    const chains = targets.map((target) => targetChain(target, family, route, parts));
    rules.push({ expr: [isIpv, chains.length === 1 ? goto(chains[0] ?? '') : choice(route, family, targets, chains)] });
  }
  return parts.chain(`r${route.number}_nat`, rules);
}

/** In turn, or by the client's address: the same client then meets the same target until the targets change. */
function choice(
  { balancing }: IKernelRoute,
  family: TFamily,
  targets: readonly IKernelTarget[],
  chains: readonly string[],
): TStatement {
  const turns = turnsOf(targets.map(({ weight }) => weight));
  const mod = turns.length;
  const set = turns.map((index, turn) => [turn, goto(chains[index] ?? '')]);
  if (balancing === 'round-robin') return vmap({ numgen: { mode: 'inc', mod, offset: 0 } }, { set });
  return vmap({ jhash: { mod, seed: hashSeed, expr: payload(family, 'saddr') } }, { set });
}

/** Any: equal rules on several machines then lead a client to the same target. */
const hashSeed = 0x5eed;

/** So many elements has a map of turns at most, but for one a target: weights beyond that are rounded. */
const maxTurns = 4000;

/** Places of targets, each as often as its weight says, spread evenly. */
export function turnsOf(weights: readonly number[]): number[] {
  const divisor = weights.reduce(greatestDivisor);
  const scale = Math.min(1, (maxTurns * divisor) / sumOf(weights));
  const shares = weights.map((weight) => Math.max(1, Math.round((weight / divisor) * scale)));
  const total = sumOf(shares);
  const scores = shares.map(() => 0);
  return Array.from({ length: total }, () => {
    let best = 0;
    shares.forEach((share, i) => {
      scores[i] = (scores[i] ?? 0) + share;
      if ((scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
    });
    scores[best] = (scores[best] ?? 0) - total;
    return best;
  });
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

function targetChain(
  { address, port }: IKernelTarget,
  family: TFamily,
  { transports, ports, number }: IKernelRoute,
  parts: ModelParts,
): string {
  const to = portTo(port, ports, number, parts);
  const nat: TStatement =
    address === null ? { redirect: { port: to } } : { dnat: { family, addr: address, ...at(to) } };
  return parts.chain(`r${number}_to`, [{ expr: [transport(transports), nat] }]);
}

const at = (port: unknown): object => (port === undefined ? {} : { port });

/** A range of ports after `to` would send everything to its first one: an offset needs a map of each port. */
function portTo(port: IKernelTarget['port'], ports: readonly ISpan[], number: number, parts: ModelParts): unknown {
  if (port === 'preserve') return undefined;
  if (typeof port === 'number') return port;
  const { offset } = port;
  if (offset === 0) return undefined;
  const elem: number[][] = [];
  for (const { from, to } of ports) for (let each = from; each <= to; each++) elem.push([each, each + offset]);
  const [first] = elem;
  if (elem.length === 1) return first?.[1];
  const name = parts.set(`r${number}_ports`, { type: 'inet_service', map: 'inet_service', elem });
  return { map: { key: payload('th', 'dport'), data: `@${name}` } };
}

/** The linux priorities whose bands in the default queue are first, middle and last. */
const bands = { first: '0:6', middle: '0:0', last: '0:2' } as const;

const bandOf = (priority: number): string => (priority <= 3 ? bands.first : priority <= 7 ? bands.middle : bands.last);

/** The chain that every packet of the route's connections goes through. */
export function flowChain(route: IKernelRoute, parts: ModelParts): string {
  const { number, maxRateBytes, trafficPriority, markPackets } = route;
  const rules: IRule[] = [];
  for (const [direction, name] of [
    ['original', 'in'],
    ['reply', 'out'],
  ] as const) {
    const goes = match(ct('direction'), direction);
    if (maxRateBytes !== null) {
      const limit = { limit: { rate: maxRateBytes, rate_unit: 'bytes', per: 'second', inv: true } };
      rules.push({ expr: [goes, limit, counter(parts.counter(`r${number}_dropped`)), drop] });
    }
    rules.push({ expr: [goes, counter(parts.counter(`r${number}_${name}`))] });
  }
  if (trafficPriority !== null) rules.push({ expr: [setTo(meta('priority'), bandOf(trafficPriority))] });
  if (markPackets) rules.push({ expr: [setTo(meta('mark'), ct('mark'))] });
  return parts.chain(`r${number}_flow`, rules);
}
