// The port of challenges by itself: requests of its names, and their certificates.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CertificateManager,
  ConfigError,
  type ICertificateData,
  type ICertificateFailureData,
  type IDomainOptions,
  type IPort80HandlerOptions,
  Port80Handler,
} from '../../ts/index.js';
import { startPebble } from '../helpers/acme-pebble.js';
import { makeCertificate } from '../helpers/certificates.js';
import { needs } from '../helpers/debian.js';
import { makeFakeDisk } from '../helpers/fake-store.js';
import { freePorts } from '../helpers/free-port.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const make = (options: Partial<IPort80HandlerOptions> = {}) =>
  new Port80Handler({
    port: 0,
    listenAddress: '127.0.0.1',
    contactEmail: 'ops@a.test',
    certificateStore: makeFakeDisk().open(),
    ...options,
  });

const domain = (domainName: string, more: Partial<IDomainOptions> = {}): IDomainOptions => ({
  domainName,
  sslRedirect: false,
  acmeMaintenance: false,
  ...more,
});

interface IAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

async function ask(port: number, host: string, path = '/'): Promise<IAnswer> {
  const request = http.get({ port, host: '127.0.0.1', path, agent: false, headers: { host } });
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const { statusCode = 0, headers } = answer;
  return { status: statusCode, location: headers.location, body: Buffer.concat(chunks).toString() };
}

async function startWeb(name: string): Promise<AsyncDisposable & { port: number }> {
  const server = http
    .createServer((req, res) => res.end(`${name} ${req.headers.host}${req.url}`))
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}

tap.test('each name is redirected, forwarded or answered by 404, and so is what is none of them', async () => {
  await using web = await startWeb('web');
  await using challenges = await startWeb('challenges');
  await using handler = make({ httpsRedirectPort: 8443 });
  void handler.addDomain(domain('A.test', { sslRedirect: true }));
  const started = once(handler, 'manager-started');
  await handler.start();
  const port = handler.getListeningPort();
  expect(await started).toEqual([port]);
  const at = (to: number) => ({ ip: '127.0.0.1', port: to });
  await handler.addDomain(domain('b.test', { forward: at(web.port), sslRedirect: true }));
  await handler.addDomain(domain('c.test', { acmeForward: at(challenges.port) }));
  const { status, location } = await ask(port, 'a.test', '/x?y');
  expect([status, location]).toEqual([301, 'https://a.test:8443/x?y']);
  expect((await ask(port, 'b.test', '/x')).body).toEqual('web b.test/x');
  expect((await ask(port, 'c.test', '/.well-known/acme-challenge/t')).body).toEqual(
    'challenges c.test/.well-known/acme-challenge/t',
  );
  expect((await ask(port, 'c.test')).status).toEqual(404);
  expect((await ask(port, 'd.test')).status).toEqual(404);

  expect([...handler.getManagedDomains().keys()]).toEqual(['a.test', 'b.test', 'c.test']);
  await handler.removeDomain('A.test');
  await handler.removeDomain('never.test');
  expect((await ask(port, 'a.test')).status).toEqual(404);
  await handler.addDomain(domain('b.test', { sslRedirect: true }));
  expect((await ask(port, 'b.test')).status).toEqual(301);
  const stopped = once(handler, 'manager-stopped');
  await handler.stop();
  await stopped;
  await expect(ask(port, 'b.test')).rejects.toThrow();
});

tap.test('a name whose certificate is kept waits for it, then is redirected, and the certificate is told', async () => {
  const pair = await makeCertificate({ names: ['a.test'] });
  let give: () => void = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  const disk = makeFakeDisk();
  const provide = async () => {
    await given;
    return pair;
  };
  const options = { certificateStore: disk.open(), certProvisionFunction: provide };
  {
    await using handler = make(options);
    await handler.start();
    const port = handler.getListeningPort();
    const issued = once(handler, 'certificate-issued') as Promise<[ICertificateData]>;
    await handler.addDomain(domain('a.test', { sslRedirect: true, acmeMaintenance: true }));
    expect([(await ask(port, 'a.test')).status, handler.getCertificate('a.test')]).toEqual([503, null]);
    give();
    const [data] = await issued;
    expect([data.domain, data.certificate.trim(), data.privateKey.trim()]).toEqual([
      'a.test',
      pair.cert.trim(),
      pair.key.trim(),
    ]);
    expect(data.expiryDate.getTime()).toBeGreaterThan(Date.now());
    expect(handler.getCertificate('A.test')).toEqual(data);
    expect((await ask(port, 'a.test')).location).toEqual('https://a.test/');
  }
  await using again = make(options);
  void again.addDomain(domain('a.test', { sslRedirect: true, acmeMaintenance: true }));
  await again.start();
  await until(
    () => again.getCertificate('a.test') !== null,
    5_000,
    () => 'the certificate that is stored',
  );
  expect((await ask(again.getListeningPort(), 'a.test')).status).toEqual(301);
});

