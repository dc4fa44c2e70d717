import { isOrderable } from '../../../ts/certs/manager/on-demand.js';
import { dayMs, hourMs, makeAcme, makeCertificateWorld, minuteMs } from '../../helpers/certificate-world.js';
import { expect, tap } from '../../helpers/tapbundle.js';

/** A keeper that asks about each name, and counts the questions. */
async function begin(allow: (name: string) => boolean | Promise<boolean>, maxPerHour = 100) {
  const world = makeCertificateWorld();
  const opened = world.open();
  const asked: string[] = [];
  const ask = (name: string) => {
    asked.push(name);
    return allow(name);
  };
  const template = { acme: makeAcme({ onDemand: { ask, maxPerHour } }) };
  await opened.manager.provisionAllCertificates();
  const get = (name: string) => opened.manager.onDemand(name, template);
  return { ...opened, world, asked, get };
}

tap.test('ten thousand names against an `ask` that allows three: three orders, and nothing grows', async () => {
  const { world, manager, get, asked, events } = await begin((name) => /^good\d\.test$/.test(name));
  const names = Array.from({ length: 10_000 }, (_, i) => `n${i}.test`);
  names.splice(5_000, 0, 'good1.test', 'good2.test', 'good3.test');
  const got: (string | undefined)[] = [];
  for (let at = 0; at < names.length; at += 100) {
    const answers = names.slice(at, at + 100).map(async (name) => got.push((await get(name))?.meta.names[0]));
    await world.clock.advanceAsync(20_000);
    await Promise.all(answers);
  }
  expect(got.filter(Boolean).sort()).toEqual(['good1.test', 'good2.test', 'good3.test']);
  expect(world.ca.countOf('newOrder')).toEqual(3);
  expect(asked.length).toEqual(10_003);
  expect(manager.status().length).toEqual(3);
  expect(events.filter(({ kind }) => kind === 'ask-denied').length).toEqual(10_000);
  expect(world.disk.records.size).toBeLessThan(10);
  await manager.stop();
  expect(world.clock.pending).toEqual(0);
});

tap.test(
  'who names the same name meanwhile waits for the same answer; a refusal is remembered for a while',
  async () => {
    const { world, manager, get, asked } = await begin((name) => name === 'a.test');
    const all = Promise.all(Array.from({ length: 50 }, () => get('a.test')));
    await world.clock.advanceAsync(minuteMs);
    expect(new Set((await all).map((stored) => stored?.meta.serial)).size).toEqual(1);
    expect(asked).toEqual(['a.test']);
    for (let i = 0; i < 5; i++) expect(await get('b.test')).toEqual(null);
    expect(asked).toEqual(['a.test', 'b.test']);
    await world.clock.advanceAsync(11 * minuteMs);
    expect(await get('b.test')).toEqual(null);
    expect(asked.length).toEqual(3);
    await manager.stop();
  },
);

tap.test('addresses and what is no name are never asked about, let alone ordered', async () => {
  const { world, manager, get, asked } = await begin(() => true);
  const junk = [
    '10.0.0.1',
    '::1',
    '[::1]',
    'localhost',
    '',
    '.',
    'a..test',
    '-a.test',
    'a_b.test',
    '*.a.test',
    'a.test.',
  ];
  junk.push(
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(130)}test`,
    'a.1',
    '1.2.3',
    'ä.test',
    'A.TEST',
    'a.test\0',
    '../x.y',
  );
  for (const name of junk) expect(`${name} ${await get(name)}`).toEqual(`${name} null`);
  expect(asked).toEqual([]);
  expect(world.ca.requests.length).toEqual(0);
  for (const name of ['a.test', 'xn--bcher-kva.example', '1.2.3.a', 'a.b-c.d1'])
    expect(isOrderable(name)).toEqual(true);
  await manager.stop();
});

tap.test('new names have a budget an hour', async () => {
  const { world, manager, get } = await begin(() => true, 5);
  const all = Promise.all(Array.from({ length: 20 }, (_, i) => get(`n${i}.test`)));
  await world.clock.advanceAsync(minuteMs);
  expect((await all).filter((stored) => stored !== null).length).toEqual(5);
  expect(world.ca.countOf('newOrder')).toEqual(5);
  await world.clock.advanceAsync(hourMs);
  const late = get('late.test');
  await world.clock.advanceAsync(minuteMs);
  expect(await late).not.toEqual(null);
  await manager.stop();
});

tap.test('an `ask` that throws or never answers refuses, and is asked again soon', async () => {
  let mood: () => boolean | Promise<boolean> = () => {
    throw new Error('no');
  };
  const { world, manager, get } = await begin(() => mood());
  expect(await get('a.test')).toEqual(null);
  mood = () => new Promise(() => {});
  const waiting = get('b.test');
  await world.clock.advanceAsync(minuteMs);
  expect(await waiting).toEqual(null);
  mood = () => true;
  const now = get('a.test');
  await world.clock.advanceAsync(minuteMs);
  expect(await now).not.toEqual(null);
  await manager.stop();
});

tap.test('asks again before a renewal; who is refused then is served to the end', async () => {
  let allowed = true;
  const { world, manager, get, asked, served } = await begin(() => allowed);
  const first = get('a.test');
  await world.clock.advanceAsync(minuteMs);
  expect(await first).not.toEqual(null);
  await world.clock.advanceAsync(50 * dayMs);
  expect(world.ca.bought.length).toEqual(2);
  expect(asked.length).toEqual(2);
  allowed = false;
  await world.clock.advanceAsync(50 * dayMs);
  expect(served.get('a.test')?.meta.serial).toEqual(world.ca.bought[1]?.serial);
  await world.clock.advanceAsync(20 * dayMs);
  expect(served.get('a.test')).toEqual(null);
  expect(manager.status()).toEqual([]);
  expect(world.ca.bought.length).toEqual(2);
  await manager.stop();
});

tap.test('what is in the store costs no order after a restart; a name that keeps failing is let go', async () => {
  const { world, manager, get } = await begin(() => true);
  const first = get('a.test');
  await world.clock.advanceAsync(minuteMs);
  const stored = await first;
  await manager.stop();
  const again = world.open();
  await again.manager.initialize();
  await again.manager.provisionAllCertificates();
  const template = { acme: makeAcme({ onDemand: { ask: () => true, maxPerHour: 0 } }) };
  expect((await again.manager.onDemand('a.test', template))?.meta.serial).toEqual(stored?.meta.serial);
  expect(world.ca.countOf('newOrder')).toEqual(1);
  world.ca.refusal = () => 'dns';
  const generous = { acme: makeAcme({ onDemand: { ask: () => true, maxPerHour: 10 } }) };
  const failing = again.manager.onDemand('b.test', generous);
  await world.clock.advanceAsync(minuteMs / 2);
  expect(await failing).toEqual(null);
  await world.clock.advanceAsync(hourMs);
  expect(again.manager.status().map(({ names }) => names[0])).toEqual(['a.test']);
  expect(await again.manager.onDemand('b.test', generous)).toEqual(null);
  expect(world.ca.countOf('newOrder')).toEqual(4);
  await again.manager.stop();
});

export default tap.start();
