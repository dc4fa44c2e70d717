// Whole proxies with an authority that others made: from an empty store to what curl trusts, and on.

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { CertificateDesk } from '../../ts/index.js';
import { certificateAt, makeShopRoute, startAcmeProxyWorld } from '../helpers/acme-proxy.js';
import { needs } from '../helpers/debian.js';
import { expect, long, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

if (long) tap.timeout(400_000);
const test = needs('pebble', 'pebble-challtestsrv', 'curl');

/** Of all files and folders of a store: those that others can look into. */
async function openFiles(folder: string): Promise<string[]> {
  const found = await promisify(execFile)('find', [folder, '-type', 'f', '!', '-perm', '600']);
  return found.stdout.split('\n').filter((line) => line !== '');
}

test('a proxy as people write it starts with an empty store, serves what curl trusts, and renews', async () => {
  await using world = await startAcmeProxyWorld();
  const { tlsPort, acme } = world;
  // The top level gives what the routes leave out; a route of its own says everything.
  const { email, ...common } = acme;
  const routes = [
    makeShopRoute(tlsPort, ['a.proxy.test', 'b.proxy.test'], { name: 'top', acme: { email: email ?? null } }),
    makeShopRoute(tlsPort, 'c.proxy.test', { name: 'own', acme: { ...acme, keyType: 'rsa-2048' } }),
  ];
  const { proxy, issued, kinds } = await world.start({ acme: common, routes });
  await issued('a.proxy.test', 'b.proxy.test', 'c.proxy.test');
  for (const name of ['a.proxy.test', 'b.proxy.test', 'c.proxy.test']) {
    expect(await world.curl(name)).toEqual('hello from the shop');
  }
  const keyOf = async (name: string) => (await certificateAt(tlsPort, name))?.publicKey.asymmetricKeyType;
  expect([await keyOf('a.proxy.test'), await keyOf('c.proxy.test')]).toEqual(['ec', 'rsa']);
  const before = (await certificateAt(tlsPort, 'a.proxy.test'))?.serialNumber;
  const untouched = (await certificateAt(tlsPort, 'c.proxy.test'))?.serialNumber;
  await proxy.renewCertificate('top');
  const after = (await certificateAt(tlsPort, 'a.proxy.test'))?.serialNumber;
  expect(after === before).toBeFalse();
  expect((await certificateAt(tlsPort, 'c.proxy.test'))?.serialNumber).toEqual(untouched);
  expect(await world.curl('a.proxy.test')).toEqual('hello from the shop');
  expect(kinds('a.proxy.test')).toEqual(['issuing', 'issued', 'swapped', 'issuing', 'renewed', 'swapped']);
  const [status] = await proxy.getCertificateStatus('top');
  expect([status?.serial, status?.source, status?.issuer, status?.lastError]).toEqual([
    ...[after, 'acme', world.pebble.directoryUrl, null],
  ]);
  expect(await openFiles(world.folder)).toEqual([]);
});

test('TLS-ALPN-01 on the port of the routes, DNS-01 by hook and by command, addresses, and no SNI', async () => {
  await using world = await startAcmeProxyWorld();
  const { tlsPort, acme, pebble } = world;
  const said: string[] = [];
  const dns = {
    set: ({ name, value }: { name: string; value: string }) => {
      said.push(`set ${name}`);
      return pebble.dns.addTxt(name, value);
    },
    remove: ({ name }: { name: string }) => {
      said.push(`remove ${name}`);
      return pebble.dns.clearTxt(name);
    },
  };
  const script = join(world.folder, '..', 'dns.sh');
  const curl = `curl -sS -X POST http://127.0.0.1:${pebble.dns.managementPort}`;
  await writeFile(
    script,
    `#!/bin/sh\nset -e\ncase $1 in set) ${curl}/set-txt -d "{\\"host\\":\\"$2.\\",\\"value\\":\\"$3\\"}";; remove) ${curl}/clear-txt -d "{\\"host\\":\\"$2.\\"}";; esac\n`,
  );
  await chmod(script, 0o700);
  const routes = [
    makeShopRoute(tlsPort, 'alpn.proxy.test', { name: 'alpn', acme: { challenges: ['tls-alpn-01'] } }),
    makeShopRoute(tlsPort, ['*.wild.proxy.test', 'wild.proxy.test'], { name: 'hook', acme: { dns } }),
    makeShopRoute(tlsPort, '*.exec.proxy.test', { name: 'command', acme: { dns: { command: [script] } } }),
    makeShopRoute(tlsPort, 'http.proxy.test', {
      name: 'http',
      acme: { challenges: ['http-01'] },
      names: ['127.0.0.1'],
    }),
    makeShopRoute(tlsPort, 'six.proxy.test', {
      name: 'six',
      acme: { challenges: ['tls-alpn-01'], keyType: 'ecdsa-p384' },
      names: ['::1'],
    }),
  ];
  const { proxy, issued } = await world.start({ acme, routes });
  await issued('alpn.proxy.test', 'wild.proxy.test', '*.wild.proxy.test', '*.exec.proxy.test', '127.0.0.1', '::1');
  for (const name of ['alpn.proxy.test', 'wild.proxy.test', 'any.wild.proxy.test', 'any.exec.proxy.test']) {
    expect(await world.curl(name)).toEqual('hello from the shop');
  }
  expect((await proxy.getCertificateStatus('hook')).map(({ names, challenge }) => [...names, challenge])).toEqual([
    ['wild.proxy.test', '*.wild.proxy.test', 'dns-01'],
  ]);
  expect(said.filter((line) => line.startsWith('set'))).toHaveLength(2);
  const [, six] = await proxy.getCertificateStatus('six');
  expect([six?.names, six?.challenge]).toEqual([['::1'], 'tls-alpn-01']);
  const [, four] = await proxy.getCertificateStatus('http');
  expect([four?.names, four?.challenge]).toEqual([['127.0.0.1'], 'http-01']);
  expect((await certificateAt(tlsPort, '')) === null).toBeFalse();
  expect(await world.curl('alpn.proxy.test')).toEqual('hello from the shop');
});

test('an authority that wants an account of its own binds it, and refuses one without', async () => {
  const hmacKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
  await using world = await startAcmeProxyWorld({ externalAccounts: { 'kid-1': hmacKey } });
  const { tlsPort, acme } = world;
  const routes = [
    makeShopRoute(tlsPort, 'a.proxy.test', { name: 'bound', acme: { eab: { kid: 'kid-1', hmacKey } } }),
    makeShopRoute(tlsPort, 'b.proxy.test', { name: 'unbound' }),
  ];
  const { proxy, issued, kinds } = await world.start({ acme, routes });
  await issued('a.proxy.test');
  expect(await world.curl('a.proxy.test')).toEqual('hello from the shop');
  await until(
    () => kinds('b.proxy.test').includes('failed') || kinds('b.proxy.test').includes('issued'),
    20_000,
    () => 'an outcome',
  );
  const [status] = await proxy.getCertificateStatus('unbound');
  // Accounts are one an authority: whoever comes second may use what the first has bound.
  expect(['config', undefined]).toContain(status?.lastError?.class);
});

/** Connects over and over, one after the other, until `done`; tells each failure, and adds every certificate that was shown. */
async function hammer(port: number, ca: string, name: string, serials: Set<string>, done: () => boolean) {
  const failures: string[] = [];
  let count = 0;
  while (!done()) {
    await new Promise<void>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', servername: name, ca, ALPNProtocols: ['http/1.1'] }, () => {
        const { raw } = socket.getPeerCertificate();
        const { serialNumber, validTo } = new X509Certificate(raw);
        serials.add(serialNumber);
        if (Date.parse(validTo) < Date.now()) failures.push(`expired on ${validTo}`);
        socket.destroy();
        resolve();
      });
      socket.on('error', (error) => {
        failures.push(error.message);
        resolve();
      });
    });
    count++;
    // Else the authority would be starved by what only looks on.
    await delay(10);
  }
  return { failures, count };
}

