// When certificates are ordered: after every port listens, and never by reading what is stored. And with which settings.

import { connect } from 'node:net';
import { resolveConfig } from '../ts/config/resolve.js';
import type { IResolvedAcme } from '../ts/config/resolved.js';
import { type IAcmeOptions, type IRouteConfig, SmartProxy } from '../ts/index.js';
import { makeCertificateWorld, makeNeed } from './helpers/certificate-world.js';
import { startChallengeWorld } from './helpers/challenge-world.js';
import { connectTls } from './helpers/clients.js';
import { faultsOf } from './helpers/config-faults.js';
import { makeFakeDisk } from './helpers/fake-store.js';
import { freePorts } from './helpers/free-port.js';
import { loadTestCertificates, makeCertificate } from './helpers/helpers.certificates.js';
import { fetchThrough } from './helpers/http-clients.js';
import { startHttpOrigin } from './helpers/http-origins.js';
import { expect, tap } from './helpers/tapbundle.js';

const email = 'ops@shop.test';

const routeFor = (ports: number, acme?: IAcmeOptions): IRouteConfig => ({
  name: 'shop',
  match: { ports, domains: 'shop.test' },
  action: {
    type: 'forward',
    target: { host: '127.0.0.1', port: 9 },
    tls: { mode: 'terminate', certificate: 'auto', ...(acme === undefined ? {} : { acme }) },
  },
});

tap.test(
  'initialize() takes what is stored into use and orders nothing; provisionAllCertificates() orders',
  async () => {
    const world = makeCertificateWorld();
    const { manager, kinds, served } = world.open();
    manager.setNeeds([makeNeed('shop.test')]);
    await manager.initialize();
    await world.clock.advanceAsync(3_600_000);
    expect([world.ca.orders.size, kinds()]).toEqual([0, []]);
    const provisioned = manager.provisionAllCertificates();
    await world.clock.advanceAsync(60_000);
    await provisioned;
    expect(world.ca.orders.size).toEqual(1);
    expect(kinds()).toContain('issued');
    expect(served.get('shop.test') === undefined).toBeFalse();
    await manager.stop();
  },
);

tap.test('start() provisions after every port listens, and does not wait for the certificates', async () => {
  const [tlsPort = 0, httpPort = 0] = await freePorts(2);
  const pair = await makeCertificate({ names: ['shop.test'] });
  const asked: { readonly name: string; readonly listening: readonly boolean[] }[] = [];
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const proxy = new SmartProxy({
    listenAddress: '127.0.0.1',
    acme: { email, port: httpPort },
    certificateStore: makeFakeDisk().open(),
    async certProvisionFunction(name) {
      asked.push({ name, listening: await Promise.all([tlsPort, httpPort].map(listens)) });
      await held;
      return pair;
    },
    routes: [routeFor(tlsPort)],
  });
  expect(asked).toEqual([]);
  const served = new Promise((resolve) => {
    proxy.on('certificate', ({ kind }) => kind === 'issued' && resolve(kind));
  });
  await proxy.start();
  expect([...proxy.getListeningPorts()].sort()).toEqual([tlsPort, httpPort].sort());
  await expect(connectTls(tlsPort, { servername: 'shop.test' })).rejects.toThrow();
  release();
  await served;
  expect(asked).toEqual([{ name: 'shop.test', listening: [true, true] }]);
  await using client = await connectTls(tlsPort, { servername: 'shop.test', ca: pair.ca });
  expect(client.received.length).toEqual(0);
  await proxy.stop({ graceMs: 0 });
});

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

function settingsOf(acme: IAcmeOptions | undefined, own?: IAcmeOptions): IResolvedAcme {
  const { routes } = resolveConfig({ ...(acme === undefined ? {} : { acme }), routes: [routeFor(443, own)] });
  const certificate = routes[0]?.tls?.certificate;
  if (certificate === undefined || !('managed' in certificate) || certificate.acme === null) throw new Error('no acme');
  return certificate.acme;
}

const production = 'https://acme-v02.api.letsencrypt.org/directory';
const staging = 'https://acme-staging-v02.api.letsencrypt.org/directory';

