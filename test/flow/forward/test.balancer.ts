import fc from 'fast-check';
import { hashText, type ICandidate, select, type TAlgorithm } from '../../../ts/flow/forward/balancer.js';
import { TargetState } from '../../../ts/flow/forward/target-state.js';
import { makeTarget, noChecks } from '../../helpers/make-targets.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const algorithms = [
  'round-robin',
  'least-connections',
  'ip-hash',
  'random-two-choices',
  'consistent-hash',
] as const satisfies readonly TAlgorithm[];

const owner = { nowMs: () => 0, changed: () => {}, rescheduled: () => {}, circuitChanged: () => {} };

function makeCandidate(host: string, weight = 1): ICandidate {
  const state = new TargetState(
    { host, port: 80, check: noChecks, proxyHeader: 0, tls: null, backendProtocol: 'http1', breaker: null },
    owner,
  );
  const hashes = { hash: hashText(host), otherHash: hashText(host, 7) };
  return { state, target: makeTarget({ host }), weight, fullWeight: weight, token: '', ...hashes, credit: 0 };
}

const makeList = (weights: readonly number[]): ICandidate[] =>
  weights.map((weight, at) => makeCandidate(`t${at}.test`, weight));

/** Evenly spread and the same each time. */
function makeMemory() {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  return { cursor: 0, random };
}

const clientIp = (at: number): string => `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`;

/** How many of `count` clients, each with an address of its own, each candidate gets. */
function share(algorithm: TAlgorithm, list: readonly ICandidate[], count: number): number[] {
  const memory = makeMemory();
  const got = new Map<ICandidate, number>();
  for (let at = 0; at < count; at++) {
    const draw = { tried: null, clientHash: hashText(clientIp(at)), commit: true };
    const chosen = select(algorithm, list, draw, memory);
    if (chosen) got.set(chosen, (got.get(chosen) ?? 0) + 1);
  }
  return list.map((candidate) => got.get(candidate) ?? 0);
}

tap.test('round robin mixes the heavy with the light', () => {
  const list = makeList([5, 1, 1]);
  const memory = makeMemory();
  const order = Array.from({ length: 14 }, () => {
    const chosen = select('round-robin', list, { tried: null, clientHash: 0, commit: true }, memory);
    return chosen === null ? -1 : list.indexOf(chosen);
  });
  expect(order).toEqual([0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
});

tap.test('round robin gives each its exact share in every full turn', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });
  const property = fc.property(weights, (given) => {
    const sum = given.reduce((total, weight) => total + weight, 0);
    const list = makeList(given);
    expect(share('round-robin', list, sum)).toEqual(given);
    expect(list.every(({ credit }) => credit === 0)).toBeTrue();
  });
  fc.assert(property, { seed: 1, numRuns: numRuns(200) });
});

tap.test('every algorithm but least connections spreads by weight', () => {
  for (const algorithm of algorithms) {
    if (algorithm === 'least-connections') continue;
    const [one = 0, two = 0, five = 0] = share(algorithm, makeList([1, 2, 5]), 16_000);
    expect(Math.abs(one - 2_000)).toBeLessThan(200);
    expect(Math.abs(two - 4_000)).toBeLessThan(300);
    expect(Math.abs(five - 10_000)).toBeLessThan(300);
  }
});

tap.test('least connections fills up by weight, equals taking turns', () => {
  const list = makeList([1, 2, 5]);
  const memory = makeMemory();
  for (let at = 0; at < 80; at++) {
    const chosen = select('least-connections', list, { tried: null, clientHash: 0, commit: true }, memory);
    if (chosen) chosen.state.active++;
  }
  expect(list.map(({ state }) => state.active)).toEqual([10, 20, 50]);
  expect(share('least-connections', makeList([1, 1, 1, 1]), 400)).toEqual([100, 100, 100, 100]);
});

tap.test('two choices leave the busiest of three alone', () => {
  const list = makeList([1, 1, 1]);
  const [busy] = list;
  if (busy) busy.state.active = 100;
  expect(share('random-two-choices', list, 1_000)[0]).toEqual(0);
});

tap.test('a client keeps its target while the list is reordered', () => {
  const list = makeList([1, 2, 3, 4, 5, 6]);
  const turned = list.toReversed();
  for (const algorithm of ['ip-hash', 'consistent-hash'] as const) {
    for (let at = 0; at < 500; at++) {
      const draw = { tried: null, clientHash: hashText(clientIp(at)), commit: true };
      expect(select(algorithm, turned, draw, makeMemory())).toBe(select(algorithm, list, draw, makeMemory()));
    }
  }
});

tap.test('a new target takes its share of the clients, and each of them moves to it alone', () => {
  const list = makeList(Array(10).fill(1));
  const added = makeCandidate('new.test');
  const grown = [...list, added];
  let moved = 0;
  for (let at = 0; at < 11_000; at++) {
    const draw = { tried: null, clientHash: hashText(clientIp(at)), commit: true };
    const before = select('consistent-hash', list, draw, makeMemory());
    const after = select('consistent-hash', grown, draw, makeMemory());
    if (before === after) continue;
    expect(after).toBe(added);
    moved++;
  }
  // One in eleven.
  expect(Math.abs(moved - 1_000)).toBeLessThan(120);
});

tap.test('addresses that differ in one digit spread evenly, IPv4 and IPv6', () => {
  const list = makeList(Array(8).fill(1));
  for (const prefix of ['192.0.2.', '2001:db8::']) {
    const got = new Map<ICandidate | null, number>();
    for (let at = 0; at < 256; at++) {
      const draw = { tried: null, clientHash: hashText(`${prefix}${at}`), commit: true };
      const chosen = select('ip-hash', list, draw, makeMemory());
      got.set(chosen, (got.get(chosen) ?? 0) + 1);
    }
    expect(got.size).toEqual(8);
    expect(Math.max(...got.values())).toBeLessThan(60);
  }
});

tap.test('no algorithm gives a target twice, and each gives all', () => {
  const cases = fc.record({
    algorithm: fc.constantFrom(...algorithms),
    weights: fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 10 }),
    busy: fc.array(fc.nat(50), { minLength: 10, maxLength: 10 }),
    client: fc.ipV4(),
  });
  const property = fc.property(cases, ({ algorithm, weights, busy, client }) => {
    const list = makeList(weights);
    for (const [at, { state }] of list.entries()) state.active = busy[at] ?? 0;
    const memory = makeMemory();
    const tried = new Set<ICandidate>();
    for (let left = list.length; left > 0; left--) {
      const draw = { tried, clientHash: hashText(client), commit: true };
      const chosen = select(algorithm, list, draw, memory);
      expect(chosen !== null && !tried.has(chosen)).toBeTrue();
      if (chosen) tried.add(chosen);
    }
    expect(select(algorithm, list, { tried, clientHash: 0, commit: true }, memory)).toBeNull();
  });
  fc.assert(property, { seed: 2, numRuns: numRuns() });
});

tap.test('looking changes nothing', () => {
  const property = fc.property(fc.constantFrom(...algorithms), fc.nat(20), (algorithm, steps) => {
    const list = makeList([3, 1, 2]);
    const memory = { cursor: 0, random: () => 0.5 };
    const at = (commit: boolean) => select(algorithm, list, { tried: null, clientHash: 99, commit }, memory);
    for (let step = 0; step < steps; step++) at(true);
    const looked = at(false);
    expect(at(false)).toBe(looked);
    expect(at(true)).toBe(looked);
  });
  fc.assert(property, { seed: 3, numRuns: numRuns(200) });
});

export default tap.start();
