// What a proxy tells of its certificates and does about them, with what is in its store and nobody to order from.

import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { needIdOf } from '../../ts/certs/manager/kept.js';
import { CertificateDesk, type ICertificateEvent, type IRouteConfig } from '../../ts/index.js';
import { dayMs } from '../helpers/certificate-world.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTls } from '../helpers/clients.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeFakeDisk } from '../helpers/fake-store.js';
import { freePorts } from '../helpers/free-port.js';
import { makeFolder } from '../helpers/make-folder.js';
import { makeStored } from '../helpers/make-stored.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const acme = { email: null, directoryUrl: 'https://127.0.0.1:1/directory', challenges: ['tls-alpn-01'] } as const;

/** A store that has a certificate for each of these lists of names, from elsewhere. */
async function makeDisk(...lists: (readonly string[])[]) {
  const disk = makeFakeDisk();
  for (const names of lists) {
    const pair = await makeCertificate({ names });
    disk.certificates.set(needIdOf(names), makeStored(pair, { names, issuer: 'imported' }));
  }
  return disk;
}

type TTls = NonNullable<Extract<IRouteConfig['action'], { type: 'respond' }>['tls']>;

const routeOf = (
  name: string,
  ports: number,
  domains: string | readonly string[],
  tls: Partial<TTls>,
): IRouteConfig => ({
  name,
  match: { ports, domains },
  action: { type: 'respond', respond: { status: 200 }, tls: { mode: 'terminate', ...tls } },
});

async function shownAt(port: number, servername: string): Promise<string> {
  await using client = await connectTls(port, { servername, ALPNProtocols: ['http/1.1'] });
  return (client.socket as TLSSocket).getPeerCertificate().serialNumber;
}

tap.test('one certificate under two policies: client certificates are asked for where they are wanted', async () => {
  const disk = await makeDisk(['a.test']);
  const stranger = await makeCertificate({ names: ['client.test'], authority: 'strangers' });
  const friend = await makeCertificate({ names: ['client.test'], authority: 'friends' });
  for (const certificate of ['auto', 'internal'] as const) {
    const [open = 0, closed = 0] = await freePorts(2);
    const clientAuth = { mode: 'require', ca: friend.ca } as const;
    await using started = await startProxy({
      ...{ acme, certificateStore: disk.open() },
      routes: [
        routeOf('open', open, 'a.test', { certificate }),
        routeOf('closed', closed, 'a.test', { certificate, clientAuth, versions: ['TLSv1.2'] }),
      ],
    });
    expect(started.proxy.getListeningPorts()).toHaveLength(2);
    // Whichever comes first must not decide for the other.
    const serial = await shownAt(open, 'a.test');
    await expect(shownAt(closed, 'a.test')).rejects.toThrow();
    const withKey = (who: typeof friend) => connectTls(closed, { servername: 'a.test', cert: who.cert, key: who.key });
    await expect(withKey(stranger)).rejects.toThrow();
    await using client = await withKey(friend);
    expect((client.socket as TLSSocket).getPeerCertificate().serialNumber).toEqual(serial);
  }
});

tap.test('the status of a route tells its certificates, wherever they come from', async () => {
  await using folder = await makeFolder();
  const [certFile, keyFile] = [join(folder.path, 'a.pem'), join(folder.path, 'a.key')];
  const { cert, key } = await makeCertificate({ names: ['file.test'] });
  await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
  const disk = await makeDisk(['a.test'], ['*.b.test', 'b.test']);
  await using started = await startProxy({
    ...{ acme, certificateStore: disk.open() },
    routes: [
      routeOf('ordered', 0, ['a.test', 'b.test', '*.b.test'], {
        certificate: 'auto',
        acme: { challenges: ['dns-01'], dns: { set: () => {}, remove: () => {} } },
      }),
      routeOf('own', 0, 'own.test', { certificate: 'internal' }),
      routeOf('files', 0, 'file.test', { certificate: { certFile, keyFile } }),
      routeOf('pem', 0, 'pem.test', { certificate: { cert, key } }),
      { name: 'plain', match: { ports: 0, path: '/*' }, action: { type: 'respond', respond: { status: 200 } } },
    ],
  });
  const { proxy } = started;
  const told = async (name: string) =>
    (await proxy.getCertificateStatus(name)).map(({ names, source, serial }) => [
      names.join(' '),
      source,
      serial !== null,
    ]);
  expect(await told('ordered')).toEqual([
    ['a.test', 'imported', true],
    ['b.test *.b.test', 'imported', true],
  ]);
  expect(await told('own')).toEqual([['own.test', 'internal', true]]);
  expect(await told('files')).toEqual([['file.test', 'file', true]]);
  expect(await told('pem')).toEqual([['file.test', 'pem', true]]);
  expect(await told('plain')).toEqual([]);
  await expect(told('none')).rejects.toThrow(/there is no route none/);
  const [status] = await proxy.getCertificateStatus('files');
  expect([status?.issuer, status?.routes, typeof status?.notBefore, (status?.notAfter ?? 0) > Date.now()]).toEqual([
    ...['file', ['files'], 'number', true],
  ]);
});

