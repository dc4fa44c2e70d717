// What broken authorities, clocks that jump and stores with anything in them must not lead to.

import fc from 'fast-check';
import { makeKept, needIdOf, renewAtMsOf } from '../../../ts/certs/manager/kept.js';
import { shortHash } from '../../../ts/certs/manager/manager-ports.js';
import { dayMs, hourMs, makeCertificateWorld, makeNeed, minuteMs } from '../../helpers/certificate-world.js';
import { makeFakeClock } from '../../helpers/fake-clock.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

async function begin(world: ReturnType<typeof makeCertificateWorld>, need = makeNeed('a.test')) {
  const opened = world.open();
  opened.manager.setNeeds([need]);
  opened.manager.provisionAllCertificates();
  await world.clock.advanceAsync(20_000);
  return opened;
}

/** Its wall can be set; `trueMs` tells what it would show. */
function makeJumpingClock() {
  const { wallMs: trueMs, ...clock } = makeFakeClock();
  let aheadMs = 0;
  return {
    ...clock,
    get pending() {
      return clock.pending;
    },
    trueMs,
    wallMs: () => trueMs() + aheadMs,
    jump(ms: number) {
      aheadMs += ms;
    },
  };
}

tap.test('a certificate that came late in its life is renewed before it ends', async () => {
  const clock = makeFakeClock();
  const nowMs = clock.wallMs();
  const meta = {
    ...{ names: ['a.test'], issuer: 'imported', serial: '1', profile: null, challenge: null, ari: null, generation: 1 },
    ...{ notBefore: nowMs - 355 * dayMs, notAfter: nowMs + 10 * dayMs, issuedAt: nowMs },
  };
  const kept = makeKept(makeNeed('a.test'), false);
  kept.stored = { cert: '', key: '', meta };
  expect(renewAtMsOf(kept, nowMs)).toBeLessThan(nowMs + dayMs);
  // Also where the issuer dates all it signs back to its own beginning.
  kept.stored = { cert: '', key: '', meta: { ...meta, issuer: 'https://ca.test/directory', notBefore: 0 } };
  expect(renewAtMsOf(kept, nowMs)).toBeLessThan(nowMs + dayMs);
  expect(renewAtMsOf(kept, nowMs)).toBeGreaterThan(nowMs);
});

tap.test(
  'an order whose download never works is given up after a while, and another brings the certificate',
  async () => {
    const world = makeCertificateWorld();
    const { manager, served } = world.open();
    world.ca.fault = (call) =>
      call === 'certificate' && world.ca.bought.length === 1
        ? { type: 'unknown', detail: 'broken for good', status: 500 }
        : null;
    manager.setNeeds([makeNeed('a.test')]);
    manager.provisionAllCertificates();
    await world.clock.advanceAsync(4 * dayMs);
    expect(served.get('a.test')?.meta.serial).toEqual(world.ca.bought[1]?.serial);
    expect(world.ca.bought.length).toEqual(2);
    await manager.stop();
  },
);

tap.test('an order at an address that nobody asks at any more is forgotten', async () => {
  const world = makeCertificateWorld();
  const { manager } = await begin(world);
  const orderKey = `order/${needIdOf(['a.test'])}/${shortHash(world.ca.url)}`;
  const accountUrl = [...world.ca.accounts.values()][0];
  for (const url of ['http://ca.test/order/1', 'nonsense', '']) {
    const order = { url, accountUrl, names: ['a.test'], profile: null, key: 'k', challenge: null };
    world.disk.records.set(orderKey, JSON.stringify(order));
    const before = world.ca.bought.length;
    const renewed = manager.renew('a.test');
    await world.clock.advanceAsync(minuteMs);
    await renewed;
    expect(world.ca.bought.length).toEqual(before + 1);
  }
  await manager.stop();
});

