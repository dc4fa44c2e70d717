// `smartproxy certs` on the store of a configuration, without an authority.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { main } from '../../ts/cli/main.js';
import type { IDeskEntry } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { fakeHost } from '../helpers/fake-host.js';
import { freePorts } from '../helpers/free-port.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

interface IWorld extends AsyncDisposable {
  run(...args: string[]): Promise<{ code: number; out: string; errors: string }>;
  path(name: string): string;
  put(name: string, certificate: { cert: string; key: string }): Promise<[string, string]>;
}

/** A configuration that orders a.test, *.b.test with b.test, and has an own authority; nobody can be ordered from. */
async function makeWorld(challengePort = 0): Promise<IWorld> {
  const folder = await makeFolder();
  const path = (name: string) => join(folder.path, name);
  const [port] = challengePort === 0 ? await freePorts(1) : [challengePort];
  const order = (name: string, domains: readonly string[], tls: object = {}) => ({
    name,
    match: { ports: 443, domains },
    action: { type: 'respond', respond: { status: 200 }, tls: { mode: 'terminate', certificate: 'auto', ...tls } },
  });
  const config = {
    certificateStore: path('certs'),
    acme: { email: null, directoryUrl: 'https://127.0.0.1:1/directory', challengePort: port },
    routes: [
      order('shop', ['a.test']),
      order('wild', ['*.b.test', 'b.test'], { acme: { dns: { command: ['/bin/true'] } } }),
      order('own', ['own.test'], { certificate: 'internal' }),
    ],
  };
  await writeFile(path('proxy.json'), JSON.stringify(config));
  return {
    path,
    async run(...args) {
      const host = fakeHost();
      const code = await main(['certs', ...args, '--config', path('proxy.json')], host);
      const errors = host.errors.join('\n');
      return { code, errors, out: host.lines.filter((line) => !host.errors.includes(line)).join('\n') };
    },
    async put(name, { cert, key }) {
      await Promise.all([writeFile(path(`${name}.pem`), cert), writeFile(path(`${name}.key`), key)]);
      return [path(`${name}.pem`), path(`${name}.key`)];
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const list = async ({ run }: IWorld) => JSON.parse((await run('list', '--json')).out) as IDeskEntry[];

tap.test('the list tells what routes want, before anything is there', async () => {
  await using world = await makeWorld();
  expect((await list(world)).map(({ names, routes, serial }) => [names, routes, serial])).toEqual([
    [['a.test'], ['shop'], null],
    [['b.test', '*.b.test'], ['wild'], null],
  ]);
  expect((await world.run('list')).out).toEqual('a.test (for shop): not there\nb.test, *.b.test (for wild): not there');
});

tap.test('a pair from elsewhere is taken for each certificate that it can stand for, and listed', async () => {
  await using world = await makeWorld();
  const both = await makeCertificate({ names: ['a.test', 'b.test', '*.b.test', 'more.test'] });
  const { code, out } = await world.run('import', ...(await world.put('both', both)));
  expect([code, out]).toEqual([0, 'imported for a.test; b.test, *.b.test']);
  const { serialNumber } = new X509Certificate(both.cert);
  expect((await list(world)).map(({ serial, issuer }) => [serial, issuer])).toEqual([
    [serialNumber, 'imported'],
    [serialNumber, 'imported'],
  ]);
  expect((await world.run('list')).out).toMatch(
    /^a\.test \(for shop\): valid until \d{4}-\d\d-\d\d \(\d+ days\), from imported/,
  );
});

tap.test('a pair that cannot be used is refused, and nothing is stored', async () => {
  await using world = await makeWorld();
  const [a, b] = [await makeCertificate({ names: ['a.test'] }), await makeCertificate({ names: ['c.test'] })];
  const refused = async (name: string, pair: { cert: string; key: string }) => {
    const { code, errors } = await world.run('import', ...(await world.put(name, pair)));
    return `${code} ${errors}`;
  };
  expect(await refused('stranger', b)).toMatch(/^2 .*no route wants a certificate for what this one is for: c\.test/);
  expect(await refused('mixed', { cert: a.cert, key: b.key })).toMatch(/^2 smartproxy: .*key/);
  expect(await refused('text', { cert: 'x', key: a.key })).toMatch(/^2 .*no certificate/);
  expect((await world.run('import', world.path('none'), world.path('none'))).errors).toMatch(/cannot read .*none/);
  expect((await list(world)).map(({ serial }) => serial)).toEqual([null, null]);
});

tap.test('an order that fails ends with 2, says why, and is listed', async () => {
  await using world = await makeWorld();
  const { code, out } = await world.run('issue', 'a.test');
  expect([code, /^a\.test: not ordered: network: /.test(out)]).toEqual([2, true]);
  expect((await world.run('list')).out).toMatch(/last order failed on .*transient, network, 1 time in a row/);
});

tap.test('where the port of challenges is taken it is named, with who may have it', async () => {
  const taken = createServer().listen(0);
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await using world = await makeWorld(port);
  const { code, errors } = await world.run('renew', 'a.test');
  expect([code, errors.includes(String(port)), errors.includes('is a proxy running there?')]).toEqual([2, true, true]);
  taken.close();
  await once(taken, 'close');
});

tap.test('names that nobody orders are told; what is there and good is not ordered', async () => {
  await using world = await makeWorld();
  const pair = await makeCertificate({ names: ['a.test'] });
  await world.run('import', ...(await world.put('a', pair)));
  expect((await world.run('issue', 'a.test')).out).toEqual('nothing is missing or due');
  for (const command of ['issue', 'renew', 'revoke']) {
    const { code, errors } = await world.run(command, 'none.test');
    expect([code, errors]).toEqual([2, 'smartproxy: no route has a certificate ordered for none.test']);
  }
  expect((await world.run('revoke', 'a.test')).errors).toMatch(/no certificate of an issuer for/);
  expect((await world.run('revoke', 'a.test', '--reason', 'x')).code).toEqual(1);
});

tap.test('the root is printed, and is the same the next time', async () => {
  await using world = await makeWorld();
  const { out } = await world.run('root');
  expect(new X509Certificate(out).ca).toBeTrue();
  expect((await world.run('root')).out).toEqual(out);
});

export default tap.start();
