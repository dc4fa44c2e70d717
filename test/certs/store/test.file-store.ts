import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { systemClock } from '../../../ts/base/clock.js';
import { ProxyError } from '../../../ts/base/errors.js';
import { silentLogger } from '../../../ts/base/logger.js';
import { hashOf } from '../../../ts/certs/store/cert-store.js';
import { FileCertStore } from '../../../ts/certs/store/file-store.js';
import type { ICertLock, IStoredCertificate } from '../../../ts/certs/store/store-types.js';
import { anyText } from '../../helpers/any-text.js';
import { makeCertificate } from '../../helpers/certificates.js';
import { makeFolder } from '../../helpers/make-folder.js';
import { makeStored } from '../../helpers/make-stored.js';
import { expect, long, numRuns, tap } from '../../helpers/tapbundle.js';

const { chmod, mkdir, readdir, readFile, stat, symlink, truncate, utimes, writeFile } = fs.promises;
const run = promisify(execFile);

function openStore(folder: string, warnings: object[] = []): FileCertStore {
  const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
  return new FileCertStore({ folder, clock: systemClock, logger });
}

const stored = async (name = 'a.test'): Promise<IStoredCertificate> =>
  makeStored(await makeCertificate({ names: [name] }));

const errorOf = async (working: Promise<unknown>): Promise<ProxyError> => {
  const error = await working.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProxyError);
  return error as ProxyError;
};

async function find(folder: string, ...tests: string[]): Promise<string[]> {
  const { stdout } = await run('find', [folder, ...tests]);
  return stdout.split('\n').filter((line) => line !== '');
}

async function fill(store: FileCertStore): Promise<ICertLock> {
  const lock = await store.lock('a');
  await store.writeCertificate('a', await stored(), lock);
  await store.writeCertificate('a', await stored('b.test'), lock);
  await store.writeRecord('account', { url: 'https://ca.test/1' }, lock);
  await store.check();
  return lock;
}

for (const umask of [0o000, 0o077, 0o777]) {
  tap.test(`all is for the owner’s eyes alone under umask ${umask.toString(8)}`, async (t) => {
    await using folder = await makeFolder();
    const before = process.umask(umask);
    t.after(() => process.umask(before));
    const store = openStore(join(folder.path, 'deep/store'));
    const lock = await fill(store);
    process.umask(before);
    const below = join(folder.path, 'deep');
    expect(await find(below, '-type', 'f', '!', '-perm', '600')).toEqual([]);
    expect(await find(below, '-type', 'd', '!', '-perm', '700')).toEqual([]);
    expect((await find(below, '-type', 'f')).length).toBeGreaterThan(7);
    await lock.release();
    expect(await find(below, '-type', 'f', '!', '-perm', '600')).toEqual([]);
  });
}

tap.test(
  'a folder of the host keeps its mode, what is ours in it is closed, with a warning if it was open',
  async () => {
    await using folder = await makeFolder();
    const [path, warnings] = [join(folder.path, 'store'), [] as object[]];
    await mkdir(join(path, 'v1'), { recursive: true });
    await chmod(path, 0o755);
    await chmod(join(path, 'v1'), 0o755);
    const store = openStore(path, warnings);
    await store.check();
    await store.check();
    const modes = await Promise.all([path, join(path, 'v1')].map(async (name) => (await stat(name)).mode & 0o777));
    expect([modes, warnings.length]).toEqual([[0o755, 0o700], 1]);
  },
);

tap.test('hostile ids, keys and names lead nowhere else and are told apart', async () => {
  await using folder = await makeFolder();
  const store = openStore(join(folder.path, 'store'));
  const certificate = await stored();
  const hostile = [
    '../../../escaped',
    '/etc/escaped',
    'a\0b',
    '',
    '.',
    '..',
    'con',
    'x'.repeat(10_000),
    '*.ä.test',
    'A',
    'a',
  ];
  const locks = await Promise.all(hostile.map((id) => store.lock(id)));
  await Promise.all(
    hostile.map(async (id, i) => {
      const lock = locks[i] as ICertLock;
      await store.writeCertificate(id, certificate, lock);
      await store.writeRecord(id, { id }, lock);
      await lock.release();
    }),
  );
  for (const id of hostile) {
    expect((await store.readCertificate(id))?.cert).toEqual(certificate.cert);
    expect(await store.readRecord(id)).toEqual({ id });
  }
  const listed = (await store.listCertificates()).map(({ id }) => id).sort();
  expect(listed).toEqual([...hostile].sort());
  expect(await readdir(folder.path)).toEqual(['store']);
  expect((await find(folder.path, '-name', '*escaped*')).length).toEqual(0);
  expect((await readdir(join(folder.path, 'store/v1'))).sort()).toEqual(['certs', 'changes', 'locks', 'records']);
});