tap.test(
  'a clock that is a year ahead buys no certificate every half hour, and when it is right again all is well',
  async () => {
    const clock = makeJumpingClock();
    const world = makeCertificateWorld({}, clock);
    const { manager, served } = await begin(world);
    const first = served.get('a.test');
    // The authority lives by the same clock, and dates as if nothing had happened.
    world.ca.forge = (facts) => ({ ...facts, notBefore: clock.trueMs(), notAfter: clock.trueMs() + 64 * dayMs });
    clock.jump(365 * dayMs);
    await clock.advanceAsync(2 * dayMs);
    expect(world.ca.bought.length).toBeLessThan(8);
    expect(served.get('a.test')?.meta.serial).toEqual(first?.meta.serial);
    clock.jump(-365 * dayMs);
    await clock.advanceAsync(50 * dayMs);
    const present = served.get('a.test')?.meta;
    expect(manager.status()[0]?.lastError).toEqual(null);
    expect(present?.serial).toEqual(world.ca.bought.at(-1)?.serial);
    expect((present?.notAfter ?? 0) > clock.wallMs()).toEqual(true);
    await manager.stop();
  },
);

tap.test('a thousand names that wait for one budget do not each begin an order', async () => {
  const world = makeCertificateWorld();
  const { manager, events } = world.open();
  manager.setNeeds(Array.from({ length: 1_000 }, (_, i) => makeNeed(`n${i}.test`)));
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(2 * hourMs);
  expect(world.ca.bought.length).toEqual(250);
  expect(events.filter(({ kind }) => kind === 'issuing').length).toBeLessThan(275);
  await world.clock.advanceAsync(dayMs);
  expect(world.ca.bought.length).toEqual(1_000);
  await manager.stop();
});

/** A record as it was, but for one value somewhere in it; or anything. */
const spoiled = (json: string) =>
  fc.oneof(
    fc.jsonValue(),
    fc
      .tuple(fc.nat(), fc.oneof(fc.jsonValue(), fc.constantFrom(-1, 1e300, '', 'https://x.test/')))
      .map(([at, value]) => {
        const record = JSON.parse(json);
        const places: [Record<string, unknown>, string][] = [];
        const walk = (found: unknown): void => {
          if (typeof found !== 'object' || found === null) return;
          for (const key of Object.keys(found)) {
            places.push([found as Record<string, unknown>, key]);
            walk((found as Record<string, unknown>)[key]);
          }
        };
        walk(record);
        const [holder, key] = places[at % Math.max(places.length, 1)] ?? [{}, ''];
        holder[key] = value;
        return record;
      }),
  );

/** What is in a store in the middle of an order that goes badly, beside a certificate that is due. */
async function makeRecords() {
  const world = makeCertificateWorld();
  world.ca.ari = ({ notBefore }) => ({ startMs: notBefore + dayMs, endMs: notBefore + 2 * dayMs, retryAfterMs: null });
  const { manager } = await begin(world);
  world.ca.fault = (call) => (call === 'finalize' ? { type: 'network', detail: 'reset' } : null);
  await world.clock.advanceAsync(5 * dayMs);
  await manager.stop();
  return { records: new Map(world.disk.records), certificates: new Map(world.disk.certificates) };
}

tap.test(
  'whatever stands in the records, there is a certificate within some days, and what is there is served',
  async () => {
    const made = await makeRecords();
    expect([...made.records.keys()].map((key) => key.split('/')[0]).sort()).toEqual([
      ...['account', 'budget', 'order', 'plan', 'renewal'],
    ]);
    const anything = fc.tuple(...[...made.records].map(([key, json]) => fc.tuple(fc.constant(key), spoiled(json))));
    await fc.assert(
      fc.asyncProperty(anything, fc.boolean(), async (records, isThere) => {
        const world = makeCertificateWorld();
        for (const [key, value] of records) world.disk.records.set(key, JSON.stringify(value));
        if (isThere) for (const [id, stored] of made.certificates) world.disk.certificates.set(id, stored);
        const { manager, served } = await begin(world);
        if (isThere) expect(served.get('a.test')?.meta.serial).toEqual([...made.certificates.values()][0]?.meta.serial);
        await world.clock.advanceAsync(4 * dayMs);
        expect((served.get('a.test')?.meta.notAfter ?? 0) > world.clock.wallMs()).toEqual(true);
        if (!isThere) expect(world.ca.bought.length).toEqual(1);
        await manager.stop();
        expect(world.clock.pending).toEqual(0);
      }),
      { seed: 493, numRuns: numRuns(40) },
    );
  },
);

export default tap.start();
