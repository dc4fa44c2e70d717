import { needIdOf } from '../../../ts/certs/manager/kept.js';
import { slotOf } from '../../../ts/certs/manager/slots.js';
import {
  dayMs,
  hourMs,
  makeCertificateWorld,
  makeNeed,
  makeRandom,
  minuteMs,
} from '../../helpers/certificate-world.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const twenty = Array.from({ length: 20 }, (_, i) => makeNeed(`n${i}.test`));

tap.test('eight processes on one store order each of twenty names once, at first and at each renewal', async () => {
  const world = makeCertificateWorld();
  const all = Array.from({ length: 8 }, (_, i) => world.open({ random: makeRandom(i + 1) }));
  for (const { manager } of all) manager.setNeeds(twenty);
  const begun = Promise.all(all.map(({ manager }) => manager.provisionAllCertificates()));
  await world.clock.advanceAsync(hourMs);
  await begun;
  expect(world.ca.bought.length).toEqual(20);
  expect(world.ca.countOf('newOrder')).toEqual(20);
  expect(world.ca.countOf('newAccount')).toEqual(1);
  for (const { served } of all) expect(served.size).toEqual(20);
  await world.clock.advanceAsync(60 * dayMs);
  expect(world.ca.bought.length).toEqual(40);
  for (const { served } of all) {
    const serials = [...served.values()].map((stored) => stored?.meta.serial);
    const newest = world.ca.bought.slice(20).map(({ serial }) => serial);
    expect(serials.sort()).toEqual(newest.sort());
  }
  await Promise.all(all.map(({ manager }) => manager.stop()));
  expect(world.clock.pending).toEqual(0);
  expect(world.disk.held.size).toEqual(0);
});

tap.test('processes that share a store share failures too', async () => {
  const world = makeCertificateWorld();
  world.ca.refusal = () => 'dns';
  const all = Array.from({ length: 8 }, (_, i) => world.open({ random: makeRandom(i + 1) }));
  for (const { manager } of all) manager.setNeeds([makeNeed('a.test')]);
  for (const { manager } of all) manager.provisionAllCertificates();
  await world.clock.advanceAsync(hourMs);
  expect(world.ca.countOf('newOrder')).toEqual(3);
  await Promise.all(all.map(({ manager }) => manager.stop()));
});

