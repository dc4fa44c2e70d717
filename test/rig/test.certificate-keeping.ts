import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../ts/base/clock.js';
import { silentLogger } from '../../ts/base/logger.js';
import { importAccountKey } from '../../ts/certs/acme/account-key.js';
import { shortHash } from '../../ts/certs/manager/manager-ports.js';
import type { IChallengeSolver, TChallengeKind } from '../../ts/certs/manager/manager-types.js';
import { SmartCertManager } from '../../ts/certs/manager/smart-cert-manager.js';
import { FileCertStore } from '../../ts/certs/store/file-store.js';
import type { IStoredCertificate } from '../../ts/certs/store/store-types.js';
import type { TSolvedKind } from '../helpers/acme-solvers.js';
import { type IAcmeWorld, startAcmeWorld } from '../helpers/acme-world.js';
import { makeNeed } from '../helpers/certificate-world.js';
import { needs } from '../helpers/debian.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(90_000);
const test = needs('pebble', 'pebble-challtestsrv', 'openssl');

function open({ solvers, dns }: IAcmeWorld, folder: string) {
  const served = new Map<string, IStoredCertificate | null>();
  const kinds: string[] = [];
  const solverOf = (kind: TSolvedKind): IChallengeSolver => ({
    present: ({ kind: _, ...asked }) => solvers.present({ ...asked, kind }, dns),
    cleanup: async () => {},
  });
  const manager = new SmartCertManager({
    store: new FileCertStore({ folder, clock: systemClock, logger: silentLogger }),
    clock: systemClock,
    logger: silentLogger,
    onEvent: ({ kind }) => void kinds.push(kind),
    onCertificate: (_, stored, names) => void served.set(names[0] ?? '', stored),
    solvers: {
      'http-01': solverOf('http-01'),
      'tls-alpn-01': solverOf('tls-alpn-01'),
      'dns-01': solverOf('dns-01'),
    },
    provision: null,
  });
  return { manager, served, kinds };
}

test('issues from Pebble into a folder by each kind of challenge, loads it again, renews and revokes', async () => {
  await using world = await startAcmeWorld();
  await using folder = await makeFolder();
  const { directoryUrl, ca } = world.pebble;
  const from = (challenges: readonly TChallengeKind[]) => ({
    directoryUrls: [directoryUrl],
    directoryCa: ca,
    challenges,
  });
  const wanted = [
    makeNeed('http.proxy.test', from(['http-01'])),
    makeNeed('alpn.proxy.test', from(['tls-alpn-01'])),
    makeNeed(['*.dns.proxy.test', 'dns.proxy.test'], from(['http-01', 'dns-01'])),
    makeNeed('127.0.0.1', from(['http-01'])),
  ];
  const first = open(world, folder.path);
  first.manager.setNeeds(wanted);
  await first.manager.initialize();
  expect(first.served.size).toEqual(0);
  await first.manager.provisionAllCertificates();
  const errors = first.manager.status().map(({ lastError }) => lastError?.detail ?? null);
  expect(errors).toEqual([null, null, null, null]);
  expect([...first.served.keys()].sort()).toEqual(wanted.map(({ names }) => names[0]).sort());
  await first.manager.stop();

  const second = open(world, folder.path);
  second.manager.setNeeds(wanted);
  await second.manager.initialize();
  expect(second.kinds).toEqual(['loaded', 'loaded', 'loaded', 'loaded']);
  await second.manager.provisionAllCertificates();
  expect(second.kinds.includes('issuing')).toEqual(false);
  const before = second.served.get('http.proxy.test');
  expect(before?.cert).toEqual(first.served.get('http.proxy.test')?.cert);
  await second.manager.renew('http.proxy.test');
  const after = second.served.get('http.proxy.test');
  expect(after?.meta.serial).not.toEqual(before?.meta.serial);
  expect(after?.key).not.toEqual(before?.key);
  await second.manager.revoke('alpn.proxy.test', 4);
  await second.manager.stop();
  expect(await filesOpenToOthers(folder.path)).toEqual([]);
});

async function filesOpenToOthers(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const modes = await Promise.all(files.map(async (path) => ({ path, mode: (await stat(path)).mode & 0o777 })));
  return modes.filter(({ mode }) => mode !== 0o600).map(({ path }) => path);
}

test('an e-mail address that changes is told to the account that Pebble has', async () => {
  await using world = await startAcmeWorld();
  await using folder = await makeFolder();
  const { directoryUrl, ca } = world.pebble;
  const store = new FileCertStore({ folder: folder.path, clock: systemClock, logger: silentLogger });
  const records: unknown[] = [];
  for (const [name, email] of [
    ['a.proxy.test', 'one@proxy.test'],
    ['b.proxy.test', 'two@proxy.test'],
    ['c.proxy.test', null],
  ] as const) {
    const { manager, served } = open(world, folder.path);
    manager.setNeeds([makeNeed(name, { email, directoryUrls: [directoryUrl], directoryCa: ca })]);
    await manager.provisionAllCertificates();
    expect([...served.keys()]).toEqual([name]);
    await manager.stop();
    const record = await store.readRecord<{ key: string; url: string }>(
      `account/${shortHash(JSON.stringify([directoryUrl, null]))}`,
    );
    const client = await world.makeClient({ accountKey: await importAccountKey(record?.key ?? '') });
    const { url, contact } = await client.newAccount({ contact: [], onlyReturnExisting: true });
    expect([url, contact]).toEqual([record?.url, email === null ? [] : [`mailto:${email}`]]);
    records.push(url);
  }
  expect(new Set(records).size).toEqual(1);
});

export default tap.start();
