// How one of several targets is chosen. Each algorithm reads a list in place and allocates nothing.

import type { IResolvedForward, IResolvedTarget } from '../../config/resolved.js';
import type { TargetState } from './target-state.js';

/** One target as a pool sees it; an address list gives one a host. */
export interface ICandidate {
  readonly state: TargetState;
  readonly target: IResolvedTarget;
  /** As configured. */
  readonly fullWeight: number;
  /** What it counts at present: less while the target is starting. */
  weight: number;
  /** What a sticky cookie calls it; `''` where there is none. */
  readonly token: string;
  /** Two independent hashes of its place: where one collides among thousands, the other tells. */
  readonly hash: number;
  readonly otherHash: number;
  /** Smooth round robin: how far it is behind its share (positive) or ahead of it. */
  credit: number;
}

export interface IDraw {
  /** Passed over. null: nobody has been tried. */
  readonly tried: ReadonlySet<ICandidate> | null;
  /** Of what the choice is hashed from; see `hashText`. */
  readonly clientHash: number;
  /** False for looking only: nothing is advanced. */
  readonly commit: boolean;
}

/** What the algorithms remember of a pool besides each candidate's credit. */
export interface IBalancerMemory {
  /** Where the next search begins among equals. */
  cursor: number;
  /** 0 to 1, evenly. */
  readonly random: () => number;
}

type TSelect = (list: readonly ICandidate[], draw: IDraw, memory: IBalancerMemory) => ICandidate | null;

export type TAlgorithm = IResolvedForward['algorithm'];

/**
 * Smooth weighted round robin: everybody earns its weight, who has most is chosen and pays the sum. With weights 5, 1, 1
 * that gives a a b a c a a, not five times a in a row.
 */
const roundRobin: TSelect = (list, { tried, commit }) => {
  let best: ICandidate | null = null;
  let most = Number.NEGATIVE_INFINITY;
  let total = 0;
  for (const candidate of list) {
    if (tried?.has(candidate)) continue;
    const credit = candidate.credit + candidate.weight;
    total += candidate.weight;
    if (commit) candidate.credit = credit;
    if (credit <= most) continue;
    best = candidate;
    most = credit;
  }
  if (best !== null && commit) best.credit -= total;
  return best;
};

/** The least connections for its weight, the one to come included; equals take turns. */
const leastConnections: TSelect = (list, { tried, commit }, memory) => {
  const count = list.length;
  const start = memory.cursor % count;
  let best: ICandidate | null = null;
  let at = start;
  for (let step = 0; step < count; step++, at = at + 1 === count ? 0 : at + 1) {
    const candidate = list[at];
    if (candidate === undefined || tried?.has(candidate)) continue;
    if (best === null || isLessBusy(candidate, best)) best = candidate;
  }
  if (commit) memory.cursor = (start + 1) % count;
  return best;
};

const isLessBusy = (one: ICandidate, other: ICandidate): boolean =>
  (one.state.active + 1) * other.weight < (other.state.active + 1) * one.weight;

/**
 * Two different candidates drawn by weight; the second only if it has fewer connections for its weight at present: the
 * weight has spoken when the first was drawn.
 */
const randomTwoChoices: TSelect = (list, { tried }, memory) => {
  const one = drawByWeight(list, tried, null, memory);
  if (one === null) return null;
  const other = drawByWeight(list, tried, one, memory);
  if (other === null) return one;
  return other.state.active * one.weight < one.state.active * other.weight ? other : one;
};

function drawByWeight(
  list: readonly ICandidate[],
  tried: ReadonlySet<ICandidate> | null,
  but: ICandidate | null,
  memory: IBalancerMemory,
): ICandidate | null {
  let total = 0;
  for (const candidate of list) {
    if (candidate !== but && !tried?.has(candidate)) total += candidate.weight;
  }
  let left = memory.random() * total;
  let last: ICandidate | null = null;
  for (const candidate of list) {
    if (candidate === but || tried?.has(candidate)) continue;
    last = candidate;
    left -= candidate.weight;
    if (left < 0) break;
  }
  return last;
}

/**
 * Weighted rendezvous: each candidate draws a number from (client, candidate), the highest wins. A candidate that comes
 * or goes moves its own share of the clients and nobody else's, and the order of the list does not matter.
 */
const rendezvous: TSelect = (list, { tried, clientHash }) => {
  let best: ICandidate | null = null;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const candidate of list) {
    if (tried?.has(candidate)) continue;
    const drawn = mix(mix(clientHash ^ candidate.hash) + candidate.otherHash);
    // ln(u) / w for u in (0, 1): the classical weighted sampling score.
    const score = Math.log((drawn + 0.5) / 2 ** 32) / candidate.weight;
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
};

/** `consistent-hash` differs from `ip-hash` in what is hashed. */
const algorithms: Readonly<Record<TAlgorithm, TSelect>> = {
  'round-robin': roundRobin,
  'least-connections': leastConnections,
  'random-two-choices': randomTwoChoices,
  'ip-hash': rendezvous,
  'consistent-hash': rendezvous,
};

/** One of `list` that is not in `draw.tried`; null if there is none. */
export function select(
  algorithm: TAlgorithm,
  list: readonly ICandidate[],
  draw: IDraw,
  memory: IBalancerMemory,
): ICandidate | null {
  const [first] = list;
  if (first === undefined) return null;
  if (list.length === 1) return draw.tried?.has(first) ? null : first;
  return algorithms[algorithm](list, draw, memory);
}

/** True where the choice depends on the client's address. */
export const hashesClient = (algorithm: TAlgorithm): boolean =>
  algorithm === 'ip-hash' || algorithm === 'consistent-hash';

/** FNV-1a of a text, then mixed: 32 bits, unsigned. */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

/** MurmurHash3's finaliser: every bit of the input changes half of the output's. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
