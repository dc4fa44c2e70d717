import { shortHash } from '../../../ts/certs/manager/manager-ports.js';
import { hourMs, type ICertificateWorld, makeCertificateWorld, makeNeed } from '../../helpers/certificate-world.js';
import { expect, tap } from '../../helpers/tapbundle.js';

/** A start with these e-mail addresses, one for each name that is new. */
async function start(world: ICertificateWorld, wanted: Record<string, string | null>): Promise<void> {
  const { manager } = world.open();
  manager.setNeeds(Object.entries(wanted).map(([name, email]) => makeNeed(name, { email })));
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(hourMs);
  await manager.stop();
}

const contactsOf = ({ ca }: ICertificateWorld) => [...ca.contacts.values()].map((contact) => contact.join());

tap.test('another e-mail address is told to the account that is there; the same one is not told again', async () => {
  const world = makeCertificateWorld();
  await start(world, { 'a.test': 'a@a.test' });
  expect(contactsOf(world)).toEqual(['mailto:a@a.test']);
  await start(world, { 'a.test': 'b@a.test', 'b.test': 'b@a.test' });
  expect(contactsOf(world)).toEqual(['mailto:b@a.test']);
  await start(world, { 'c.test': 'b@a.test' });
  expect([world.ca.countOf('newAccount'), world.ca.countOf('updateAccount')]).toEqual([1, 1]);
  await start(world, { 'd.test': null });
  expect(contactsOf(world)).toEqual(['']);
  expect(world.ca.bought.length).toEqual(4);
});

tap.test('an address that comes back while the proxy runs is told again', async () => {
  const world = makeCertificateWorld();
  const { manager } = world.open();
  manager.provisionAllCertificates();
  for (const [i, email] of ['a@a.test', 'b@a.test', 'a@a.test'].entries()) {
    manager.setNeeds([makeNeed(`n${i}.test`, { email })]);
    await world.clock.advanceAsync(hourMs);
    expect(contactsOf(world)).toEqual([`mailto:${email}`]);
  }
  await manager.stop();
});

tap.test(
  'an address that the issuer refuses keeps nothing from being ordered, and is tried at the next start',
  async () => {
    const world = makeCertificateWorld();
    await start(world, { 'a.test': 'a@a.test' });
    world.ca.fault = (call) =>
      call === 'updateAccount' ? { type: 'invalidContact', detail: 'no', status: 400 } : null;
    await start(world, { 'b.test': 'bad@localhost' });
    expect(world.ca.bought.length).toEqual(2);
    expect(contactsOf(world)).toEqual(['mailto:a@a.test']);
    world.ca.fault = null;
    await start(world, { 'c.test': 'bad@localhost' });
    expect(contactsOf(world)).toEqual(['mailto:bad@localhost']);
  },
);

tap.test(
  'an address that changes between a crash and the next start is told to the account that was made',
  async () => {
    const world = makeCertificateWorld();
    await start(world, { 'a.test': 'a@a.test' });
    // The answer to newAccount was never written down.
    const [key = '', record = ''] = [...world.disk.records].find(([name]) => name.startsWith('account/')) ?? [];
    world.disk.records.set(key, JSON.stringify({ ...JSON.parse(record), url: null }));
    await start(world, { 'b.test': 'b@a.test' });
    expect([world.ca.accounts.size, contactsOf(world)]).toEqual([1, ['mailto:b@a.test']]);
    await start(world, { 'c.test': 'b@a.test' });
    expect(world.ca.countOf('updateAccount')).toEqual(1);
  },
);

tap.test('accounts of an external account each have their own', async () => {
  const world = makeCertificateWorld();
  const { manager } = world.open();
  const eab = (kid: string) => ({ eab: { kid, hmacKey: 'AAAA' } });
  manager.setNeeds([makeNeed('a.test', eab('1')), makeNeed('b.test', eab('2')), makeNeed('c.test')]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(hourMs);
  expect(world.ca.countOf('newAccount')).toEqual(3);
  await manager.stop();
});

tap.test('the account that version 0.3 made for an address is used on, also when that changes later', async () => {
  const world = makeCertificateWorld();
  await start(world, { 'a.test': 'a@a.test' });
  const [key = '', record = ''] = [...world.disk.records].find(([name]) => name.startsWith('account/')) ?? [];
  const { key: secret, url } = JSON.parse(record);
  world.disk.records.delete(key);
  const former = `account/${shortHash(JSON.stringify([world.ca.url, 'a@a.test', null]))}`;
  world.disk.records.set(former, JSON.stringify({ key: secret, url }));
  await start(world, { 'b.test': 'a@a.test' });
  await start(world, { 'c.test': 'b@a.test' });
  expect([world.ca.countOf('newAccount'), contactsOf(world)]).toEqual([1, ['mailto:b@a.test']]);
  expect(world.ca.bought.length).toEqual(3);
});

export default tap.start();
