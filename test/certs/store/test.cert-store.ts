import { copyFile, readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { ProxyError } from '../../../ts/base/errors.js';
import { CertStore, hashOf } from '../../../ts/certs/store/cert-store.js';
import type { IStoredCertificate } from '../../../ts/certs/store/store-types.js';
import { makeCertificate } from '../../helpers/certificates.js';
import { makeFolder } from '../../helpers/make-folder.js';
import { makeStored } from '../../helpers/make-stored.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const isHeld = async () => true;

function world(folder: string) {
  const complaints: string[] = [];
  const skipped = (path: string, why: unknown) => void complaints.push(`${path}: ${(why as Error).message}`);
  const store = new CertStore({ folder, skipped, wallMs: () => Date.now() });
  return { store, complaints, homeOf: (id: string) => join(folder, hashOf(id)) };
}

const pairOf = async (name: string): Promise<IStoredCertificate> =>
  makeStored(await makeCertificate({ names: [name] }));

const withGeneration = (stored: IStoredCertificate, generation: number): IStoredCertificate => ({
  ...stored,
  meta: { ...stored.meta, generation },
});

tap.test('what is written is read back with all that is known of it; the store counts the generations', async () => {
  await using folder = await makeFolder();
  const { store, complaints, homeOf } = world(folder.path);
  const ari = { startMs: 1, endMs: 3, renewAtMs: 2, askAgainAtMs: 4, explanationUrl: 'https://ca.test/why' };
  const stored = makeStored(await makeCertificate({ names: ['a.test', '*.b.test'] }), { ari, profile: 'shortlived' });
  expect(await store.read('id')).toEqual(null);
  await store.write('id', withGeneration(stored, 99), isHeld);
  expect(await store.read('id')).toEqual(withGeneration(stored, 1));
  const next = await pairOf('c.test');
  for (const generation of [2, 3, 4]) {
    await store.write('id', next, isHeld);
    expect(await store.read('id')).toEqual(withGeneration(next, generation));
  }
  expect(await readdir(homeOf('id'))).toEqual(['000000003', '000000004']);
  expect(await store.list()).toEqual([{ id: 'id', meta: withGeneration(next, 4).meta }]);
  await store.remove('id', isHeld);
  await store.remove('id', isHeld);
  expect([await store.read('id'), await store.list()]).toEqual([null, []]);
  expect([await readdir(folder.path), complaints]).toEqual([[], []]);
});

tap.test('a certificate that would not be believed is not written', async () => {
  await using folder = await makeFolder();
  const { store } = world(folder.path);
  const [one, two] = await Promise.all([pairOf('one.test'), pairOf('two.test')]);
  const refused = async (bad: IStoredCertificate, why: RegExp) => {
    const error = await store.write('id', bad, isHeld).catch((reason: unknown) => reason);
    expect((error as ProxyError).code).toEqual('CERTIFICATE_INVALID');
    expect((error as ProxyError).message).toMatch(why);
  };
  await refused({ ...one, key: two.key }, /does not belong/);
  await refused({ ...one, cert: 'none' }, /cannot be parsed/);
  await refused({ ...one, meta: two.meta }, /speaks of another/);
  await refused({ ...one, meta: { ...one.meta, names: [] } }, /names/);
  await refused({ ...one, meta: { ...one.meta, notAfter: one.meta.notAfter + 1 } }, /speaks of another/);
  expect(await readdir(folder.path)).toEqual([]);
});

tap.test('a changed, cut or foreign file is told of and never trusted: the former generation counts', async () => {
  const [former, newest, stranger] = await Promise.all(['former.test', 'newest.test', 'other.test'].map(pairOf));
  if (!former || !newest || !stranger) throw new Error('no pairs');
  await using folder = await makeFolder();
  const { store, complaints, homeOf } = world(folder.path);
  await store.write('stranger', stranger, isHeld);
  let rounds = 0;
  const file = fc.constantFrom('cert.pem', 'key.pem', 'meta.json');
  const damage = fc.oneof(
    fc.record({ kind: fc.constant('cut' as const), file, at: fc.nat(99) }),
    fc.record({ kind: fc.constant('flip' as const), file, at: fc.nat(99) }),
    fc.record({ kind: fc.constantFrom('former' as const, 'stranger' as const), file, at: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(damage, async ({ kind, file, at }) => {
      const id = `id ${rounds++}`;
      await store.write(id, former, isHeld);
      await store.write(id, newest, isHeld);
      const [formerPath, path] = ['000000001', '000000002'].map((name) => join(homeOf(id), name, file));
      if (formerPath === undefined || path === undefined) throw new Error('no path');
      const bytes = await readFile(path);
      const place = Math.floor((bytes.length * at) / 100);
      if (kind === 'cut') await truncate(path, place);
      if (kind === 'flip') await writeFile(path, bytes.with(place, (bytes[place] ?? 0) ^ 1));
      if (kind === 'former') await copyFile(formerPath, path);
      if (kind === 'stranger') await copyFile(join(homeOf('stranger'), '000000001', file), path);
      complaints.length = 0;
      const found = await store.read(id);
      // White space between the members of a JSON text is no part of what it says.
      if (found?.meta.generation === 2) expect([file, found]).toEqual(['meta.json', withGeneration(newest, 2)]);
      else expect([found, complaints.length]).toEqual([withGeneration(former, 1), 1]);
    }),
    { seed: 434, numRuns: numRuns(60) },
  );
});

tap.test('where all generations are bad there is no certificate, and the next write is well', async () => {
  await using folder = await makeFolder();
  const { store, complaints, homeOf } = world(folder.path);
  const stored = await pairOf('a.test');
  await store.write('id', stored, isHeld);
  await truncate(join(homeOf('id'), '000000001/key.pem'), 9);
  expect(await store.read('id')).toEqual(null);
  expect(complaints[0]).toMatch(/000000001: a file of it was changed/);
  await store.write('id', stored, isHeld);
  expect(await store.read('id')).toEqual(withGeneration(stored, 2));
});

tap.test('a set that was moved to another id is not that id’s', async () => {
  await using folder = await makeFolder();
  const { store, complaints, homeOf } = world(folder.path);
  await store.write('mine', await pairOf('a.test'), isHeld);
  await rename(homeOf('mine'), homeOf('yours'));
  expect([await store.read('yours'), await store.list()]).toEqual([null, []]);
  expect(complaints[0]).toMatch(/belongs to another id/);
});

tap.test('nothing is written or removed for one whose lock is lost, before or during the write', async () => {
  await using folder = await makeFolder();
  const { store, homeOf } = world(folder.path);
  const [one, two] = await Promise.all([pairOf('one.test'), pairOf('two.test')]);
  await store.write('id', one, isHeld);
  for (const looks of [0, 1]) {
    let left = looks;
    const error = await store.write('id', two, async () => left-- > 0).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProxyError);
    expect((error as ProxyError).code).toEqual('STORE_LOCK_LOST');
    expect(await store.read('id')).toEqual(withGeneration(one, 1));
    expect(await readdir(homeOf('id'))).toEqual(['000000001']);
  }
  await expect(store.remove('id', async () => false))
    .rejects.property('code')
    .toEqual('STORE_LOCK_LOST');
  expect((await store.read('id'))?.cert).toEqual(one.cert);
});

export default tap.start();
