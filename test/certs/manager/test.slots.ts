import { needIdOf } from '../../../ts/certs/manager/kept.js';
import { emptyPlan, lastFailureOf } from '../../../ts/certs/manager/plan.js';
import {
  dropFormer,
  needOfSlot,
  planKeyOf,
  readCertificates,
  readPlans,
  slotOf,
  writeCertificate,
} from '../../../ts/certs/manager/slots.js';
import type { IStoredCertificate } from '../../../ts/certs/store/store-types.js';
import { makeFakeDisk } from '../../helpers/fake-store.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const [a, b] = ['https://a.test/directory', 'https://b.test/directory'];
const id = needIdOf(['x.test']);

const storedBy = (issuer: string, serial = issuer): IStoredCertificate => ({
  ...{ cert: '', key: '' },
  meta: {
    ...{ names: ['x.test'], issuer, serial, notBefore: 0, notAfter: 1, profile: null, challenge: null },
    ...{ issuedAt: 0, ari: null, generation: 1 },
  },
});

const planOf = (...issuers: readonly string[]) => ({
  issuers: issuers.map((issuer, at) => ({
    failure: { class: 'transient', type: 'network', detail: issuer, at, attempts: 1, issuer, link: null },
    ...{ nextAttemptAt: 5, settingsKey: 'k' },
  })),
  ...{ validationFailures: [], revokedSerial: null },
});

tap.test('each authority has a place of its own, what none issued has one together, and all tell their need', () => {
  const places = [a, b, 'imported', 'function'].map((issuer) => slotOf(id, issuer));
  expect(new Set(places).size).toEqual(3);
  expect(places[2]).toEqual(places[3]);
  for (const place of [...places, id]) expect(needOfSlot(place)).toEqual(id);
});

tap.test(
  'what version 0.3 kept in one place is found by all, and goes once its own issuer has filled its place',
  async () => {
    const disk = makeFakeDisk();
    const store = disk.open();
    disk.certificates.set(id, storedBy(a, 'former'));
    const serialsFor = async (...issuers: readonly string[]) =>
      (await readCertificates(store, id, issuers)).map(({ meta }) => meta.serial);
    expect(await serialsFor(b)).toEqual(['former']);
    const lock = await store.lock('any');
    await writeCertificate(store, id, storedBy(b), lock);
    await dropFormer(store, id, b, lock);
    expect(await serialsFor(b)).toEqual([b, 'former']);
    expect(await serialsFor(a)).toEqual(['former']);
    await writeCertificate(store, id, storedBy(a), lock);
    await dropFormer(store, id, a, lock);
    expect(await serialsFor(a, b)).toEqual([a, b]);
  },
);

tap.test(
  'one place that cannot be read hides no other, and nothing is said to be missing that may be there',
  async () => {
    const disk = makeFakeDisk();
    const store = disk.open();
    const readCertificate = store.readCertificate.bind(store);
    store.readCertificate = async (place) => {
      if (place === slotOf(id, b)) throw new Error('out of reach');
      return readCertificate(place);
    };
    expect(await readCertificates(store, id, [b]).catch(String)).toContain('out of reach');
    disk.certificates.set(slotOf(id, a), storedBy(a));
    expect((await readCertificates(store, id, [b, a])).length).toEqual(1);
  },
);

tap.test(
  "failures of version 0.3's one record count for their issuers until these have records of their own",
  async () => {
    const disk = makeFakeDisk();
    const store = disk.open();
    disk.records.set(`plan/${id}`, JSON.stringify(planOf(a, b)));
    const before = await readPlans(store, id, [a, b]);
    expect([...before].map(([source, plan]) => [source, plan.issuers.length])).toEqual([
      [a, 1],
      [b, 1],
    ]);
    expect(lastFailureOf(before)?.issuer).toEqual(b);
    disk.records.set(planKeyOf(id, b), JSON.stringify(emptyPlan));
    expect([...(await readPlans(store, id, [a, b])).keys()]).toEqual([a]);
    expect((await readPlans(store, id, ['function'])).size).toEqual(0);
  },
);

export default tap.start();