tap.test('records hold whatever JSON can, by any key', async () => {
  await using folder = await makeFolder();
  const store = openStore(folder.path);
  await fc.assert(
    fc.asyncProperty(anyText(), fc.jsonValue(), async (key, given) => {
      const value = JSON.parse(JSON.stringify(given)) as unknown;
      await store.writeRecord(key, value, null);
      expect(await store.readRecord(key)).toEqual(value);
      await store.removeRecord(key);
      expect(await store.readRecord(key)).toEqual(null);
    }),
    { seed: 707, numRuns: numRuns(30) },
  );
  const odd: unknown = JSON.parse('{"__proto__":null,"a":{"__proto__":{"x":1}}}');
  await store.writeRecord('odd', odd, null);
  expect(JSON.stringify(await store.readRecord('odd'))).toEqual(JSON.stringify(odd));
  await store.removeRecord('never there');
  expect((await errorOf(store.writeRecord('a', undefined, null))).message).toMatch(/no JSON form/);
});

tap.test('a torn record is told of once, and the former one counts', async () => {
  await using folder = await makeFolder();
  const warnings: object[] = [];
  const store = openStore(folder.path, warnings);
  await store.writeRecord('a', 1, null);
  await store.writeRecord('a', 2, null);
  await truncate(join(folder.path, 'v1/records', hashOf('a'), '000000002/record.json'), 5);
  expect([await store.readRecord('a'), await store.readRecord('a'), warnings.length]).toEqual([1, 1, 1]);
  expect(JSON.stringify(warnings)).toContain('000000002');
});

tap.test('no key and no content of a file is in what is told', async () => {
  await using folder = await makeFolder();
  const warnings: object[] = [];
  const store = openStore(folder.path, warnings);
  const lock = await fill(store);
  const home = join(folder.path, 'v1/certs', hashOf('a'));
  for (const generation of await readdir(home)) {
    const key = await readFile(join(home, generation, 'key.pem'), 'utf8');
    await writeFile(join(home, generation, 'key.pem'), key.slice(0, -40));
    // As it is, and without the line before the key itself.
    await writeFile(join(home, generation, 'meta.json'), generation === '000000001' ? key : key.slice(28));
  }
  expect(await store.readCertificate('a')).toEqual(null);
  await lock.release();
  await store.writeRecord('mine', { key: 'MIGHAgEAMBMGByqGSM49AgEG' }, null);
  const record = join(folder.path, 'v1/records', hashOf('mine'), '000000001/record.json');
  const text = await readFile(record, 'utf8');
  await writeFile(record, text.replace('MIGH', '"MIGH'));
  expect(await store.readRecord('mine')).toEqual(null);
  expect(warnings).toHaveLength(3);
  expect(JSON.stringify(warnings)).not.toMatch(/IGH|BEGIN PRIVATE KEY-----\\n/);
});

tap.test('writes need a lock of this kind of store that is held', async () => {
  await using folder = await makeFolder();
  const store = openStore(folder.path);
  const lock = await store.lock('a');
  await lock.release();
  const foreign: ICertLock = { token: 1, lost: false, release: async () => {} };
  for (const bad of [lock, foreign]) {
    expect((await errorOf(store.writeCertificate('a', await stored(), bad))).code).toEqual('STORE_LOCK_LOST');
    expect((await errorOf(store.removeCertificate('a', bad))).code).toEqual('STORE_LOCK_LOST');
    expect((await errorOf(store.writeRecord('a', 1, bad))).code).toEqual('STORE_LOCK_LOST');
  }
  expect([await store.readCertificate('a'), await store.readRecord('a')]).toEqual([null, null]);
});

tap.test('waiting for a lock ends with the reason of its signal', async () => {
  await using folder = await makeFolder();
  const store = openStore(folder.path);
  const lock = await store.lock('a');
  const controller = new AbortController();
  const waiting = store.lock('a', controller.signal);
  controller.abort(new RangeError('no longer wanted'));
  await expect(waiting).rejects.toThrow('no longer wanted');
  await lock.release();
});

tap.test('failures of the file system have the codes of the store, and Node’s error as their cause', async (t) => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'store');
  for (const code of ['EROFS', 'EACCES', 'ENOSPC', 'EDQUOT']) {
    const failing = () => Promise.reject(Object.assign(new Error(code), { code }));
    const [mkdirMock, openMock] = [
      t.mock.method(fs.promises, 'mkdir', failing),
      t.mock.method(fs.promises, 'open', failing),
    ];
    const store = openStore(path);
    for (const work of [() => store.check(), () => store.lock('a'), () => store.writeRecord('a', 1, null)]) {
      const error = await errorOf(work());
      expect([error.code, (error.cause as { code: string }).code, error.blame]).toEqual([
        'STORE_NOT_WRITABLE',
        code,
        'operator',
      ]);
    }
    mkdirMock.mock.restore();
    openMock.mock.restore();
    // The same store, once there is room again.
    await store.check();
    await fs.promises.rm(path, { recursive: true });
  }
  await writeFile(path, 'in the way');
  expect((await errorOf(openStore(path).check())).code).toEqual('STORE_NOT_WRITABLE');
  expect((await errorOf(openStore(path).listCertificates())).code).toEqual('STORE_NOT_READABLE');
  expect((await errorOf(openStore(path).readCertificate('a'))).code).toEqual('STORE_NOT_READABLE');
});

