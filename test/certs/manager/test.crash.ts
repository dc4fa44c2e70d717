import {
  dayMs,
  hourMs,
  type ICertificateWorld,
  makeCertificateWorld,
  makeNeed,
} from '../../helpers/certificate-world.js';
import { makeFakeProcess } from '../../helpers/fake-process.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const names = ['*.a.test', 'a.test'];
const need = () => makeNeed(names, { challenges: ['dns-01'] });

/** Opens a keeper in a process that dies where `crash` says, and lets it do what it can. */
async function runUntil(world: ICertificateWorld, crash: Parameters<typeof makeFakeProcess>[0], forMs: number) {
  const trace: string[] = [];
  const opened = world.open({}, makeFakeProcess(crash, trace));
  opened.manager.setNeeds([need()]);
  const begun = opened.manager.initialize().then(() => opened.manager.provisionAllCertificates());
  begun.catch(() => {});
  await world.clock.advanceAsync(forMs);
  return { ...opened, trace };
}

/** How many things one issuance does to the store and to the authority, and which. */
async function countSteps(): Promise<string[]> {
  const { trace } = await runUntil(makeCertificateWorld(), null, 60_000);
  return trace;
}

tap.test('dies at any step of a first order and is live after a restart, with one certificate bought', async () => {
  const trace = await countSteps();
  expect(trace.length).toBeGreaterThan(25);
  for (let step = 1; step <= trace.length; step++) {
    for (const before of [true, false]) {
      const where = `${before ? 'before' : 'after'} ${step}: ${trace[step - 1]}`;
      const world = makeCertificateWorld();
      const dead = await runUntil(world, { step, before }, 60_000);
      expect(`${dead.process.isDead} ${where}`).toEqual(`true ${where}`);
      const { manager, served } = await runUntil(world, null, hourMs);
      expect(`${served.get('*.a.test') ? 'live' : 'missing'} ${where}`).toEqual(`live ${where}`);
      expect(`${world.ca.bought.length} ${where}`).toEqual(`1 ${where}`);
      const keys = [...world.disk.certificates.values()].map(({ key }) => key);
      expect(JSON.parse(served.get('*.a.test')?.cert ?? '{}').key).toEqual(keys[0]);
      await manager.stop();
      expect(world.disk.held.size).toEqual(0);
    }
  }
});

tap.test('dies at any step of a renewal and goes on with it: never without a certificate, one bought', async () => {
  const steps = await stepsOfRenewal();
  for (let step = steps.first; step <= steps.last; step++) {
    const world = makeCertificateWorld();
    const first = await runUntil(world, { step, before: step % 2 === 0 }, 50 * dayMs);
    expect(first.process.isDead).toEqual(true);
    expect(world.disk.certificates.size).toEqual(1);
    const second = await runUntil(world, null, dayMs);
    const stored = [...world.disk.certificates.values()][0];
    expect(second.served.get('*.a.test')?.meta.serial).toEqual(stored?.meta.serial);
    await second.manager.stop();
    const third = await runUntil(world, null, 5 * dayMs);
    expect(`step ${step}: ${world.ca.bought.length}`).toEqual(`step ${step}: 2`);
    expect(world.ca.bought[1]?.serial).toEqual(third.served.get('*.a.test')?.meta.serial);
    await third.manager.stop();
  }
});

async function stepsOfRenewal() {
  const world = makeCertificateWorld();
  const { trace, manager } = await runUntil(world, null, 50 * dayMs);
  await manager.stop();
  const first = trace.findLastIndex((what) => what.startsWith('lock certificate/'));
  const last = trace.findIndex((what, at) => at > first && what.startsWith('release certificate/'));
  return { first: first + 1, last: last + 1 };
}

tap.test('goes on with an order that was signed while it was dead, however long that was', async () => {
  const world = makeCertificateWorld({ signMs: 600_000 });
  const trace: string[] = [];
  const doomed = world.open({}, makeFakeProcess(null, trace));
  doomed.manager.setNeeds([need()]);
  doomed.manager.provisionAllCertificates().catch(() => {});
  await world.clock.advanceAsync(30_000);
  expect(world.ca.countOf('finalize')).toEqual(1);
  doomed.process.kill();
  await world.clock.advanceAsync(2 * hourMs);
  const { served, manager } = await runUntil(world, null, 60_000);
  expect(served.get('*.a.test')?.meta.serial).toEqual(world.ca.bought[0]?.serial);
  expect(world.ca.countOf('newOrder')).toEqual(1);
  expect(world.ca.countOf('finalize')).toEqual(1);
  await manager.stop();
});

tap.test('keeps its backoff over restarts: a crash loop asks no more than the schedule allows', async () => {
  const world = makeCertificateWorld();
  world.ca.refusal = () => 'dns';
  for (let restart = 0; restart < 60; restart++) {
    const { manager } = await runUntil(world, null, 60_000);
    await manager.stop();
  }
  // One hour: at 0, after 1 and after 11 minutes.
  expect(world.ca.countOf('newOrder')).toBeGreaterThan(1);
  expect(world.ca.countOf('newOrder')).toBeLessThan(5);
});

export default tap.start();
