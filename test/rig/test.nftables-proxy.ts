// NfTablesProxy by itself, and the kernel in front of our own TLS, in namespaces.

import { once } from 'node:events';
import { createNfTablesTerminateRoute } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { addresses, type IAgent, type INetWorld, makeNetWorld, needsNetworks } from '../helpers/net-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(60_000);

const test = needsNetworks('openssl');
const { client, router, one } = addresses;

let world: INetWorld;
let own: IAgent;

const ask = (port: number, more: object = {}): Promise<string> =>
  world.agents.client.ask('ask', { host: router.ip, port, ...more });
const local = (host: string, port: number): Promise<string> => world.agents.router.ask('ask', { host, port });
const tables = (): Promise<string> => world.exec('router', 'nft', 'list', 'tables');

test('a network is made, and a process in its router', async () => {
  world = await makeNetWorld();
  await world.agents.one.ask('serve', { name: 'one', ports: [9000, 9001, 9002, 9010] });
  own = await world.startRouter();
});

test('ports go to ports of one host; status counts; stop takes the rules away', async () => {
  await own.ask('nft', {
    fromPort: [{ from: 7000, to: 7002 }, 7010],
    toPort: [{ from: 9000, to: 9002 }, 9010],
    toHost: one.ip,
    protocol: 'all',
    ipBlockList: [client.second],
  });
  for (const port of [7000, 7001, 7002, 7010]) {
    expect(await ask(port)).toEqual(`one ${router.inside} ${port + 2000}`);
    expect(await ask(port, { transport: 'udp' })).toEqual(`one ${router.inside} ${port + 2000}`);
  }
  expect(await ask(7000, { localAddress: client.second })).toEqual('ECONNREFUSED');
  const status = await own.ask('nftStatus');
  expect([status.active, status.connections]).toEqual([true, 8]);
  expect(status.refused).toBeGreaterThan(0);
  await own.ask('nftStop');
  expect(await ask(7000)).toEqual('ECONNREFUSED');
  expect(await tables()).toEqual('');
});

test('netProxyIntegration brings connections to a port of this machine, local ones where it says so', async () => {
  await world.agents.router.ask('serve', { name: 'own', ports: [8443] });
  const options = { fromPort: 443, toPort: 443, toHost: one.ip };
  await own.ask('nft', { ...options, netProxyIntegration: { enabled: true, sslTerminationPort: 8443 } });
  expect(await ask(443)).toEqual(`own ${client.ip} 8443`);
  expect(await local('127.0.0.1', 443)).toEqual('ECONNREFUSED');
  await own.ask('nftStop');
  const netProxyIntegration = { enabled: true, sslTerminationPort: 8443, redirectLocalhost: true };
  await own.ask('nft', { ...options, netProxyIntegration, ipv6Support: true });
  expect(await local('127.0.0.1', 443)).toEqual('own 127.0.0.1 8443');
  expect(await local('::1', 443)).toEqual('own ::1 8443');
  expect(await ask(443)).toEqual(`own ${client.ip} 8443`);
  await own.ask('nftStop');
});

test('a table of somebody else is left alone without forceCleanSlate; cleanSlate removes those of proxies alone', async () => {
  await world.exec('router', 'nft', 'add', 'table', 'inet', 'mine_too');
  const options = { fromPort: 7000, toPort: 9000, toHost: one.ip, tableName: 'mine_too' };
  await expect(own.ask('nft', options)).rejects.toThrow('somebody else');
  await own.ask('nft', { ...options, forceCleanSlate: true });
  expect(await ask(7000)).toMatch(/^one/);
  await world.exec('router', 'nft', 'add', 'table', 'inet', 'foreign_one');
  expect(await own.ask('nftClean')).toEqual(['mine_too']);
  expect(await tables()).toEqual('table inet foreign_one\n');
  await own.ask('nftStop');
});

test('the kernel brings TLS to our own port, and the process knows the client', async () => {
  const { cert, key } = await makeCertificate({ names: ['a.test'] });
  const routes = createNfTablesTerminateRoute({
    name: 'secure',
    terminatePort: 8444,
    certificate: { cert, key },
    target: { host: one.ip, port: 9000 },
    ipBlockList: [client.second],
  });
  await own.ask('start', { routes });
  // It goes when the proxy stops, which closes its connection.
  const command = `printf 'hello there\n' | openssl s_client -connect ${router.ip}:443 -servername a.test -quiet 2>/dev/null`;
  const openssl = world.spawn('client', 'sh', '-c', command);
  if (openssl.stdout === null) throw new Error('it has an output');
  const [answer] = await once(openssl.stdout, 'data');
  expect(String(answer)).toContain(`one ${router.inside} 9000`);
  expect(await ask(443, { localAddress: client.second })).toEqual('ECONNREFUSED');
  const status = await own.ask('status');
  expect(status.routes[0].connections).toEqual(1);
  const ended: string[] = await own.ask('clients');
  expect(ended).toContain(`secure ${client.ip}`);
  await own.ask('stop', { graceMs: 0 });
});

test('the network is taken down', async () => {
  await world[Symbol.asyncDispose]();
});

export default tap.start();