tap.test('names whose validation hangs or fails never delay others', async () => {
  const world = makeCertificateWorld();
  const { manager, served } = world.open();
  world.ca.hangs = (name) => name.startsWith('hang');
  world.ca.refusal = (name) => (name.startsWith('bad') ? 'dns' : null);
  const names = Array.from({ length: 30 }, (_, i) => [`hang${i}.test`, `bad${i}.test`]).flat();
  manager.setNeeds([...names.map((name) => makeNeed(name)), makeNeed('good.test')]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(3 * minuteMs);
  expect(served.has('good.test')).toEqual(true);
  manager.setNeeds([...names.map((name) => makeNeed(name)), makeNeed('good.test'), makeNeed('late.test')]);
  await world.clock.advanceAsync(2 * minuteMs);
  expect(served.has('late.test')).toEqual(true);
  expect(served.size).toEqual(2);
  await manager.stop();
  expect(world.clock.pending).toEqual(0);
  expect(world.disk.held.size).toEqual(0);
  expect(world.ca.shown.size).toEqual(0);
});

tap.test('a process that holds the lock and does not move keeps nobody from other names', async () => {
  const world = makeCertificateWorld();
  const stuck = world.open();
  world.ca.hangs = (name) => name === 'a.test';
  stuck.manager.setNeeds([makeNeed('a.test')]);
  stuck.manager.provisionAllCertificates();
  await world.clock.advanceAsync(1_000);
  const other = world.open();
  other.manager.setNeeds([makeNeed('a.test'), makeNeed('b.test')]);
  other.manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  expect(other.served.has('b.test')).toEqual(true);
  stuck.process.kill();
  world.ca.hangs = () => false;
  await world.clock.advanceAsync(10 * minuteMs);
  expect(other.served.has('a.test')).toEqual(true);
  await other.manager.stop();
});

const other = { directoryUrls: ['https://other.test/directory'] };

tap.test('proxies with different authorities on one store keep their certificates, whoever starts when', async () => {
  const world = makeCertificateWorld();
  world.addCa('https://other.test/directory');
  const issuers: string[] = [];
  for (let start = 0; start < 3; start++) {
    const all = [world.open(), world.open()];
    const needs = [makeNeed('a.test'), makeNeed('a.test', other)];
    for (const [i, { manager }] of all.entries()) {
      manager.setNeeds(needs.slice(i, i + 1));
      await manager.initialize();
      const begun = manager.provisionAllCertificates();
      await world.clock.advanceAsync(hourMs);
      await begun;
    }
    issuers.push(...all.map(({ served }) => served.get('a.test')?.meta.issuer ?? ''));
    await Promise.all(all.map(({ manager }) => manager.stop()));
  }
  const [first = '', second = ''] = issuers;
  expect([first, second]).toEqual(['https://ca.test/directory', 'https://other.test/directory']);
  expect(issuers).toEqual([first, second, first, second, first, second]);
  for (const ca of world.cas.values()) expect(ca.bought.length).toEqual(1);
  expect(world.clock.pending).toEqual(0);
});

tap.test('one that fails with its authority keeps the other from nothing, nor forgets its pauses', async () => {
  const world = makeCertificateWorld();
  const good = world.addCa('https://other.test/directory', { lifeDays: 6 });
  world.ca.refusal = () => 'dns';
  const [failing, fine] = [world.open(), world.open({ random: makeRandom(2) })];
  failing.manager.setNeeds([makeNeed('a.test')]);
  fine.manager.setNeeds([makeNeed('a.test', other)]);
  for (const { manager } of [failing, fine]) manager.provisionAllCertificates();
  await world.clock.advanceAsync(5 * dayMs);
  expect(good.bought.length).toEqual(2);
  expect(fine.manager.status()[0]?.lastError).toEqual(null);
  // 1, 10 and 100 minutes, then daily.
  expect(world.ca.countOf('newOrder')).toEqual(8);
  const again = world.open();
  again.manager.setNeeds([makeNeed('a.test')]);
  again.manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  expect(again.manager.status()[0]?.lastError?.attempts).toEqual(8);
  await Promise.all([failing, fine, again].map(({ manager }) => manager.stop()));
});

tap.test(
  'who goes to another authority and back is served all the while, and finds the first certificate',
  async () => {
    const world = makeCertificateWorld();
    const second = world.addCa('https://other.test/directory');
    const opened = world.open();
    const { manager, served } = opened;
    manager.setNeeds([makeNeed('a.test')]);
    manager.provisionAllCertificates();
    await world.clock.advanceAsync(hourMs);
    const first = served.get('a.test');
    await manager.stop();
    second.refusal = () => 'dns';
    const restarted = world.open();
    restarted.manager.setNeeds([makeNeed('a.test', other)]);
    restarted.manager.provisionAllCertificates();
    await world.clock.advanceAsync(minuteMs / 2);
    expect(restarted.served.get('a.test')?.meta.serial).toEqual(first?.meta.serial);
    second.refusal = null;
    await world.clock.advanceAsync(hourMs);
    expect(restarted.served.get('a.test')?.meta.issuer).toEqual(second.url);
    await restarted.manager.stop();
    const back = world.open();
    back.manager.setNeeds([makeNeed('a.test')]);
    back.manager.provisionAllCertificates();
    await world.clock.advanceAsync(hourMs);
    expect(back.served.get('a.test')?.meta.serial).toEqual(first?.meta.serial);
    expect(world.ca.bought.length).toEqual(1);
    await back.manager.stop();
  },
);

tap.test('a store of version 0.3 is served from and renewed, with nothing ordered and nothing lost', async () => {
  const world = makeCertificateWorld();
  const maker = world.open();
  maker.manager.setNeeds([makeNeed('a.test')]);
  maker.manager.provisionAllCertificates();
  await world.clock.advanceAsync(hourMs);
  await maker.manager.stop();
  const [[place, stored] = ['', null]] = world.disk.certificates;
  if (stored === null) throw new Error('nothing is stored');
  const id = needIdOf(['a.test']);
  world.disk.certificates.delete(place);
  world.disk.certificates.set(id, stored);
  const [own, stranger] = [world.open(), world.open({ random: makeRandom(2) })];
  world.addCa('https://other.test/directory');
  own.manager.setNeeds([makeNeed('a.test')]);
  stranger.manager.setNeeds([makeNeed('a.test', other)]);
  for (const { manager } of [own, stranger]) manager.provisionAllCertificates();
  await world.clock.advanceAsync(hourMs);
  expect(own.served.get('a.test')?.meta.serial).toEqual(stored.meta.serial);
  expect(world.ca.bought.length).toEqual(1);
  expect(world.disk.certificates.get(id)?.meta.serial).toEqual(stored.meta.serial);
  await world.clock.advanceAsync(50 * dayMs);
  expect(world.ca.bought.length).toEqual(2);
  expect(own.served.get('a.test')?.meta.serial).toEqual(world.ca.bought[1]?.serial);
  expect([...world.disk.certificates.keys()].sort()).toEqual(
    [...world.cas.keys()].map((url) => slotOf(id, url)).sort(),
  );
  await Promise.all([own, stranger].map(({ manager }) => manager.stop()));
});

tap.test(
  "what a neighbour's authority gave is served for want of a better one, and ends no pause of one's own",
  async () => {
    const world = makeCertificateWorld();
    world.addCa('https://other.test/directory');
    world.ca.fault = (call) => (call === 'newOrder' ? { type: 'rejectedIdentifier', detail: 'no', status: 400 } : null);
    const first = world.open();
    first.manager.setNeeds([makeNeed('a.test')]);
    first.manager.provisionAllCertificates();
    await world.clock.advanceAsync(minuteMs);
    await first.manager.stop();
    const neighbour = world.open();
    neighbour.manager.setNeeds([makeNeed('a.test', other)]);
    neighbour.manager.provisionAllCertificates();
    await world.clock.advanceAsync(minuteMs);
    const again = world.open();
    again.manager.setNeeds([makeNeed('a.test')]);
    again.manager.provisionAllCertificates();
    await world.clock.advanceAsync(dayMs);
    expect(again.served.get('a.test')?.meta.issuer).toEqual('https://other.test/directory');
    expect(again.manager.status()[0]?.lastError?.type).toEqual('rejectedIdentifier');
    expect(world.ca.countOf('newOrder')).toEqual(1);
    await Promise.all([neighbour, again].map(({ manager }) => manager.stop()));
  },
);

export default tap.start();