tap.test('ordering by hand: nothing to do is no failure, what cannot be is told', async () => {
  const disk = await makeDisk(['a.test']);
  await using started = await startProxy({
    ...{ acme, certificateStore: disk.open() },
    routes: [
      routeOf('there', 0, 'a.test', { certificate: 'auto' }),
      routeOf('missing', 0, 'b.test', { certificate: 'auto' }),
      routeOf('own', 0, 'own.test', { certificate: 'internal' }),
      routeOf('pem', 0, 'pem.test', { certificate: await makeCertificate({ names: ['pem.test'] }) }),
    ],
  });
  const { proxy } = started;
  await proxy.provisionCertificate('there');
  await proxy.provisionCertificate('own');
  await proxy.provisionCertificate('pem');
  await Promise.all([
    expect(proxy.provisionCertificate('missing')).rejects.toThrow(/b\.test/),
    expect(proxy.renewCertificate('there')).rejects.toThrow(/a\.test/),
  ]);
  const before = await shownAt(started.port, 'own.test');
  await proxy.renewCertificate('own');
  expect((await shownAt(started.port, 'own.test')) === before).toBeFalse();
  await expect(proxy.renewCertificate('pem')).rejects.toThrow(/nothing to order/);
  await expect(proxy.provisionCertificate('none')).rejects.toThrow(/there is no route none/);
});

tap.test('explain names the certificate that would be served, and plan those that would be wanted', async () => {
  const disk = await makeDisk(['a.test']);
  const route = routeOf('ordered', 0, ['a.test', 'b.test'], { certificate: 'auto' });
  await using started = await startProxy({ acme, certificateStore: disk.open(), routes: [route] });
  const { proxy, port } = started;
  const explained = proxy.explain({ port, domain: 'a.test', path: '/' });
  expect(explained.outcome).toEqual('respond');
  expect(explained.certificate?.names).toEqual(['a.test']);
  expect(explained.steps.some(({ text }) => text.startsWith('its certificate for a.test is valid until'))).toBeTrue();
  const { outcome, end } = proxy.explain({ port, domain: 'b.test', path: '/' });
  expect([outcome, end]).toEqual(['refused', 'no_certificate']);
  const next = [
    route,
    routeOf('more', 0, ['c.test', '*.d.test', 'd.test'], { certificate: 'internal' }),
    routeOf('pem', 0, 'e.test', { certificate: await makeCertificate({ names: ['e.test'] }) }),
  ];
  expect(proxy.plan(next).certificates).toEqual([['c.test'], ['d.test', '*.d.test']]);
  expect(proxy.plan([route]).certificates).toEqual([]);
});

tap.test('an update that fails leaves every certificate in use', async () => {
  const disk = await makeDisk(['a.test'], ['b.test']);
  const own = routeOf('own', 0, 'own.test', { certificate: 'internal' });
  const ordered = routeOf('ordered', 0, 'a.test', { certificate: 'auto' });
  await using started = await startProxy({ acme, certificateStore: disk.open(), routes: [own, ordered] });
  const { proxy, port } = started;
  const before = [await shownAt(port, 'a.test'), await shownAt(port, 'own.test')];
  const [taken = 0] = await freePorts(1);
  await using other = await startProxy({
    routes: [{ match: { ports: taken }, action: { type: 'respond', respond: { status: 200 } } }],
  });
  expect(other.port).toEqual(taken);
  const next = [
    routeOf('next', 0, 'b.test', { certificate: 'auto' }),
    routeOf('wrong', taken, 'c.test', { certificate: 'internal' }),
  ];
  await expect(proxy.updateRoutes(next)).rejects.toThrow();
  expect([await shownAt(port, 'a.test'), await shownAt(port, 'own.test')]).toEqual(before);
  expect(proxy.certificates.status().map(({ names }) => names)).toEqual([['a.test']]);
});