tap.test('on a disk that is full, or became read-only, what is stored stays and can be read', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('mounting needs root');
  await using folder = await makeFolder();
  const disk = join(folder.path, 'disk');
  await mkdir(disk);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
  } catch {
    return t.skip('mounting is not allowed here');
  }
  try {
    const store = openStore(disk);
    const lock = await fill(store);
    const [before, other] = [await store.readCertificate('a'), await stored()];
    await writeFile(join(disk, 'ballast'), Buffer.alloc(1_000_000)).catch(() => {});
    for (const work of [
      () => store.check(),
      () => store.writeRecord('b', 'x'.repeat(9_000), null),
      () => store.writeCertificate('a', other, lock),
    ]) {
      const error = await errorOf(work());
      expect([error.code, (error.cause as { code: string }).code]).toEqual(['STORE_NOT_WRITABLE', 'ENOSPC']);
    }
    expect(await store.readCertificate('a')).toEqual(before);
    expect(await find(join(disk, 'v1'), '-name', '*.tmp')).toEqual([]);
    await fs.promises.rm(join(disk, 'ballast'));
    await store.check();
    await run('mount', ['-o', 'remount,ro', disk]);
    expect(((await errorOf(store.check())).cause as { code: string }).code).toEqual('EROFS');
    expect((await errorOf(store.writeCertificate('a', await stored(), lock))).code).toEqual('STORE_NOT_WRITABLE');
    expect([await store.readCertificate('a'), (await store.listCertificates()).length]).toEqual([before, 1]);
    await lock.release();
  } finally {
    await run('umount', ['-l', disk]);
  }
});

tap.test('a check removes what processes that died long ago left', async () => {
  await using folder = await makeFolder();
  const lock = await fill(openStore(folder.path));
  await lock.release();
  const home = join(folder.path, 'v1/certs', hashOf('a'));
  const places = [join(folder.path, 'v1'), join(folder.path, 'v1/records'), home];
  for (const place of places) {
    await writeFile(join(place, 'old.tmp'), '');
    await utimes(join(place, 'old.tmp'), 1_000, 1_000);
    await writeFile(join(place, 'young.tmp'), '');
  }
  await openStore(folder.path).check();
  expect((await find(folder.path, '-name', '*.tmp')).sort()).toEqual(
    places.map((place) => join(place, 'young.tmp')).sort(),
  );
});

tap.test('links and strangers among the certificates are left alone and do not hide the others', async () => {
  await using folder = await makeFolder();
  const store = openStore(folder.path);
  const lock = await fill(store);
  await lock.release();
  const certs = join(folder.path, 'v1/certs');
  await writeFile(join(certs, 'b'.repeat(64)), 'a file');
  await symlink('/', join(certs, 'c'.repeat(64)));
  await mkdir(join(certs, 'd'.repeat(64), '000000001'), { recursive: true });
  await mkdir(join(certs, 'lost+found'));
  expect((await store.listCertificates()).map(({ id }) => id)).toEqual(['a']);
});

tap.timeout(long ? 1_800_000 : 60_000);

tap.test('a large store is listed and swept with few files open at a time', async (t) => {
  await using folder = await makeFolder();
  const store = openStore(folder.path);
  const lock = await fill(store);
  await lock.release();
  const certs = join(folder.path, 'v1/certs');
  const template = join(certs, hashOf('a'), '000000001');
  const meta = JSON.parse(await readFile(join(template, 'meta.json'), 'utf8')) as object;
  const count = long ? 10_000 : 1_000;
  for (let i = 0; i < count; i++) {
    const home = join(certs, hashOf(`${i}`), '000000001');
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'meta.json'), JSON.stringify({ ...meta, id: `${i}` }));
  }
  let open = 0;
  let most = 0;
  const { open: realOpen } = fs.promises;
  t.mock.method(fs.promises, 'open', async (...args: Parameters<typeof realOpen>) => {
    most = Math.max(most, ++open);
    const file = await realOpen(...args);
    const close = file.close.bind(file);
    file.close = () => {
      open--;
      return close();
    };
    return file;
  });
  expect((await store.listCertificates()).length).toEqual(count + 1);
  expect([most <= 32, open]).toEqual([true, 0]);
  await store.check();
});

export default tap.start();