tap.test("a route's acme wins over the top level, field by field", () => {
  const common: IAcmeOptions = { email, useProduction: true, challengePort: 8080, renewBeforeDays: 20 };
  const told = ({ email: to, directoryUrls, challengePort, renewBeforeDays }: IResolvedAcme) => [
    ...[to, directoryUrls[0], challengePort, renewBeforeDays],
  ];
  expect(told(settingsOf(common))).toEqual([email, production, 8080, 20]);
  const other = 'other@shop.test';
  expect(told(settingsOf(common, { email: other }))).toEqual([other, production, 8080, 20]);
  expect(told(settingsOf(common, { useProduction: false }))).toEqual([email, staging, 8080, 20]);
  expect(told(settingsOf(common, { challengePort: 80, renewBeforeDays: 10 }))).toEqual([email, production, 80, 10]);
  expect(told(settingsOf(undefined, { email, useProduction: false, challengePort: 80 }))).toEqual([
    ...[email, staging, 80, null],
  ]);
});

tap.test('port is another name of challengePort, accountEmail of email, on both levels', () => {
  expect(settingsOf({ email, port: 8080 }).challengePort).toEqual(8080);
  expect(settingsOf({ accountEmail: email }, { port: 8081 }).challengePort).toEqual(8081);
  expect(settingsOf({ email, challengePort: 8080 }, { port: 8081 }).challengePort).toEqual(8081);
  expect(settingsOf({ email: 'a@b.test' }, { accountEmail: email }).email).toEqual(email);
  expect(settingsOf({ email }).challengePort).toEqual(80);
});

tap.test('a certificate that is to be ordered needs an address somewhere', () => {
  const paths = (options: object) => faultsOf(options).map(({ path }) => path);
  expect(paths({ routes: [routeFor(443)] })).toEqual(['routes[0].action.tls.acme.email']);
  expect(paths({ acme: { port: 80 }, routes: [routeFor(443)] })).toEqual(['routes[0].action.tls.acme.email']);
  expect(paths({ acme: { email }, routes: [routeFor(443)] })).toEqual([]);
  expect(paths({ routes: [routeFor(443, { email: null })] })).toEqual([]);
});

tap.test('HTTP-01 works on a port of useHttpProxy, beside what is forwarded there', async () => {
  const [tlsPort = 0, httpPort = 0] = await freePorts(2);
  await using origin = await startHttpOrigin((_, response) => response.end('from the target'));
  await using world = await startChallengeWorld({
    useHttpProxy: [httpPort],
    acme: { email, port: httpPort },
    routes: [
      routeFor(tlsPort),
      {
        match: { ports: httpPort },
        action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
      },
    ],
  });
  const { keyAuthorization } = await world.present('http-01', 'shop.test', 'a-token');
  const get = async (path: string) =>
    `${(await fetchThrough(httpPort, path, { headers: { host: 'shop.test' } })).body}`;
  expect(await get('/.well-known/acme-challenge/a-token')).toEqual(keyAuthorization);
  expect(await get('/')).toEqual('from the target');
});

tap.test('the placeholder pair of the package is served by nobody who does not say so', async () => {
  const { cert, key } = await loadTestCertificates();
  const [port = 0] = await freePorts(1);
  const proxy = new SmartProxy({
    listenAddress: '127.0.0.1',
    acme: { email, challenges: ['tls-alpn-01'], directoryUrl: 'https://127.0.0.1:1/directory' },
    certificateStore: makeFakeDisk().open(),
    routes: [routeFor(port)],
  });
  await proxy.start();
  // Nothing is there yet, and nothing stands in for it.
  await expect(connectTls(port, { servername: 'shop.test' })).rejects.toThrow(/unrecognized name/);
  const given = { mode: 'terminate', certificate: { cert, key } } as const;
  await proxy.updateRoutes([
    { name: 'shop', match: { ports: port }, action: { type: 'respond', respond: { status: 200 }, tls: given } },
  ]);
  await using client = await connectTls(port, { servername: 'shop.test' });
  expect(client.received.length).toEqual(0);
  await proxy.stop({ graceMs: 0 });
});

export default tap.start();
