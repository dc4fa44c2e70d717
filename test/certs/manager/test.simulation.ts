import { dayMs, hourMs, makeCertificateWorld, makeNeed, minuteMs } from '../../helpers/certificate-world.js';
import { expect, long, tap } from '../../helpers/tapbundle.js';

tap.timeout(long ? 1_800_000 : 90_000);

const lifeOf = (names: readonly string[]): number => Number(/^d(\d+)/.exec(names[0] ?? '')?.[1] ?? 64);

/** Of a hundred names. */
const shares = [
  { percent: 51, days: 64 },
  { percent: 48, days: 45 },
  { percent: 1, days: 6 },
];

/** Every issuance takes a millisecond of the processor: the long form does both at once. */
const stories = long
  ? [{ names: 1000, forDays: 400 }]
  : [
      { names: 400, forDays: 70 },
      { names: 100, forDays: 400 },
    ];

for (const { names, forDays } of stories) {
  tap.test(`keeps ${names} names for ${forDays} days: renewed in time, spread, within the limits`, () =>
    live(names, forDays),
  );
}

async function live(count: number, forDays: number): Promise<void> {
  const world = makeCertificateWorld({ lifeDays: lifeOf });
  const needs = shares.flatMap(({ percent, days }) =>
    Array.from({ length: (count * percent) / 100 }, (_, i) => makeNeed(`d${days}-${i}.test`)),
  );
  const { manager, served, events } = world.open();
  manager.setNeeds(needs);
  await manager.initialize();
  const begun = manager.provisionAllCertificates();
  const startMs = world.clock.wallMs();
  await world.clock.advanceAsync(dayMs);
  await begun;
  expect(served.size).toEqual(count);
  expect(world.ca.limitHits).toEqual(0);
  for (let day = 1; day < forDays; day++) {
    await world.clock.advanceAsync(dayMs);
    const nowMs = world.clock.wallMs();
    const bad = [...served.values()].filter((stored) => stored === null || stored.meta.notAfter <= nowMs);
    if (bad.length > 0) throw new Error(`day ${day}: ${bad.length} certificates have expired`);
  }
  expect(world.ca.limitHits).toEqual(0);
  expect(world.ca.mostOrdersIn3h).toBeLessThan(251);
  const told = new Set(events.map(({ kind }) => kind));
  expect(told.has('expired') || told.has('expiring') || told.has('failed')).toEqual(false);
  const before = new Map<string, number>();
  const perHour = new Map<number, number>();
  for (const { names, atMs } of world.ca.bought) {
    const [name = ''] = names;
    const last = before.get(name);
    before.set(name, atMs);
    if (last === undefined) continue;
    const lifeMs = lifeOf(names) * dayMs;
    const share = (atMs - last) / lifeMs;
    const [least, most] = lifeMs < 10 * dayMs ? [0.4, 0.51] : [0.6, 0.68];
    if (share < least || share > most) throw new Error(`${name} was renewed after ${share} of its life`);
    const hour = Math.floor((atMs - startMs) / hourMs);
    perHour.set(hour, (perHour.get(hour) ?? 0) + 1);
  }
  expect(before.size).toEqual(count);
  expect(Math.max(...perHour.values())).toBeLessThan(count / 10);
  await manager.stop();
  expect(world.clock.pending).toEqual(0);
}

tap.test('spreads by the windows that the issuer suggests, chosen once for each', async () => {
  const world = makeCertificateWorld({ lifeDays: 45 });
  let asked = 0;
  world.ca.ari = ({ notBefore }) => {
    asked++;
    return { startMs: notBefore + 20 * dayMs, endMs: notBefore + 25 * dayMs, retryAfterMs: dayMs };
  };
  const { manager } = world.open();
  manager.setNeeds(Array.from({ length: 100 }, (_, i) => makeNeed(`n${i}.test`)));
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(hourMs);
  await world.clock.advanceAsync(19 * dayMs);
  expect(world.ca.bought.length).toEqual(100);
  const planned = manager.status().map(({ renewAt }) => renewAt);
  expect(new Set(planned).size).toBeGreaterThan(90);
  await world.clock.advanceAsync(2.5 * dayMs);
  expect(world.ca.bought.length).toBeGreaterThan(115);
  expect(world.ca.bought.length).toBeLessThan(185);
  await world.clock.advanceAsync(4 * dayMs);
  expect(world.ca.bought.length).toEqual(200);
  const renewals = world.ca.bought.slice(100);
  expect(renewals.every(({ replaces }) => replaces?.startsWith('id.'))).toEqual(true);
  expect(asked).toBeGreaterThan(1900);
  expect(asked).toBeLessThan(3000);
  await manager.stop();
});

tap.test('an issuer that is down for days is asked by the schedule, and the certificate stays', async () => {
  const world = makeCertificateWorld({ lifeDays: 64 });
  const { manager, served, kinds: told } = world.open();
  manager.setNeeds([makeNeed('a.test')]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(hourMs);
  const first = served.get('a.test');
  world.ca.fault = () => ({ type: 'network', detail: 'refused' });
  const dueMs = manager.status()[0]?.renewAt ?? 0;
  await world.clock.advanceAsync(dueMs - world.clock.wallMs() - minuteMs);
  const before = world.ca.countOf('newOrder');
  await world.clock.advanceAsync(5 * dayMs);
  // At once, after 1, 10 and 100 minutes, then daily; three tries each.
  const tries = world.ca.countOf('newOrder') - before;
  expect(tries % 3).toEqual(0);
  expect(tries / 3).toBeGreaterThan(6);
  expect(tries / 3).toBeLessThan(10);
  expect(served.get('a.test')).toEqual(first);
  expect(manager.status()[0]?.lastError?.class).toEqual('transient');
  // With less than a fifth left it is every half an hour.
  await world.clock.advanceAsync((first?.meta.notAfter ?? 0) - 5 * dayMs - world.clock.wallMs());
  const late = world.ca.countOf('newOrder');
  await world.clock.advanceAsync(dayMs);
  const urgent = (world.ca.countOf('newOrder') - late) / 3;
  expect(urgent).toBeGreaterThan(42);
  expect(urgent).toBeLessThan(50);
  await world.clock.advanceAsync(6 * dayMs);
  expect(served.get('a.test')).toEqual(first);
  expect(told().filter((kind) => kind === 'expiring').length).toEqual(2);
  expect(told().filter((kind) => kind === 'expired').length).toEqual(1);
  world.ca.fault = null;
  await world.clock.advanceAsync(hourMs);
  expect(served.get('a.test')).not.toEqual(first);
  expect(told().filter((kind) => kind === 'renewed').length).toEqual(1);
  expect(manager.status()[0]?.lastError).toEqual(null);
  await manager.stop();
});

export default tap.start();
