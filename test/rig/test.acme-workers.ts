// Several processes and one authority: one of them orders, whichever is asked answers the challenge, and all serve what came of it.

import { join } from 'node:path';
import type { ICertificateEvent, IRouteConfig } from '../../ts/index.js';
import { certificateAt, makeShopRoute, startAcmeProxyWorld } from '../helpers/acme-proxy.js';
import { needs } from '../helpers/debian.js';
import { startWorkers } from '../helpers/start-workers.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(90_000);
const test = needs('pebble', 'pebble-challtestsrv', 'curl');
const looks = 12;

test('one order, answered by any worker, served by all: the first and those that renew it', async () => {
  await using world = await startAcmeProxyWorld();
  const { tlsPort, acme, pebble } = world;
  const names = ['a.proxy.test', 'b.proxy.test'];
  const routes: IRouteConfig[] = [
    makeShopRoute(tlsPort, names, { name: 'http' }),
    makeShopRoute(tlsPort, 'alpn.proxy.test', { name: 'alpn', acme: { challenges: ['tls-alpn-01'] } }),
  ];
  const certificateStore = join(world.folder, 'of-workers');
  await using group = await startWorkers({ config: { acme, certificateStore, routes }, workers: 3 });
  const events: ICertificateEvent[] = [];
  group.workers.on('certificate', (event) => events.push(event));
  const issued = () => (pebble.process.output().match(/Issued certificate serial/g) ?? []).length;
  /** What new clients are shown, whichever worker they come to. */
  const shown = async (name: string): Promise<Set<string | undefined>> => {
    const all = await Promise.all(Array.from({ length: looks }, () => certificateAt(tlsPort, name)));
    return new Set(all.map((certificate) => certificate?.serialNumber));
  };
  const shownSoon = async (name: string, other: string | undefined): Promise<string | undefined> => {
    for (;;) {
      const serials = await shown(name);
      const [serial] = serials;
      if (serials.size === 1 && serial !== undefined && serial !== other) return serial;
    }
  };
  await Promise.all(['http', 'alpn'].map((route) => group.workers.provisionCertificate(route)));
  const serials = await Promise.all([...names, 'alpn.proxy.test'].map((name) => shownSoon(name, undefined)));
  const orders = issued();
  expect(orders).toEqual(new Set(serials).size);
  expect(await world.curl('alpn.proxy.test')).toEqual('hello from the shop');
  const statuses = await group.workers.getCertificateStatus('alpn');
  expect(statuses.map(({ serial, lastError }) => [serial, lastError])).toEqual([[serials[2], null]]);

  await group.workers.renewCertificate('alpn');
  const renewed = await shownSoon('alpn.proxy.test', serials[2]);
  expect((await group.workers.getCertificateStatus('alpn'))[0]?.serial).toEqual(renewed);
  expect(issued()).toEqual(orders + 1);
  expect(events.filter(({ kind }) => kind === 'renewed').length).toEqual(1);
});

export default tap.start();
