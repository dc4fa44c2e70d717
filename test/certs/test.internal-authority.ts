import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { systemClock } from '../../ts/base/clock.js';
import { silentLogger } from '../../ts/base/logger.js';
import { InternalAuthority } from '../../ts/certs/internal-authority.js';
import { FileCertStore } from '../../ts/certs/store/file-store.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

const run = promisify(execFile);
const dayMs = 86_400_000;

const openStore = (folder: string) => new FileCertStore({ folder, clock: systemClock, logger: silentLogger });
const openAuthority = (folder: string) => new InternalAuthority({ store: openStore(folder), clock: systemClock });

tap.test('what is issued stands up to a strict reading by OpenSSL', async () => {
  await using folder = await makeFolder();
  const authority = openAuthority(folder.path);
  const root = join(folder.path, 'root.pem');
  await writeFile(root, (await authority.root()).cert);
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.test`;
  const cases = [
    { names: ['a.test', '*.a.test'], asks: ['-verify_hostname', 'x.a.test'] },
    { names: [long], asks: ['-verify_hostname', long] },
    { names: ['127.0.0.1', '2001:db8::1', 'b.test'], asks: ['-verify_ip', '2001:db8::1'] },
  ];
  for (const { names, asks } of cases) {
    const leaf = join(folder.path, 'leaf.pem');
    await writeFile(leaf, (await authority.issue(names)).cert);
    const strict = ['-x509_strict', '-check_ss_sig', '-purpose', 'sslserver', '-CAfile', root];
    const { stdout } = await run('openssl', ['verify', ...strict, ...asks, leaf]);
    expect(stdout).toContain('leaf.pem: OK');
  }
});

tap.test('the parts of a certificate say what it is for, and nothing more', async () => {
  await using folder = await makeFolder();
  const authority = openAuthority(folder.path);
  const text = async (pem: string) => {
    const path = join(folder.path, 'one.pem');
    await writeFile(path, pem);
    return (await run('openssl', ['x509', '-in', path, '-noout', '-text'])).stdout.replace(/\s+/g, ' ');
  };
  const root = await text((await authority.root()).cert);
  expect(root).toContain('X509v3 Basic Constraints: critical CA:TRUE, pathlen:0');
  expect(root).toContain('X509v3 Key Usage: critical Certificate Sign, CRL Sign');
  const leaf = await text((await authority.issue(['a.test', '10.0.0.1'])).cert);
  expect(leaf).toContain('X509v3 Basic Constraints: critical CA:FALSE');
  expect(leaf).toContain('X509v3 Key Usage: critical Digital Signature');
  expect(leaf).toContain('X509v3 Extended Key Usage: TLS Web Server Authentication');
  expect(leaf).toContain('X509v3 Subject Alternative Name: DNS:a.test, IP Address:10.0.0.1');
  const idOf = (text: string, kind: string) => new RegExp(`${kind} Key Identifier: ([0-9A-F:]+)`).exec(text)?.[1];
  expect(idOf(leaf, 'Authority')).toEqual(idOf(root, 'Subject'));
  expect(idOf(leaf, 'Subject')).not.toEqual(idOf(root, 'Subject'));
});

tap.test(
  'the root lasts ten years, a leaf a week, with a key of its own; both are valid for clocks that are behind',
  async () => {
    await using folder = await makeFolder();
    const clock = makeFakeClock(Date.UTC(2026, 5, 1));
    const authority = new InternalAuthority({ store: openStore(folder.path), clock });
    const root = new X509Certificate((await authority.root()).cert);
    const [one, two] = await Promise.all([authority.issue(['a.test']), authority.issue(['a.test'])]);
    const leaf = new X509Certificate(one.cert);
    const days = (text: string) => (Date.parse(text) - clock.wallMs()) / dayMs;
    expect([days(root.validTo), days(leaf.validTo)]).toEqual([3_650, 7]);
    expect(days(root.validFrom)).toBeLessThan(0);
    expect(days(leaf.validFrom)).toBeLessThan(0);
    expect([
      leaf.checkIssued(root),
      leaf.verify(root.publicKey),
      leaf.publicKey.asymmetricKeyDetails?.namedCurve,
    ]).toEqual([true, true, 'prime256v1']);
    expect(one.key === two.key).toBeFalse();
  },
);

tap.test('the root is found again, by many at once too, and made once', async () => {
  await using folder = await makeFolder();
  const roots = await Promise.all(
    Array.from({ length: 6 }, async () => (await openAuthority(folder.path).root()).cert),
  );
  expect(new Set(roots).size).toEqual(1);
  const again = openAuthority(folder.path);
  const [{ cert }, root] = [await again.issue(['a.test']), new X509Certificate((await again.root()).cert)];
  expect(root.toString()).toEqual(roots[0]);
  expect(new X509Certificate(cert).verify(root.publicKey)).toBeTrue();
});

tap.test('another root is made in time, and when what is stored is none', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock(Date.now());
  const store = openStore(folder.path);
  const authority = new InternalAuthority({ store, clock });
  const first = (await authority.root()).cert;
  clock.advance(3_635 * dayMs);
  expect((await authority.root()).cert).toEqual(first);
  clock.advance(2 * dayMs);
  const second = (await authority.root()).cert;
  expect(second === first).toBeFalse();
  const { cert } = await authority.issue(['a.test']);
  expect(new X509Certificate(cert).verify(new X509Certificate(second).publicKey)).toBeTrue();

  const { cert: leaf, key } = await authority.issue(['a.test']);
  for (const bad of [null, { cert: leaf, key, name: 'a.test' }, { cert: second, key, name: 'x' }, 'x']) {
    await store.writeRecord('internal authority', bad, null);
    const fresh = (await new InternalAuthority({ store, clock }).root()).cert;
    expect(new X509Certificate(fresh).ca).toBeTrue();
  }
});

tap.test('a root that cannot be read is not replaced', async () => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, '');
  await expect(openAuthority(path).issue(['a.test']))
    .rejects.property('code')
    .toEqual('STORE_NOT_READABLE');
  await expect(openAuthority(folder.path).issue([])).rejects.toThrow(/needs a name/);
});

tap.test('waiting for the root ends with its signal', async () => {
  await using folder = await makeFolder();
  const lock = await openStore(folder.path).lock('internal authority');
  const authority = openAuthority(folder.path);
  const controller = new AbortController();
  const waiting = authority.root(controller.signal);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await lock.release();
  expect((await authority.root()).cert).toContain('BEGIN CERTIFICATE');
});

tap.test('a client that trusts the root is served', async () => {
  await using folder = await makeFolder();
  const authority = openAuthority(folder.path);
  const server = tls.createServer({ ...(await authority.issue(['a.test'])) }, (socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connect = (servername: string) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername, ca: root });
    return once(socket, 'secureConnect').then(
      () => socket.destroy().authorized,
      (error) => (error as { code: string }).code,
    );
  };
  const root = (await authority.root()).cert;
  expect(await connect('a.test')).toEqual(true);
  expect(await connect('b.test')).toEqual('ERR_TLS_CERT_ALTNAME_INVALID');
  server.close();
});

export default tap.start();