tap.test('what fails is told, and harms nobody', async () => {
  const handler = make({
    certProvisionFunction: () => Promise.reject(new Error('not today')),
  });
  await handler.start();
  const failed = once(handler, 'certificate-failed');
  await handler.addDomain(domain('a.test', { acmeMaintenance: true }));
  const [data] = (await failed) as [ICertificateFailureData];
  expect([data.domain, data.isRenewal]).toEqual(['a.test', false]);
  expect(data.error).toContain('not today');
  await handler.stop();
  // Too late, but no reason to end a program.
  await handler.addDomain(domain('b.test'));
});

tap.test('certificates of many names are read once each, and take effect in a few updates', async () => {
  const disk = makeFakeDisk();
  const store = disk.open();
  const names = Array.from({ length: 30 }, (_, index) => `n${index}.a.test`);
  const keeper = new CertificateManager({ certificateStore: store });
  const { cert, key } = await makeCertificate({ names });
  for (const name of names) await keeper.updateCertificate(name, cert, key);
  let lists = 0;
  const list = store.listCertificates.bind(store);
  store.listCertificates = () => {
    lists++;
    return list();
  };
  await using handler = make({ certificateStore: store });
  const updated: Promise<void>[] = [];
  for (const name of names) updated.push(handler.addDomain(domain(name, { acmeMaintenance: true, sslRedirect: true })));
  expect(new Set(updated).size).toEqual(1);
  await Promise.all(updated);
  await handler.start();
  await until(
    () => names.every((name) => handler.getCertificate(name)?.certificate === cert),
    5_000,
    () => 'all certificates',
  );
  expect(lists).toBeLessThan(10);
  await handler.addDomain(domain('other.test'));
  expect((await ask(handler.getListeningPort(), 'n29.a.test')).status).toEqual(301);
});

tap.test('faults are thrown at once, and change nothing', async () => {
  await using handler = make();
  const faultsOf = (options: object): string[] => {
    try {
      void handler.addDomain(options as IDomainOptions);
    } catch (error) {
      if (error instanceof ConfigError) return error.faults.map(({ path }) => path);
      throw error;
    }
    return [];
  };
  expect(faultsOf({ domainName: '', forward: { ip: 5, port: 70_000 }, sslRedirect: 'yes', typo: 1 })).toEqual([
    'domainName',
    'forward.ip',
    'forward.port',
    'sslRedirect',
    'typo',
  ]);
  expect(faultsOf(domain('{a,b}.test')).length).toBeGreaterThan(0);
  // Only DNS proves wildcards.
  expect(faultsOf(domain('*.a.test', { acmeMaintenance: true })).length).toBeGreaterThan(0);
  expect(handler.getManagedDomains().size).toEqual(0);
  const other = make();
  await other.start();
  const taken = make({ port: other.getListeningPort() });
  await expect(taken.start()).rejects.toThrow(/cannot listen on port/);
  await other.stop();
  expect(() => make({ renewThresholdDays: -1 })).toThrow(/renewBeforeDays/);
});

needs('pebble', 'pebble-challtestsrv')(
  'certificates are ordered from an authority, which comes to this port',
  async () => {
    const [port = 0] = await freePorts(1);
    await using pebble = await startPebble({ httpPort: port });
    const { directoryUrl, ca: directoryCa } = pebble;
    // By either family of loopback.
    const handler = new Port80Handler({
      port,
      contactEmail: 'ops@shop.test',
      certificateStore: makeFakeDisk().open(),
      acme: { directoryUrl, directoryCa },
    });
    const failures: unknown[] = [];
    handler.on('certificate-failed', (failure) => void failures.push(failure));
    await handler.start();
    await handler.addDomain(domain('shop.test', { acmeMaintenance: true, sslRedirect: true }));
    await until(
      () => handler.getCertificate('shop.test') !== null,
      40_000,
      () => `a certificate, has ${JSON.stringify(failures)}`,
    );
    const first = handler.getCertificate('shop.test')?.certificate;
    const renewed = once(handler, 'certificate-renewed');
    // The first order is being put away for another moment, and as long as it is no other begins.
    const renew = (): Promise<void> =>
      handler.renewCertificate('shop.test').catch(async (error: Error) => {
        if (!error.message.includes('left alone')) throw error;
        await new Promise((resolve) => setImmediate(resolve));
        await renew();
      });
    await renew();
    const [data] = (await renewed) as [ICertificateData];
    expect(data.certificate).not.toEqual(first);
    await handler.stop();
  },
);

export default tap.start();
