// Which certificate a client is given, of those that the proxy got by itself.

import { X509Certificate } from 'node:crypto';
import { silentLogger } from '../../ts/base/logger.js';
import { ManagedCertificates } from '../../ts/certs/managed-certificates.js';
import { needIdOf } from '../../ts/certs/manager/kept.js';
import type { IManagedCertificate, IResolvedConfig, IResolvedRoute } from '../../ts/config/resolved.js';
import { compileHostPattern } from '../../ts/flow/match/host-pattern.js';
import { makeAcme } from '../helpers/certificate-world.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeFakeDisk } from '../helpers/fake-store.js';
import { makeRoute } from '../helpers/make-route.js';
import { makeStored } from '../helpers/make-stored.js';
import { makeTls } from '../helpers/make-tls.js';
import { expect, tap } from '../helpers/tapbundle.js';

const auto = (some: Parameters<typeof makeAcme>[0] = {}): IManagedCertificate => ({
  managed: 'auto',
  acme: makeAcme(some),
});
const internal: IManagedCertificate = { managed: 'internal', acme: null };

const configOf = (...routes: IResolvedRoute[]) => ({ routes }) as unknown as IResolvedConfig;

let routes = 0;
function routeOf(certificate: IManagedCertificate, ...certificateNames: (readonly string[])[]): IResolvedRoute {
  const key = `route-${++routes}`;
  const domains = certificateNames.flat();
  const tls = makeTls({ certificate, policyKey: key });
  return makeRoute({ key, name: key, tls, certificateNames, match: { domains } });
}

/** With certificates in the store for these lists of names. */
async function makeManaged(...stored: (readonly string[])[]) {
  const clock = makeFakeClock(Date.now());
  const disk = makeFakeDisk();
  for (const names of stored) {
    const pair = await makeCertificate({ names });
    disk.certificates.set(needIdOf(names), makeStored(pair, { names, issuer: 'imported' }));
  }
  const errors: Error[] = [];
  const managed = new ManagedCertificates({
    config: { store: () => disk.open(), provision: null },
    ...{ clock, logger: silentLogger, onEvent: () => {}, onError: (error: Error) => void errors.push(error) },
    domainTakes: (pattern, name) => compileHostPattern(pattern).test(name),
  });
  const given = (route: IResolvedRoute, name: string | null): string | null => {
    if (route.tls === null) return null;
    const pair = managed.pairFor(route.tls, name);
    return pair === null ? null : (new X509Certificate(String(pair.cert)).subjectAltName ?? '');
  };
  return { managed, disk, clock, errors, given };
}

tap.test('a name is given its own certificate, a name below a wildcard that of the wildcard', async () => {
  const { managed, given } = await makeManaged(['a.test'], ['*.b.test', 'b.test']);
  const route = routeOf(auto(), ['a.test'], ['*.b.test', 'b.test'], ['late.test']);
  await managed.attach(configOf(route));
  expect(given(route, 'a.test')).toEqual('DNS:a.test');
  for (const name of ['b.test', 'x.b.test']) expect(given(route, name)).toEqual('DNS:*.b.test, DNS:b.test');
  for (const name of ['x.y.b.test', 'c.test', 'late.test', 'test', 'x.a.test'])
    expect(given(route, name)).toEqual(null);
  await managed.cleanup();
});

tap.test('who names nothing, or an address, is given the first that is there', async () => {
  const { managed, given } = await makeManaged(['b.test']);
  const route = routeOf(auto(), ['a.test'], ['b.test']);
  await managed.attach(configOf(route));
  for (const name of [null, '192.0.2.1', '2001:db8::1']) expect(given(route, name)).toEqual('DNS:b.test');
  const { tls } = route;
  if (tls !== null) expect([managed.coming(tls, null), managed.coming(tls, '192.0.2.1')]).toEqual([null, null]);
  await managed.cleanup();
});

tap.test('a route of an authority and one of our own keep to themselves, also under one name', async () => {
  const { managed, given } = await makeManaged(['a.test']);
  const [ordered, own] = [routeOf(auto(), ['a.test']), routeOf(internal, ['a.test'])];
  await managed.attach(configOf(ordered, own));
  const issuerOf = (route: IResolvedRoute) => {
    const pair = route.tls === null ? null : managed.pairFor(route.tls, 'a.test');
    return pair === null ? null : new X509Certificate(String(pair.cert)).issuer;
  };
  expect(given(ordered, 'a.test')).toEqual('DNS:a.test');
  expect(issuerOf(ordered) === issuerOf(own)).toBeFalse();
  expect(issuerOf(own)).toMatch(/^CN=SmartProxy root/);
  expect(managed.statusesOf(ordered).map(({ source }) => source)).toEqual(['imported']);
  expect(managed.statusesOf(own).map(({ source }) => source)).toEqual(['internal']);
  await managed.cleanup();
});

