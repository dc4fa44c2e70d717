// Pairs by name, from the store that a proxy fills.

import { CertificateManager, SmartProxy } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTls } from '../helpers/clients.js';
import { makeFakeDisk } from '../helpers/fake-store.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

tap.test('what is stored for a name is found, its own before that of a wildcard', async () => {
  await using folder = await makeFolder();
  const manager = new CertificateManager({ certificateStore: folder.path });
  await manager.initialize();
  expect(await manager.getCertificate('a.test')).toEqual(null);
  const [own, wild] = await Promise.all([
    makeCertificate({ names: ['a.test'] }),
    makeCertificate({ names: ['*.b.test', 'b.test'] }),
  ]);
  await manager.updateCertificate('A.test', own.cert, own.key);
  await manager.updateCertificate('*.b.test', wild.cert, wild.key);
  const found = await manager.getCertificate('a.TEST');
  expect([found?.cert.trim(), found?.key.trim(), found?.names]).toEqual([own.cert.trim(), own.key.trim(), ['a.test']]);
  expect(found?.expires.getTime()).toBeGreaterThan(Date.now());
  expect((await manager.getCertificate('x.b.test'))?.cert.trim()).toEqual(wild.cert.trim());
  expect(await manager.getCertificate('x.y.b.test')).toEqual(null);
  await expect(manager.updateCertificate('c.test', own.cert, own.key)).rejects.toThrow(/c.test|a.test/);
  await expect(manager.updateCertificate('a.test', own.cert, wild.key)).rejects.toThrow();
  await expect(manager.renewCertificate('a.test')).rejects.toThrow(/nobody orders/);
  expect(manager.getStatus()).toEqual([]);
});

tap.test('with the certificates of a proxy it renews them, and what is given to it is served', async () => {
  const [first, second] = await Promise.all([1, 2].map((n) => makeCertificate({ names: ['a.test'], days: 30 + n })));
  const pairs = [first, second];
  const disk = makeFakeDisk();
  await using proxy = new SmartProxy({
    listenAddress: '127.0.0.1',
    certificateStore: disk.open(),
    acme: { email: 'ops@a.test' },
    certProvisionFunction: () => pairs.shift() ?? 'http01',
    routes: [
      {
        match: { ports: 0, domains: 'a.test' },
        action: { type: 'respond', respond: { status: 200 }, tls: { mode: 'terminate', certificate: 'auto' } },
      },
    ],
  });
  await proxy.start();
  const isThere = () => proxy.certificates.status().some(({ serial, state }) => serial !== null && state === 'idle');
  await until(isThere, 5_000, () => 'a certificate');
  const manager = new CertificateManager({ manager: proxy.certificates, certificateStore: disk.open() });
  expect((await manager.getCertificate('a.test'))?.cert.trim()).toEqual(first?.cert.trim());
  await manager.renewCertificate('a.test');
  expect((await manager.getCertificate('a.test'))?.cert.trim()).toEqual(second?.cert.trim());
  expect(manager.getStatus().map(({ names }) => names)).toEqual([['a.test']]);

  const third = await makeCertificate({ names: ['a.test'], days: 60, authority: 'another' });
  await manager.updateCertificate('a.test', third.cert, third.key);
  await using client = await connectTls(proxy.getListeningPorts().at(-1) ?? 0, { servername: 'a.test', ca: third.ca });
  expect(client.received.length).toEqual(0);
});

tap.test('the placeholder pair is given to whoever has loaded it, with a warning', async () => {
  const warnings: string[] = [];
  const log = () => {};
  const logger = {
    debug: log,
    info: log,
    error: log,
    warn: (_: object, message: string) => void warnings.push(message),
  };
  const manager = new CertificateManager({ certificateStore: makeFakeDisk().open(), logger });
  expect(() => manager.getDefaultCertificates()).toThrow(/has not been called/);
  await manager.loadDefaultCertificatesAsync();
  expect(manager.getDefaultCertificates().cert).toContain('BEGIN CERTIFICATE');
  expect(warnings).toHaveLength(1);
});

export default tap.start();
