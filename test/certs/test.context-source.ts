// Certificates in use: made ready, replaced in files, kept where the replacement is no good.

import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdir, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type tls from 'node:tls';
import { promisify } from 'node:util';
import { systemClock } from '../../ts/base/clock.js';
import { ProxyError } from '../../ts/base/errors.js';
import { silentLogger } from '../../ts/base/logger.js';
import { ContextSource } from '../../ts/certs/context-source.js';
import { type ICertificate, makeCertificate } from '../helpers/certificates.js';
import { connectTls } from '../helpers/clients.js';
import { needs } from '../helpers/debian.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeFolder } from '../helpers/make-folder.js';
import { makeTls, makeTlsConfig, startTerminator } from '../helpers/make-tls.js';
import { noManaged } from '../helpers/no-managed.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const first = await makeCertificate({ names: ['a.test'] });
const second = await makeCertificate({ names: ['a.test', 'second.test'] });
const other = await makeCertificate({ names: ['b.test'], keyType: 'rsa' });

function makeSource(clock = systemClock) {
  const errors: ProxyError[] = [];
  const warned: object[] = [];
  const logger = { ...silentLogger, warn: (facts: object) => void warned.push(facts) };
  const source = new ContextSource({ clock, logger, onError: (error) => errors.push(error), managed: noManaged });
  return { source, errors, warned };
}

const put = async (folder: string, { cert, key }: Pick<ICertificate, 'cert' | 'key'>): Promise<void> => {
  await writeFile(join(folder, 'cert.pem'), cert);
  await writeFile(join(folder, 'key.pem'), key);
};

