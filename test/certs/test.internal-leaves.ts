// Certificates of our own authority: kept for routes, made for clients, renewed by the wall clock.

import { X509Certificate } from 'node:crypto';
import { InternalAuthority } from '../../ts/certs/internal-authority.js';
import { InternalLeaves } from '../../ts/certs/internal-leaves.js';
import { needIdOf } from '../../ts/certs/manager/kept.js';
import { dayMs, hourMs } from '../helpers/certificate-world.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeFakeDisk } from '../helpers/fake-store.js';
import { expect, tap } from '../helpers/tapbundle.js';

function makeLeaves(clock = makeFakeClock(Date.now())) {
  const disk = makeFakeDisk();
  const real = new InternalAuthority({ store: disk.open(), clock });
  const issued: (readonly string[])[] = [];
  const errors: unknown[] = [];
  const renewed: (readonly string[])[] = [];
  let broken: Error | null = null;
  const authority = {
    issue: (names: readonly string[]) => {
      issued.push(names);
      return broken === null ? real.issue(names) : Promise.reject(broken);
    },
  } as unknown as InternalAuthority;
  const leaves = new InternalLeaves({
    ...{ authority, clock },
    onRenewed: (names) => void renewed.push(names),
    onError: (error) => void errors.push(error),
  });
  const fail = (error: Error | null) => {
    broken = error;
  };
  return { clock, leaves, issued, errors, renewed, fail };
}

const lists = (...all: (readonly string[])[]) => new Map(all.map((names) => [needIdOf(names), names]));
const serialOf = (leaves: InternalLeaves, ...names: string[]) => {
  const pair = leaves.pairOf(needIdOf(names));
  return pair === null ? null : new X509Certificate(String(pair.cert)).serialNumber;
};

/** Time passes, and what falls due is made. */
async function pass(clock: ReturnType<typeof makeFakeClock>, ms: number, done: () => boolean): Promise<void> {
  await clock.advanceAsync(ms);
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
}

tap.test('each list of names has one certificate, made once however often it is wanted', async () => {
  const { leaves, issued, clock } = makeLeaves();
  const wanted = lists(['a.test'], ['*.b.test', 'b.test']);
  await Promise.all([leaves.want(wanted), leaves.want(wanted)]);
  await leaves.want(wanted);
  expect(issued).toHaveLength(2);
  const { subjectAltName } = new X509Certificate(String(leaves.pairOf(needIdOf(['b.test', '*.b.test']))?.cert));
  expect(subjectAltName).toEqual('DNS:*.b.test, DNS:b.test');
  leaves.stop();
  expect(clock.pending).toEqual(0);
});

tap.test('what no route wants any more goes, but for what a client asked for', async () => {
  const { leaves } = makeLeaves();
  await leaves.want(lists(['a.test'], ['b.test']));
  await leaves.ask('c.test');
  leaves.keep(lists(['a.test']));
  expect(['a.test', 'b.test', 'c.test'].map((name) => serialOf(leaves, name) !== null)).toEqual([true, false, true]);
  // What was asked for and is then written down stays and goes with the route.
  await leaves.want(lists(['c.test']));
  leaves.keep(lists());
  expect(serialOf(leaves, 'c.test')).toEqual(null);
  leaves.stop();
});

tap.test('they are renewed after four days of seven, and the old one is served meanwhile', async () => {
  const { leaves, clock, renewed } = makeLeaves();
  await leaves.want(lists(['a.test']));
  const first = serialOf(leaves, 'a.test');
  await clock.advanceAsync(4 * dayMs - hourMs);
  expect(serialOf(leaves, 'a.test')).toEqual(first);
  await pass(clock, 2 * hourMs, () => renewed.length >= 1);
  const second = serialOf(leaves, 'a.test');
  expect(second === null || second === first).toBeFalse();
  const before = renewed.length;
  await pass(clock, 4 * dayMs + hourMs, () => renewed.length > before);
  leaves.stop();
});

tap.test('what was made by a clock that ran ahead is made again when it is set right', async () => {
  const steady = makeFakeClock(Date.now());
  let aheadMs = 365 * dayMs;
  const { leaves, clock, renewed } = makeLeaves({ ...steady, wallMs: () => steady.wallMs() + aheadMs });
  await leaves.want(lists(['a.test']));
  const ahead = serialOf(leaves, 'a.test');
  aheadMs = 0;
  await pass(clock, hourMs, () => renewed.length > 0);
  expect(serialOf(leaves, 'a.test') === ahead).toBeFalse();
  const { validFrom } = new X509Certificate(String(leaves.pairOf(needIdOf(['a.test']))?.cert));
  expect(Date.parse(validFrom) <= clock.wallMs()).toBeTrue();
  // Only once.
  const count = renewed.length;
  await clock.advanceAsync(dayMs);
  expect(renewed.length).toEqual(count);
  leaves.stop();
});

tap.test('a renewal that fails leaves the certificate in use, is told, and is tried again', async () => {
  const { leaves, clock, renewed, errors, fail } = makeLeaves();
  await leaves.want(lists(['a.test']));
  const first = serialOf(leaves, 'a.test');
  fail(new Error('the disk is full'));
  await pass(clock, 4 * dayMs + hourMs, () => errors.length > 2);
  expect([serialOf(leaves, 'a.test') === first, renewed.length]).toEqual([true, 0]);
  fail(null);
  await pass(clock, hourMs, () => renewed.length >= 1);
  leaves.stop();
});

tap.test('names that clients ask for are limited in number, and one that cannot be made is told', async () => {
  const { leaves, errors, fail, issued } = makeLeaves();
  await leaves.want(lists(['kept.test']));
  fail(new Error('not now'));
  await leaves.ask('a.test');
  expect([errors.length, serialOf(leaves, 'a.test')]).toEqual([1, null]);
  fail(null);
  for (let i = 0; i <= 1_000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, j) => leaves.ask(`n${i + j}.test`)));
  }
  expect(issued.length).toBeGreaterThan(1_050);
  expect(serialOf(leaves, 'n0.test')).toEqual(null);
  expect(serialOf(leaves, 'n1049.test') === null).toBeFalse();
  expect(serialOf(leaves, 'kept.test') === null).toBeFalse();
  leaves.stop();
});

tap.test('a flood of names is refused beyond a number at a time, and costs nothing later', async () => {
  const { leaves, issued, clock } = makeLeaves();
  await leaves.want(lists(['kept.test']));
  const first = serialOf(leaves, 'kept.test');
  await Promise.all(Array.from({ length: 400 }, (_, i) => leaves.ask(`n${i}.test`)));
  expect(issued.length).toEqual(257);
  await leaves.ask('late.test');
  expect(serialOf(leaves, 'late.test') === null).toBeFalse();
  await pass(clock, 4 * dayMs + hourMs, () => serialOf(leaves, 'kept.test') !== first);
  // Only what a route has was made anew.
  expect(issued.slice(258).every((names) => names[0] === 'kept.test')).toBeTrue();
  expect(serialOf(leaves, 'late.test')).toEqual(null);
  leaves.stop();
});

tap.test('after the stop nothing is made and nothing is left', async () => {
  const { leaves, clock, issued } = makeLeaves();
  const coming = leaves.want(lists(['a.test']));
  leaves.stop();
  await coming;
  await leaves.ask('b.test');
  expect([serialOf(leaves, 'a.test'), serialOf(leaves, 'b.test'), clock.pending, issued.length]).toEqual([
    null,
    null,
    0,
    1,
  ]);
});

export default tap.start();