test('certificates are renewed under load, and no handshake fails or sees an expired one', async () => {
  // Half of a life that is this short is left at its renewal.
  const [lifeSeconds, leastMs, swaps] = long ? [90, 120_000, 2] : [20, 0, 1];
  await using world = await startAcmeProxyWorld({ validitySeconds: lifeSeconds, noncePercent: 10 });
  const { tlsPort, acme, pebble } = world;
  const { issued } = await world.start({ acme, routes: [makeShopRoute(tlsPort, 'a.proxy.test')] });
  await issued('a.proxy.test');
  const ca = await pebble.root();
  const startMs = performance.now();
  const serials = new Set<string>();
  const isDone = () => {
    const ranMs = performance.now() - startMs;
    return (ranMs > leastMs && serials.size > swaps) || ranMs > leastMs + 60_000;
  };
  const told = await Promise.all(Array.from({ length: 4 }, () => hammer(tlsPort, ca, 'a.proxy.test', serials, isDone)));
  expect(told.flatMap(({ failures }) => failures)).toEqual([]);
  expect(serials.size).toBeGreaterThan(swaps);
  const count = told.reduce((sum, one) => sum + one.count, 0);
  expect(count).toBeGreaterThan(20);
  if (long) process.stdout.write(`# ${count} handshakes, ${serials.size - 1} swaps\n`);
});