tap.test('the certificates of files and of the configuration are told of before they end', async () => {
  await using folder = await makeFolder();
  const [certFile, keyFile] = [join(folder.path, 'a.pem'), join(folder.path, 'a.key')];
  const { cert, key } = await makeCertificate({ names: ['file.test'], days: 3 });
  await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
  const clock = makeFakeClock(Date.now());
  await using started = await startProxy(
    {
      metrics: false,
      routes: [
        routeOf('files', 0, 'file.test', { certificate: { certFile, keyFile } }),
        routeOf('pem', 0, 'pem.test', { certificate: await makeCertificate({ names: ['pem.test'], days: 30 }) }),
      ],
    },
    { clock },
  );
  const events: ICertificateEvent[] = [];
  started.proxy.on('certificate', (event) => void events.push(event));
  clock.advance(2.8 * dayMs);
  expect(events.map(({ kind, routes, names }) => [kind, routes, names])).toEqual(
    Array.from({ length: 3 }, () => ['expiring', ['files'], ['file.test']]),
  );
  clock.advance(dayMs);
  expect(events.at(-1)?.kind).toEqual('expired');
});

tap.test('a store that cannot be written keeps nobody from starting, one that cannot be read does', async () => {
  const disk = await makeDisk(['a.test']);
  disk.isWritable = false;
  const routes = [routeOf('ordered', 0, ['a.test', 'b.test'], { certificate: 'auto' })];
  await using started = await startProxy({ acme, certificateStore: disk.open(), routes });
  const { proxy, port } = started;
  await shownAt(port, 'a.test');
  await proxy.certificates.provisionAllCertificates();
  const errorOf = async () =>
    (await proxy.getCertificateStatus('ordered')).find(({ serial }) => serial === null)?.lastError;
  expect((await errorOf())?.class).toEqual('store');
  await expect(shownAt(port, 'b.test')).rejects.toThrow();
  const refused = { ...disk.open(), listCertificates: () => Promise.reject(new Error('gone')) };
  await expect(startProxy({ acme, certificateStore: refused, routes })).rejects.toThrow(/gone/);
});

tap.test(
  'a pair that is imported beside a running proxy is served soon, also where the present one lives longer',
  async () => {
    await using folder = await makeFolder();
    const certificateStore = join(folder.path, 'certs');
    const routes = [routeOf('ordered', 0, 'a.test', { certificate: 'auto' })];
    const options = { acme, certificateStore, routes };
    const desk = new CertificateDesk(options);
    const [first, second] = [
      await makeCertificate({ names: ['a.test'] }),
      await makeCertificate({ names: ['a.test'], days: 5 }),
    ];
    await desk.import(first.cert, first.key);
    await using started = await startProxy(options);
    const before = await shownAt(started.port, 'a.test');
    const swapped = new Promise<ICertificateEvent>((resolve) => {
      started.proxy.on('certificate', (event) => void (event.kind === 'swapped' && resolve(event)));
    });
    await desk.import(second.cert, second.key);
    const { serial } = await swapped;
    expect(serial === before).toBeFalse();
    expect(await shownAt(started.port, 'a.test')).toEqual(serial);
  },
);

tap.test('on the disk keys are for the owner alone', async () => {
  await using folder = await makeFolder();
  const routes = [routeOf('own', 0, 'own.test', { certificate: 'internal' })];
  await using started = await startProxy({ certificateStore: join(folder.path, 'certs'), routes });
  const serial = await shownAt(started.port, 'own.test');
  expect(serial).toMatch(/^[0-9A-F]+$/);
  const files = await readdir(folder.path, { recursive: true, withFileTypes: true });
  const modes: string[] = [];
  for (const file of files) {
    const { mode } = await stat(join(file.parentPath, file.name));
    const want = file.isDirectory() ? 0o700 : 0o600;
    if ((mode & 0o777) !== want) modes.push(`${file.name} ${(mode & 0o777).toString(8)}`);
  }
  expect(modes).toEqual([]);
  expect(files.length).toBeGreaterThan(2);
});

export default tap.start();
