// Older options with preserveSourceIP, in the kernel of a router: targets see the client.

import { convertLegacyOptions } from '../../ts/index.js';
import { addresses, type IAgent, type INetWorld, makeNetWorld, needsNetworks } from '../helpers/net-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(90_000);

const test = needsNetworks();
const { client, router, one, two } = addresses;

let world: INetWorld;
let proxy: IAgent;

const ask = (port: number): Promise<string> => world.agents.client.ask('ask', { host: router.ip, port });

test('a network is made, and a proxy in its router', async () => {
  world = await makeNetWorld();
  await Promise.all([
    world.agents.one.ask('serve', { name: 'one', ports: [9000, 9001] }),
    world.agents.two.ask('serve', { name: 'two', ports: [9000, 9001] }),
  ]);
  proxy = await world.startRouter();
  expect(await proxy.ask('start', { routes: [] })).toEqual([]);
});

test('a port and ranges of domains lead to their targets, which see the client; others are refused', async () => {
  const { routes } = convertLegacyOptions({
    fromPort: 80,
    toPort: 9000,
    targetIP: one.ip,
    preserveSourceIP: true,
    defaultAllowedIPs: [client.ip],
    globalPortRanges: [{ from: 9000, to: 9001 }],
    domainConfigs: [{ domains: 'two.test', targetIPs: [two.ip], portRanges: [{ from: 9001, to: 9001 }] }],
  });
  await proxy.ask('update', { routes });
  expect([await ask(80), await ask(9000), await ask(9001)]).toEqual([
    `one ${client.ip} 9000`,
    `one ${client.ip} 9000`,
    `two ${client.ip} 9001`,
  ]);
  const refusing = convertLegacyOptions({
    ...{ fromPort: 80, toPort: 9000, targetIP: one.ip, preserveSourceIP: true },
    defaultBlockedIPs: [client.ip],
  });
  await proxy.ask('update', { routes: refusing.routes });
  expect(await ask(80).catch(() => 'refused')).not.toMatch(/^one/);
});

test('nothing is left', async () => {
  await proxy.ask('stop');
  await world[Symbol.asyncDispose]();
});

export default tap.start();
