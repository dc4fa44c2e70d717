import type { IChallengeSolver } from '../../../ts/certs/manager/manager-types.js';
import {
  dayMs,
  hourMs,
  type ICertificateWorld,
  makeCertificateWorld,
  makeNeed,
  minuteMs,
} from '../../helpers/certificate-world.js';
import { fakeCertificate } from '../../helpers/fake-certificates.js';
import { expect, tap } from '../../helpers/tapbundle.js';

tap.test('a need that is gone stops at once; one that stays is left alone; a new one is ordered', async () => {
  const world = makeCertificateWorld();
  world.ca.hangs = (name) => name === 'hang.test';
  const { manager, served, events } = world.open();
  manager.setNeeds([makeNeed('a.test'), makeNeed('hang.test')]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  const before = served.get('a.test');
  const told = events.length;
  manager.setNeeds([makeNeed('a.test'), makeNeed('b.test')]);
  await world.clock.advanceAsync(1_000);
  expect(world.ca.shown.has('hang.test')).toEqual(false);
  expect(manager.status().map(({ names }) => names[0])).toEqual(['a.test', 'b.test']);
  await world.clock.advanceAsync(minuteMs);
  expect(served.get('a.test')).toEqual(before);
  expect(events.slice(told).some(({ names }) => names[0] !== 'b.test')).toEqual(false);
  const asked = world.ca.requests.filter(({ about }) => about === 'hang.test').length;
  await world.clock.advanceAsync(dayMs);
  expect(world.ca.requests.filter(({ about }) => about === 'hang.test').length).toEqual(asked);
  manager.setNeeds([]);
  expect(served.get('a.test')).toEqual(null);
  manager.setNeeds([makeNeed('a.test')]);
  await world.clock.advanceAsync(minuteMs);
  expect(served.get('a.test')?.meta.serial).toEqual(before?.meta.serial);
  expect(world.ca.bought.length).toEqual(2);
  await manager.stop();
});

tap.test('another issuer in the settings is asked at once; the old certificate is served until then', async () => {
  const world = makeCertificateWorld();
  const other = world.addCa('https://other.test/directory');
  const solvers = [world.ca.solver, other.solver];
  const signal = new AbortController().signal;
  const solver: IChallengeSolver = {
    present: async (challenge) => void (await Promise.all(solvers.map((one) => one.present(challenge, signal)))),
    cleanup: async (challenge) => void (await Promise.all(solvers.map((one) => one.cleanup(challenge)))),
  };
  const { manager, served } = world.open({ solvers: { 'http-01': solver } });
  manager.setNeeds([makeNeed('a.test')]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  const first = served.get('a.test');
  other.fault = () => ({ type: 'network', detail: 'down' });
  manager.setNeeds([makeNeed('a.test', { directoryUrls: [other.url] })]);
  await world.clock.advanceAsync(minuteMs / 2);
  expect(served.get('a.test')).toEqual(first);
  other.fault = null;
  await world.clock.advanceAsync(3 * minuteMs);
  expect(served.get('a.test')?.meta.issuer).toEqual(other.url);
  await manager.stop();
});

tap.test('a name and its wildcard share an order, and their answers stay until both are proven', async () => {
  const world = makeCertificateWorld();
  const shown: string[] = [];
  const solver = {
    present: async ({ name, token, dnsValue }: { name: string; token: string; dnsValue: string }) => {
      shown.push(`+${name} ${dnsValue}`);
      world.ca.shown.add(`dns-01 ${name} ${token}`);
    },
    cleanup: async ({ name, token, dnsValue }: { name: string; token: string; dnsValue: string }) => {
      shown.push(`-${name} ${dnsValue}`);
      world.ca.shown.delete(`dns-01 ${name} ${token}`);
    },
  };
  const { manager, served } = world.open({ solvers: { 'dns-01': solver } });
  manager.setNeeds([makeNeed(['*.a.test', 'a.test'], { challenges: ['http-01', 'dns-01'] })]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  expect(served.get('*.a.test')?.meta.names).toEqual(['*.a.test', 'a.test']);
  expect(shown.map((word) => word[0]).join('')).toEqual('++--');
  expect(new Set(shown.map((word) => word.slice(1))).size).toEqual(2);
  expect(world.ca.bought.length).toEqual(1);
  await manager.stop();
});

tap.test('a wildcard without a way to prove it is a matter of settings', async () => {
  const world = makeCertificateWorld();
  const { manager } = world.open();
  manager.setNeeds([makeNeed('*.a.test', { challenges: ['http-01'] })]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(dayMs);
  expect(manager.status()[0]?.lastError?.type).toEqual('noChallenge');
  expect(world.ca.countOf('newOrder')).toEqual(1);
  await manager.stop();
});

tap.test(
  "the host program's function is asked first, at first and for renewals, and judged like an issuer",
  async () => {
    const world = makeCertificateWorld();
    const asked: string[] = [];
    const nowMs = () => world.clock.wallMs();
    let serial = 0;
    const make = (name: string) => {
      const facts = { names: [name], serial: `F${++serial}`, notBefore: nowMs(), notAfter: nowMs() + 90 * dayMs };
      return { cert: fakeCertificate({ ...facts, key: 'k' }), key: name === 'wrong.test' ? 'other' : 'k' };
    };
    const { manager, served } = world.open({
      provision: async (name) => {
        asked.push(name);
        if (name === 'broken.test') throw new Error('no');
        return name === 'acme.test' ? 'http01' : make(name);
      },
    });
    manager.setNeeds(['acme.test', 'own.test', 'wrong.test', 'broken.test'].map((name) => makeNeed(name)));
    const begun = manager.provisionAllCertificates();
    await world.clock.advanceAsync(20_000);
    await begun;
    const sourceOf = (name: string) => manager.status().find(({ names }) => names[0] === name);
    expect(sourceOf('acme.test')?.source).toEqual('acme');
    expect(sourceOf('own.test')?.source).toEqual('function');
    expect(served.get('own.test')?.meta.serial).toMatch(/^F/);
    // Where the function fails, the issuers are next: any certificate that is good beats none.
    expect(sourceOf('wrong.test')?.source).toEqual('acme');
    expect(asked.length).toEqual(4);
    await world.clock.advanceAsync(70 * dayMs);
    expect(asked.filter((name) => name === 'own.test').length).toEqual(2);
    expect(world.ca.requests.some(({ about }) => about === 'own.test')).toEqual(false);
    await manager.stop();
  },
);

tap.test('an expired certificate is served, unless it must not be', async () => {
  for (const strictExpiry of [false, true]) {
    const world = makeCertificateWorld({ lifeDays: 6 });
    const { manager, served, kinds } = world.open();
    manager.setNeeds([makeNeed('a.test', { strictExpiry })]);
    manager.provisionAllCertificates();
    await world.clock.advanceAsync(minuteMs);
    world.ca.fault = () => ({ type: 'network', detail: 'down' });
    await world.clock.advanceAsync(8 * dayMs);
    expect(served.get('a.test') === null).toEqual(strictExpiry);
    expect(kinds().filter((kind) => kind === 'expired').length).toEqual(1);
    await manager.stop();
    const again = world.open();
    again.manager.setNeeds([makeNeed('a.test', { strictExpiry })]);
    await again.manager.initialize();
    expect(again.served.has('a.test')).toEqual(!strictExpiry);
    world.ca.fault = null;
    again.manager.provisionAllCertificates();
    await world.clock.advanceAsync(dayMs + hourMs);
    expect(again.served.get('a.test')?.meta.notAfter ?? 0).toBeGreaterThan(world.clock.wallMs());
    await again.manager.stop();
  }
});

tap.test('a clock that jumps is noticed within ten minutes, forth and back', async () => {
  const world = makeCertificateWorld();
  let offsetMs = 0;
  const clock = {
    ...world.clock,
    wallMs: () => world.clock.wallMs() + offsetMs,
    setTimer: world.clock.setTimer,
    nowMs: world.clock.nowMs,
  };
  const { manager, served } = world.open({ clock });
  manager.setNeeds([makeNeed('a.test')]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(hourMs);
  const first = served.get('a.test');
  // The authority's clock is the world's, so what it signs is not good enough for a clock that runs ahead.
  offsetMs = 50 * dayMs;
  await world.clock.advanceAsync(11 * minuteMs);
  expect(world.ca.bought.length).toEqual(2);
  offsetMs = 0;
  world.ca.fault = () => ({ type: 'network', detail: 'down' });
  await world.clock.advanceAsync(11 * minuteMs);
  expect(served.get('a.test')?.meta.notAfter ?? 0).toBeGreaterThan(first?.meta.notAfter ?? 0);
  world.ca.fault = null;
  await world.clock.advanceAsync(45 * dayMs);
  expect(world.ca.bought.length).toEqual(3);
  await manager.stop();
});

tap.test(
  'a moment in a window is chosen once and survives a restart; another window means another moment',
  async () => {
    const world = makeCertificateWorld();
    let startDays = 30;
    world.ca.ari = ({ notBefore }) => ({
      startMs: notBefore + startDays * dayMs,
      endMs: notBefore + (startDays + 5) * dayMs,
      retryAfterMs: 6 * hourMs,
    });
    const first = world.open();
    first.manager.setNeeds([makeNeed('a.test')]);
    first.manager.provisionAllCertificates();
    await world.clock.advanceAsync(dayMs);
    const chosen = first.manager.status()[0]?.renewAt;
    await first.manager.stop();
    const second = world.open({ random: () => 0.77 });
    second.manager.setNeeds([makeNeed('a.test')]);
    second.manager.provisionAllCertificates();
    await world.clock.advanceAsync(dayMs);
    expect(second.manager.status()[0]?.renewAt).toEqual(chosen);
    expect(second.manager.status()[0]?.ari?.startMs).toEqual(
      (second.served.get('a.test')?.meta.notBefore ?? 0) + 30 * dayMs,
    );
    startDays = 10;
    await world.clock.advanceAsync(dayMs);
    const moved = second.manager.status()[0]?.renewAt ?? 0;
    expect(moved).toBeLessThan((chosen ?? 0) - 14 * dayMs);
    world.ca.ari = () => ({ startMs: 5, endMs: 5, retryAfterMs: null });
    await world.clock.advanceAsync(dayMs);
    expect(second.manager.status()[0]?.renewAt).toEqual(moved);
    await second.manager.stop();
  },
);

tap.test('revoking tells the issuer and orders another, which is served as soon as it is there', async () => {
  const world = makeCertificateWorld();
  const { manager, served } = world.open();
  manager.setNeeds([makeNeed('a.test')]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  const first = served.get('a.test');
  await manager.revoke('a.test', 1);
  expect(world.ca.revoked).toEqual([first?.meta.serial]);
  expect(served.get('a.test')).toEqual(first);
  await world.clock.advanceAsync(minuteMs);
  expect(served.get('a.test')?.meta.serial).toEqual(world.ca.bought[1]?.serial);
  await manager.stop();
});

tap.test('what others put into the store is taken into use when told to look, and by itself', async () => {
  const world = makeCertificateWorld();
  const [one, two] = [world.open(), world.open()];
  for (const { manager } of [one, two]) {
    manager.setNeeds([makeNeed('a.test')]);
    manager.provisionAllCertificates();
  }
  await world.clock.advanceAsync(hourMs);
  for (const wait of [() => two.manager.refresh(), () => world.clock.advanceAsync(8 * hourMs)]) {
    const renewed = one.manager.renew('a.test');
    await world.clock.advanceAsync(minuteMs);
    await renewed;
    await wait();
    expect(two.served.get('a.test')?.meta.serial).toEqual(one.served.get('a.test')?.meta.serial);
  }
  await Promise.all([one.manager.stop(), two.manager.stop()]);
});

tap.test('listeners that throw break nothing; unknown names are an error', async () => {
  const world = makeCertificateWorld();
  const broken = () => {
    throw new Error('broken');
  };
  const { manager } = world.open({ onEvent: broken, onCertificate: broken });
  manager.setNeeds([makeNeed('a.test')]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  expect(manager.status()[0]?.serial).not.toEqual(null);
  const codes = await Promise.all(
    [manager.renew('b.test'), manager.revoke('b.test')].map((work) => work.catch(({ code }) => code)),
  );
  expect(codes).toEqual(['CERTIFICATE_UNKNOWN', 'CERTIFICATE_UNKNOWN']);
  await manager.stop();
});

/** A keeper whose store tells when others have written; `lists`: how often it was listed. */
async function openWatched(world: ICertificateWorld, takesMs: number) {
  const store = world.disk.open();
  const watched = { changed: () => {}, isClosed: false, lists: 0 };
  const listCertificates = store.listCertificates.bind(store);
  const opened = world.open({
    store: {
      ...store,
      listCertificates: async () => {
        watched.lists++;
        await new Promise<void>((resolve) => void world.clock.setTimer(resolve, takesMs));
        return await listCertificates();
      },
      watch(changed) {
        watched.changed = changed;
        const close = () => {
          watched.isClosed = true;
        };
        return { close };
      },
    },
  });
  opened.manager.setNeeds([makeNeed('a.test')]);
  const begun = opened.manager.initialize().then(() => opened.manager.provisionAllCertificates());
  await world.clock.advanceAsync(minuteMs);
  await begun;
  return { ...opened, watched };
}

tap.test('a certificate that was just told of may be renewed at once', async () => {
  const world = makeCertificateWorld();
  let renewed: Promise<void> | null = null;
  const { manager } = world.open({
    onEvent: ({ kind }) => {
      if (kind === 'issued') renewed ??= manager.renew('a.test');
    },
  });
  manager.setNeeds([makeNeed('a.test')]);
  manager.provisionAllCertificates();
  for (let step = 0; step < 100 && world.ca.bought.length < 2; step++) await world.clock.advanceAsync(1_000);
  expect(world.ca.bought).toHaveLength(2);
  await Promise.all([renewed, world.clock.advanceAsync(minuteMs)]);
  await manager.stop();
});

tap.test('a store that tells of changes is looked at then, and what another process got is served', async () => {
  const world = makeCertificateWorld();
  const { manager, served, watched } = await openWatched(world, 0);
  const other = world.open();
  other.manager.setNeeds([makeNeed('a.test')]);
  other.manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  const renewed = other.manager.renew('a.test');
  await world.clock.advanceAsync(minuteMs);
  await renewed;
  expect(served.get('a.test')?.meta.serial).toEqual(world.ca.bought[0]?.serial);
  watched.changed();
  await world.clock.advanceAsync(1);
  expect(served.get('a.test')?.meta.serial).toEqual(world.ca.bought[1]?.serial);
  await Promise.all([manager.stop(), other.manager.stop()]);
  expect(watched.isClosed).toEqual(true);
});

tap.test(
  'where looking takes long, changes without end are looked at now and then, and the last is not missed',
  async () => {
    const world = makeCertificateWorld();
    const { manager, watched } = await openWatched(world, 1_000);
    const before = watched.lists;
    for (let i = 0; i < 1_000; i++) {
      watched.changed();
      await world.clock.advanceAsync(100);
    }
    expect(watched.lists - before).toBeLessThan(8);
    expect(watched.lists - before).toBeGreaterThan(3);
    const quiet = watched.lists;
    await world.clock.advanceAsync(minuteMs);
    expect(watched.lists - quiet).toBeLessThan(2);
    await world.clock.advanceAsync(minuteMs);
    const last = watched.lists;
    watched.changed();
    await world.clock.advanceAsync(10);
    // While it looks somebody writes again.
    watched.changed();
    await world.clock.advanceAsync(minuteMs);
    expect(watched.lists - last).toEqual(2);
    await manager.stop();
  },
);

tap.test('thousands of names are loaded a few at a time: each costs the store some open files', async () => {
  const world = makeCertificateWorld();
  const store = world.disk.open();
  let [running, most] = [0, 0];
  const readCertificate = store.readCertificate.bind(store);
  store.readCertificate = async (id) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return await readCertificate(id);
  };
  const { manager } = world.open({ store });
  manager.setNeeds(Array.from({ length: 500 }, (_, i) => makeNeed(`n${i}.test`)));
  await manager.initialize();
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThan(30);
  await manager.stop();
});

tap.test('a stop while thousands of names are loaded does not wait for them', async () => {
  const world = makeCertificateWorld();
  let reads = 0;
  const names = Array.from({ length: 1_000 }, (_, i) => makeNeed(`n${i}.test`));
  const store = world.disk.open();
  const readCertificate = store.readCertificate.bind(store);
  store.readCertificate = (id) => {
    reads++;
    return readCertificate(id);
  };
  const { manager } = world.open({ store });
  manager.setNeeds(names);
  await manager.stop();
  expect(reads).toBeLessThan(100);
  expect(world.clock.pending).toEqual(0);
});

export default tap.start();