tap.test('until an update is in force, what the former routes have is there; then it goes', async () => {
  const { managed, given } = await makeManaged(['a.test'], ['b.test']);
  const [before, after] = [routeOf(auto(), ['a.test']), routeOf(auto(), ['b.test'])];
  const [ownBefore, ownAfter] = [routeOf(internal, ['i.test']), routeOf(internal, ['j.test'])];
  await managed.attach(configOf(before, ownBefore));
  managed.settle();
  const all = () => [
    given(before, 'a.test'),
    given(after, 'b.test'),
    given(ownBefore, 'i.test'),
    given(ownAfter, 'j.test'),
  ];
  expect(all()).toEqual(['DNS:a.test', null, 'DNS:i.test', null]);
  await managed.attach(configOf(after, ownAfter));
  expect(all()).toEqual(['DNS:a.test', 'DNS:b.test', 'DNS:i.test', 'DNS:j.test']);
  // It fails: the former routes are attached again.
  await managed.attach(configOf(before, ownBefore));
  managed.settle();
  expect(all()).toEqual(['DNS:a.test', null, 'DNS:i.test', null]);
  await managed.attach(configOf(after, ownAfter));
  managed.settle();
  expect(all()).toEqual([null, 'DNS:b.test', null, 'DNS:j.test']);
  await managed.cleanup();
});

tap.test('the store is listed once, not for every update, and what others put in comes soon after one', async () => {
  const { managed, disk, clock } = await makeManaged(['a.test']);
  const route = routeOf(auto(), ['a.test']);
  const serialOf = () =>
    new X509Certificate(String(route.tls && managed.pairFor(route.tls, 'a.test')?.cert)).serialNumber;
  let listed = 0;
  const { listCertificates } = managed.store;
  managed.store.listCertificates = () => {
    listed++;
    return listCertificates.call(managed.store);
  };
  await managed.attach(configOf(route));
  managed.provision();
  const before = serialOf();
  const pair = await makeCertificate({ names: ['a.test'], days: 60 });
  disk.certificates.set(needIdOf(['a.test']), makeStored(pair, { names: ['a.test'], issuer: 'imported' }));
  for (let i = 0; i < 10; i++) {
    await managed.attach(configOf(route));
    managed.settle();
  }
  expect([listed, serialOf()]).toEqual([1, before]);
  await clock.advanceAsync(61_000);
  expect([listed, serialOf()]).toEqual([2, new X509Certificate(pair.cert).serialNumber]);
  await managed.cleanup();
});

tap.test('a name that is asked for can come only where the route has it so, and never an address', async () => {
  const { managed } = await makeManaged();
  const askable = { ask: () => true, maxPerHour: 60 };
  const routesOfAll = [
    routeOf(auto(), ['a.test']),
    routeOf(auto({ onDemand: askable }), ['a.test']),
    routeOf(internal, ['a.test']),
  ];
  await managed.attach(configOf(...routesOfAll));
  const told = (name: string) => routesOfAll.map(({ tls }) => tls !== null && managed.isAskable(tls, name));
  expect(told('b.test')).toEqual([false, true, true]);
  for (const name of ['a.test', '192.0.2.1', '::1', 'B.test', 'b.test.', '', 'b..test', '*.test', 'a b']) {
    expect([name, ...told(name)]).toEqual([name, false, false, false]);
  }
  await managed.cleanup();
});

tap.test('our own authority gives a certificate when it is asked, and nothing twice', async () => {
  const { managed, given } = await makeManaged();
  const route = routeOf(internal);
  await managed.attach(configOf(route));
  expect(given(route, null)).toMatch(/^DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1$/);
  expect(given(route, 'dev.test')).toEqual(null);
  const { tls } = route;
  if (tls === null) throw new Error('no TLS');
  await Promise.all([managed.coming(tls, 'dev.test'), managed.coming(tls, 'dev.test')]);
  expect(given(route, 'dev.test')).toEqual('DNS:dev.test');
  await managed.cleanup();
});

tap.test('where no route has a certificate of the proxy the store is not touched', async () => {
  let opened = 0;
  const untouchable = new Proxy({}, { get: () => () => Promise.reject(new Error(`touched ${++opened} times`)) });
  const managed = new ManagedCertificates({
    config: { store: () => untouchable as never, provision: null },
    ...{ clock: makeFakeClock(), logger: silentLogger, onEvent: () => {}, onError: () => {}, domainTakes: () => true },
  });
  await managed.attach(configOf(makeRoute({})));
  managed.provision();
  expect(managed.manager.status()).toEqual([]);
  await managed.cleanup();
  expect(opened).toEqual(0);
});

tap.test('the renewal of one of our own is there at once', async () => {
  const { managed } = await makeManaged();
  const route = routeOf(internal, ['a.test']);
  await managed.attach(configOf(route));
  const [before] = managed.statusesOf(route);
  await managed.renewLeaf(before?.id ?? '');
  const [after] = managed.statusesOf(route);
  expect(before?.serial === after?.serial).toBeFalse();
  await managed.cleanup();
});

export default tap.start();
