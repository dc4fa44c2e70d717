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

export default tap.start();