const filesIn = (folder: string) => ({ certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') });

/** The names in the certificate that a new client is shown. */
async function shownAt(port: number): Promise<string> {
  await using client = await connectTls(port, { servername: 'a.test' });
  return (client.socket as tls.TLSSocket).getPeerCertificate().subjectaltname ?? '';
}

const shows = async (port: number, name: string): Promise<void> => {
  const untilMs = performance.now() + 5_000;
  while (!(await shownAt(port)).includes(name)) {
    if (performance.now() > untilMs) throw new Error(`never shown: ${name}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

tap.test('a certificate from PEM, from bytes and with an encrypted key is served, its chain behind it', async () => {
  const encrypted = createPrivateKey(first.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  });
  const certificates = [
    { cert: first.cert, key: first.key },
    { cert: Buffer.from(first.cert), key: new Uint8Array(Buffer.from(first.key)), ca: first.ca },
    { cert: `${first.cert}\n${first.ca}`, key: encrypted.toString(), passphrase: 'x' },
  ];
  for (const [index, certificate] of certificates.entries()) {
    await using world = await startTerminator({ tls: { 'a.test': makeTls({ certificate, key: `${index}` }) } });
    {
      await using client = await connectTls(world.port, { servername: 'a.test', ca: first.ca });
      const shown = (client.socket as tls.TLSSocket).getPeerCertificate(true);
      expect(shown.subject.CN).toEqual('a.test');
      expect(shown.issuerCertificate === undefined ? 1 : 2).toEqual(2);
    }
    await world.ends();
  }
});

tap.test(
  'a certificate that is replaced by rename is served to new clients, and no connection is dropped (pitfall 30)',
  async () => {
    await using folder = await makeFolder();
    await put(folder.path, first);
    const settings = makeTls({ certificate: filesIn(folder.path) });
    await using world = await startTerminator({ tls: { 'a.test': settings } });
    {
      await using early = await connectTls(world.port, { servername: 'a.test', ca: first.ca });
      expect(await shownAt(world.port)).toEqual('DNS:a.test');
      await writeFile(join(folder.path, 'cert.new'), second.cert);
      await writeFile(join(folder.path, 'key.new'), second.key);
      await rename(join(folder.path, 'cert.new'), join(folder.path, 'cert.pem'));
      await rename(join(folder.path, 'key.new'), join(folder.path, 'key.pem'));
      await shows(world.port, 'second.test');
      early.send('still');
      expect(await early.receive(5)).toEqual('still');
    }
    expect(world.errors).toEqual([]);
  },
);

tap.test('a certificate behind links that are swapped, as of a mounted secret, is replaced', async () => {
  await using folder = await makeFolder();
  for (const [name, certificate] of [
    ['one', first],
    ['two', second],
  ] as const) {
    await mkdir(join(folder.path, name));
    await put(join(folder.path, name), certificate);
  }
  await symlink('one', join(folder.path, '..data'));
  for (const name of ['cert.pem', 'key.pem']) await symlink(join('..data', name), join(folder.path, name));
  await using world = await startTerminator({ tls: { 'a.test': makeTls({ certificate: filesIn(folder.path) }) } });
  expect(await shownAt(world.port)).toEqual('DNS:a.test');
  await symlink('two', join(folder.path, '..tmp'));
  await rename(join(folder.path, '..tmp'), join(folder.path, '..data'));
  await shows(world.port, 'second.test');
});

tap.test(
  'a file that is no good leaves the former certificate in use, says what is wrong once, and can be put right',
  async () => {
    await using folder = await makeFolder();
    await put(folder.path, first);
    await using world = await startTerminator({ tls: { 'a.test': makeTls({ certificate: filesIn(folder.path) }) } });
    const faults: readonly (readonly [string, Pick<ICertificate, 'cert' | 'key'>])[] = [
      ['the key does not belong to the certificate', { cert: second.cert, key: other.key }],
      ['the certificate cannot be parsed', { cert: 'half a file', key: second.key }],
      ['the key cannot be parsed', { cert: second.cert, key: '' }],
    ];
    for (const [what, pair] of faults) {
      const told = world.errors.length;
      await put(folder.path, pair);
      await until(
        () => world.errors.slice(told).some(({ message }) => message.includes(what)),
        5_000,
        () => `${what}, has ${world.errors.map(String).join()}`,
      );
      expect(await shownAt(world.port)).toEqual('DNS:a.test');
    }
    const [error] = world.errors;
    expect(error).toBeInstanceOf(ProxyError);
    expect(error?.code).toEqual('CERTIFICATE_INVALID');
    expect(error?.message).toMatch(/^routes\[0\] \(route-0\): .*cert\.pem, .*key\.pem: /);
    expect(error?.message).not.toMatch(/PRIVATE KEY/);
    await unlink(join(folder.path, 'cert.pem'));
    await put(folder.path, second);
    await shows(world.port, 'second.test');
  },
);

tap.test('where the system tells nothing of changes, a look now and then finds them', async () => {
  await using folder = await makeFolder();
  await put(folder.path, first);
  const clock = makeFakeClock();
  const { source } = makeSource(clock);
  const settings = makeTls({ certificate: filesIn(folder.path) });
  await source.attach(makeTlsConfig(settings));
  const before = source.contextFor(settings, null);
  await put(folder.path, second);
  // The clock stands still, so what the system tells never settles: only the look can find it.
  await until(
    () => {
      clock.advance(60_000);
      return source.contextFor(settings, null) !== before;
    },
    5_000,
    () => 'another context',
  );
  await source.cleanup();
});

tap.test('at the start every certificate that cannot be used is named, and nothing changes', async () => {
  await using folder = await makeFolder();
  await put(folder.path, { cert: first.cert, key: other.key });
  const { source } = makeSource();
  const good = makeTls({ certificate: first });
  await source.attach(makeTlsConfig(good));
  const bad = makeTls({ certificate: filesIn(folder.path) });
  const missing = makeTls({ certificate: filesIn(join(folder.path, 'nowhere')) });
  const attempt = source.attach(makeTlsConfig(bad, missing));
  await expect(attempt).rejects.toThrow(/routes\[0\].*does not belong.*nowhere/);
  await attempt.catch((error) => expect(error.code).toEqual('CERTIFICATE_INVALID'));
  expect(source.has(good.key)).toEqual(true);
  expect(source.contextFor(bad, null)).toEqual(null);
  expect(source.contextFor(good, null)).not.toEqual(null);
  await source.cleanup();
});

needs('openssl')('a key that OpenSSL finds too weak is refused at the start and in a replacement', async () => {
  await using folder = await makeFolder();
  const [certFile, keyFile] = [join(folder.path, 'cert.pem'), join(folder.path, 'key.pem')];
  const weak = [
    'req',
    '-x509',
    '-newkey',
    'rsa:512',
    '-nodes',
    '-subj',
    '/CN=a.test',
    '-keyout',
    keyFile,
    '-out',
    certFile,
  ];
  await promisify(execFile)('openssl', weak);
  const { source } = makeSource();
  const settings = makeTls({ certificate: filesIn(folder.path) });
  await expect(source.attach(makeTlsConfig(settings))).rejects.toThrow(/cert\.pem, .*: .*key too small/);
  await source.cleanup();

  const pair = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
  await put(folder.path, first);
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  await put(folder.path, pair);
  await until(
    () => world.errors.some(({ message }) => /key too small/.test(message)),
    5_000,
    () => 'an error',
  );
  expect(await shownAt(world.port)).toEqual('DNS:a.test');
});

tap.test('an expired certificate is served with a warning', async () => {
  const late = { ...systemClock, wallMs: () => Date.now() + 60 * 86_400_000 };
  const { source, warned, errors } = makeSource(late);
  const settings = makeTls({ certificate: first });
  await source.attach(makeTlsConfig(settings));
  expect(source.contextFor(settings, null)).not.toEqual(null);
  expect(JSON.stringify(warned)).toMatch(/expired on/);
  expect(errors).toEqual([]);
  await source.cleanup();
});

tap.test('equal settings share a context, which outlives updates and serves connections of former ones', async () => {
  const { source } = makeSource();
  const [one, two] = [makeTls({ certificate: first }), makeTls({ certificate: first })];
  await source.attach(makeTlsConfig(one, two));
  const context = source.contextFor(one, null);
  expect(source.contextFor(two, null)).toBe(context);
  const again = makeTls({ certificate: first });
  await source.attach(makeTlsConfig(again));
  expect(source.contextFor(again, null)).toBe(context);
  await source.attach(makeTlsConfig());
  expect(source.has(one.key)).toEqual(false);
  expect(source.contextFor(one, null)).toBe(context);
  await source.cleanup();
});

tap.test('sessions survive the replacement of a certificate, and not the day of their key', async () => {
  await using folder = await makeFolder();
  await put(folder.path, first);
  const clock = makeFakeClock();
  clock.advance(1);
  const settings = makeTls({ certificate: filesIn(folder.path) });
  await using world = await startTerminator({ tls: { 'a.test': settings }, clock });
  const visit = async (session?: Buffer): Promise<{ reused: boolean; session: Buffer | undefined }> => {
    // In TLS 1.2 the session is there when the handshake is.
    const limits = { maxVersion: 'TLSv1.2', ...(session ? { session } : {}) } as const;
    await using client = await connectTls(world.port, { servername: 'a.test', ...limits });
    const socket = client.socket as tls.TLSSocket;
    return { reused: socket.isSessionReused(), session: socket.getSession() };
  };
  const { session } = await visit();
  const before = world.source.contextFor(settings, null);
  await put(folder.path, second);
  await until(
    () => {
      clock.advance(60_000);
      return world.source.contextFor(settings, null) !== before;
    },
    5_000,
    () => 'another context',
  );
  const resumed = await visit(session);
  expect(resumed.reused).toEqual(true);
  clock.advance(86_400_000);
  expect((await visit(resumed.session)).reused).toEqual(false);
  await world.ends(3);
});

export default tap.start();