test('what is stored is served while the authority is down, which is asked no more than the schedule says', async () => {
  await using world = await startAcmeProxyWorld();
  const { tlsPort, acme } = world;
  const routes = [makeShopRoute(tlsPort, 'a.proxy.test')];
  const first = await world.start({ acme, routes });
  await first.issued('a.proxy.test');
  await first.stop();
  const ca = await world.pebble.root();
  await world.pebble[Symbol.asyncDispose]();
  const second = await world.start({
    acme,
    routes: [...routes, makeShopRoute(tlsPort, 'b.proxy.test', { name: 'new' })],
  });
  const [served] = await Promise.all([certificateAt(tlsPort, 'a.proxy.test')]);
  expect(served?.verify(new X509Certificate(ca).publicKey) === undefined).toBeFalse();
  expect(second.kinds('a.proxy.test')).toEqual(['loaded']);
  await second.proxy.certificates.provisionAllCertificates();
  const [status] = await second.proxy.getCertificateStatus('new');
  expect(status?.lastError?.class).toEqual('transient');
  expect((status?.nextAttemptAt ?? 0) - (status?.lastError?.at ?? 0)).toBeGreaterThan(59_000);
  expect(second.kinds('b.proxy.test').filter((kind) => kind === 'issuing')).toHaveLength(1);
  expect((await certificateAt(tlsPort, 'a.proxy.test')) === null).toBeFalse();
});

test('10 000 names that clients ask for, of which 3 may have a certificate: 3 orders', async () => {
  await using world = await startAcmeProxyWorld();
  const { tlsPort, acme } = world;
  const allowed = new Set([1, 5_000, 9_999].map((n) => `n${n}.proxy.test`));
  let asked = 0;
  const ask = (name: string) => {
    asked++;
    return allowed.has(name);
  };
  const route = makeShopRoute(tlsPort, '*.proxy.test', { acme: { challenges: ['http-01'], onDemand: { ask } } });
  const { events } = await world.start({ acme, routes: [route], metrics: false });
  const count = long ? 10_000 : 1_000;
  const names = Array.from({ length: count }, (_, n) => `n${Math.round((n * 9_999) / (count - 1))}.proxy.test`);
  const wanted = new Set([...names, ...allowed]);
  const served: string[] = [];
  const work = [...wanted];
  const before = process.memoryUsage().heapUsed;
  const worker = async () => {
    for (let name = work.pop(); name !== undefined; name = work.pop()) {
      const shown = await certificateAt(tlsPort, name);
      if (shown !== null) served.push(name);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  expect(served.sort()).toEqual([...allowed].sort());
  expect(new Set(events.filter(({ kind }) => kind === 'issuing').flatMap((event) => event.names)).size).toEqual(3);
  expect(events.filter(({ kind }) => kind === 'issued')).toHaveLength(3);
  expect(asked).toBeLessThanOrEqual(wanted.size);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
});

test('without a running proxy certificates are ordered, renewed and revoked, and a proxy serves what is there', async () => {
  await using world = await startAcmeProxyWorld();
  const { tlsPort, acme, folder } = world;
  const options = {
    ...{ acme, certificateStore: folder },
    routes: [
      makeShopRoute(tlsPort, ['a.proxy.test', 'b.proxy.test']),
      makeShopRoute(tlsPort, 'c.proxy.test', { name: 'alpn', acme: { challenges: ['tls-alpn-01'] } }),
    ],
  };
  const desk = new CertificateDesk(options);
  const issued = await desk.issue();
  expect(issued.map(({ names, lastError, serial }) => [names[0], lastError, serial !== null])).toEqual([
    ...['a.proxy.test', 'b.proxy.test', 'c.proxy.test'].map((name) => [name, null, true]),
  ]);
  expect(await desk.issue()).toEqual([]);
  const [renewed] = await desk.renew('a.proxy.test');
  expect([renewed?.names, renewed?.serial === issued[0]?.serial]).toEqual([['a.proxy.test'], false]);
  await desk.revoke('b.proxy.test', 4);
  const { proxy, kinds } = await world.start(options);
  expect(await world.curl('a.proxy.test')).toEqual('hello from the shop');
  expect((await certificateAt(tlsPort, 'a.proxy.test'))?.serialNumber).toEqual(renewed?.serial);
  await proxy.certificates.provisionAllCertificates();
  // What was revoked is replaced, what is good is not.
  expect(kinds('b.proxy.test')).toEqual(['loaded', 'issuing', 'renewed', 'swapped']);
  expect(kinds('c.proxy.test')).toEqual(['loaded']);
  await expect(desk.renew('c.proxy.test')).rejects.toThrow(String(tlsPort));
});

export default tap.start();
