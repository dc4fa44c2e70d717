// Options of the time before routes, converted, do what they did.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { ConfigError, convertLegacyOptions, type ILegacyOptions, type ISmartProxyOptions } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp, connectTls } from '../helpers/clients.js';
import { freePorts } from '../helpers/free-port.js';
import { makeClientHello, sniOf } from '../helpers/make-client-hello.js';
import { startOrigin } from '../helpers/origins.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** At every address of loopback: answers what comes first with the address and port at which it was reached. */
async function startEverywhere(ports: readonly number[] = [0]): Promise<AsyncDisposable & { port: number }> {
  const servers = ports.map((port) =>
    net
      .createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(`${socket.localAddress}:${socket.localPort}`));
      })
      .listen(port, '0.0.0.0'),
  );
  await Promise.all(servers.map((server) => once(server, 'listening')));
  return {
    port: ((servers[0] as net.Server).address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** The proxy of such options; what listens on all ports of the proxy would keep targets of the same port from listening. */
const start = (legacy: ILegacyOptions, more: Partial<ISmartProxyOptions> = {}) =>
  startProxy({ ...convertLegacyOptions(legacy), listenAddress: '127.0.0.1', ...more });

/** What is answered to a first message; `''` where there is no answer. */
async function ask(port: number, first: string | Buffer = 'x', localAddress = '127.0.0.1'): Promise<string> {
  await using client = await connectTcp(port, { localAddress });
  client.send(first);
  await client.closed;
  return client.received.toString();
}

const hello = (name: string): Buffer => makeClientHello({ extensions: [sniOf(name)] });

tap.test('a port is forwarded to a target, for those who may', async () => {
  await using origin = await startEverywhere();
  await using open = await start({ fromPort: 0, toPort: origin.port, targetIP: '127.0.0.2' });
  expect(await ask(open.port)).toEqual(`127.0.0.2:${origin.port}`);
  const lists = { defaultAllowedIPs: ['127.0.0.*'], defaultBlockedIPs: ['127.0.0.9'] };
  await using guarded = await start({ fromPort: 0, toPort: origin.port, targetIP: '127.0.0.1', ...lists });
  const answers = await Promise.all(['127.0.0.1', '127.0.0.9', '127.0.1.1'].map((ip) => ask(guarded.port, 'x', ip)));
  expect(answers).toEqual([`127.0.0.1:${origin.port}`, '', '']);
});

tap.test('names in TLS lead to their targets, in turn, and what has no known name to the one for all', async () => {
  await using origin = await startEverywhere();
  await using started = await start({
    fromPort: 0,
    toPort: origin.port,
    targetIP: '127.0.0.9',
    sniEnabled: true,
    domainConfigs: [
      { domains: ['a.test', '*.a.test'], allowedIPs: ['*'], targetIPs: ['127.0.0.2', '127.0.0.3'] },
      { domain: 'b.test', targetIP: '127.0.0.4' },
      { domains: 'c.test' },
    ],
  });
  const asked: string[] = [];
  const names = ['a.test', 'x.a.test', 'y.x.a.test', 'a.test', 'b.test', 'c.test', 'unknown.test'];
  for (const name of names) asked.push(await ask(started.port, hello(name)));
  const at = (last: number) => `127.0.0.${last}:${origin.port}`;
  expect(asked).toEqual([at(2), at(3), at(2), at(3), at(4), at(9), at(9)]);
  expect(await ask(started.port, '\x00 no TLS at all')).toEqual(at(9));
});

tap.test('of several domains that take a name the first has it, however exact the others are', async () => {
  await using origin = await startEverywhere();
  await using started = await start({
    fromPort: 0,
    toPort: origin.port,
    sniEnabled: true,
    domainConfigs: [
      { domains: '*.a.test', targetIP: '127.0.0.2' },
      { domains: 'x.a.test', targetIP: '127.0.0.3' },
    ],
  });
  expect(await ask(started.port, hello('x.a.test'))).toEqual(`127.0.0.2:${origin.port}`);
});

tap.test('a domain is for its own clients and for those of all domains', async () => {
  await using origin = await startEverywhere();
  await using started = await start({
    fromPort: 0,
    toPort: origin.port,
    targetIP: '127.0.0.9',
    sniEnabled: true,
    defaultAllowedIPs: ['127.0.0.1'],
    defaultBlockedIPs: ['127.0.0.66'],
    domainConfigs: [
      { domains: 'a.test', allowedIPs: ['127.0.0.5', '127.0.0.66', '127.0.0.67'], blockedIPs: ['127.0.0.67'] },
      { domains: 'b.test' },
    ],
  });
  const who = async (name: string, ips: readonly number[]) => {
    const answers = await Promise.all(ips.map((ip) => ask(started.port, hello(name), `127.0.0.${ip}`)));
    return ips.filter((_, index) => answers[index] !== '');
  };
  expect(await who('a.test', [1, 5, 6, 66, 67])).toEqual([1, 5]);
  expect(await who('b.test', [1, 5])).toEqual([1]);
  expect(await who('unknown.test', [1, 5])).toEqual([1]);
});

tap.test('ranges of ports lead to the domain that has them, to the same port', async () => {
  const [from = 0, one = 0, two = 0, rest = 0] = (await freePorts(4)).sort((a, b) => a - b);
  const span = (port: number) => ({ from: port, to: port });
  // The proxy has these ports at one address, the targets at others.
  await using origin = await startEverywhereBut([one, two, rest, from]);
  const legacy: ILegacyOptions = {
    fromPort: from,
    toPort: origin.port,
    targetIP: '127.0.0.9',
    globalPortRanges: [span(one), span(two), span(rest)],
    domainConfigs: [
      { domains: 'a.test', targetIPs: ['127.0.0.2', '127.0.0.3'], portRanges: [span(one)] },
      { domains: 'b.test', targetIP: '127.0.0.4', portRanges: [span(one), span(two)], allowedIPs: ['127.0.0.7'] },
    ],
  };
  await using started = await start(legacy);
  expect(started.proxy.getListeningPorts()).toEqual([from, one, two, rest]);
  const answers = [await ask(one), await ask(one), await ask(two), await ask(two, 'x', '127.0.0.7')];
  expect(answers).toEqual([`127.0.0.2:${one}`, `127.0.0.3:${one}`, '', `127.0.0.4:${two}`]);
  expect([await ask(rest), await ask(from)]).toEqual([`127.0.0.9:${origin.port}`, `127.0.0.9:${origin.port}`]);
});

tap.test('with names read, too, where no range says where', async () => {
  const [from = 0, one = 0, two = 0] = await freePorts(3);
  await using origin = await startEverywhereBut([one]);
  await using started = await start({
    fromPort: from,
    toPort: origin.port,
    sniEnabled: true,
    globalPortRanges: [
      { from: one, to: one },
      { from: two, to: two },
    ],
    domainConfigs: [
      { domains: 'a.test', targetIP: '127.0.0.2', portRanges: [{ from: one, to: one }] },
      { domains: 'b.test', targetIP: '127.0.0.3' },
    ],
  });
  expect(await ask(two, hello('b.test'))).toEqual(`127.0.0.3:${origin.port}`);
  expect(await ask(two, hello('a.test'))).toEqual(`127.0.0.2:${origin.port}`);
  expect(await ask(one, hello('b.test'))).toEqual(`127.0.0.2:${one}`);
  expect(started.proxy.getListeningPorts()).toHaveLength(3);
});

tap.test('forwardAllGlobalRanges leads every port to the same port of the one target', async () => {
  const [from = 0, one = 0, two = 0] = await freePorts(3);
  await using origin = await startEverywhereBut([one, two]);
  const ranges = [one, two].map((port) => ({ from: port, to: port }));
  const legacy = {
    fromPort: from,
    toPort: origin.port,
    targetIP: '127.0.0.8',
    globalPortRanges: ranges,
    forwardAllGlobalRanges: true,
    defaultAllowedIPs: ['127.0.0.1'],
  };
  await using started = await start(legacy);
  const answers = [await ask(one), await ask(two), await ask(from), await ask(two, 'x', '127.0.0.3')];
  expect(answers).toEqual([`127.0.0.8:${one}`, `127.0.0.8:${two}`, `127.0.0.8:${origin.port}`, '']);
  expect(started.proxy.getListeningPorts()).toHaveLength(3);
  const all = convertLegacyOptions({ ...legacy, fromPort: one });
  expect(all.routes.map(({ name }) => name)).toEqual(['all-ports']);
});

/** At 127.0.0.2 to .9 on these ports, of which the first is also `port`. */
async function startEverywhereBut(ports: readonly number[]): Promise<AsyncDisposable & { port: number }> {
  const origins = await Promise.all([
    startEverywhere(),
    ...ports.flatMap((port) => [2, 3, 4, 8, 9].map((last) => startAt(`127.0.0.${last}`, port))),
  ]);
  return {
    port: origins[0]?.port ?? 0,
    async [Symbol.asyncDispose]() {
      await Promise.all(origins.map((origin) => origin[Symbol.asyncDispose]()));
    },
  };
}

async function startAt(host: string, port: number): Promise<AsyncDisposable & { port: number }> {
  const server = net
    .createServer((socket) => void socket.once('data', () => socket.end(`${host}:${socket.localPort}`)))
    .listen(port, host);
  await once(server, 'listening');
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}

tap.test('domains say by a type what is done with them', async () => {
  const { cert, key, ca } = await makeCertificate({ names: ['a.test', 'b.test'] });
  const [from = 0, http = 0] = await freePorts(2);
  await using origin = await startOrigin((socket) => void socket.once('data', () => socket.end('inside')));
  const target = { host: '127.0.0.1', port: origin.port };
  await using _ = await start({
    fromPort: from,
    toPort: origin.port,
    targetIP: '127.0.0.1',
    acme: { port: http, email: 'ops@a.test' },
    defaultBlockedIPs: ['127.0.0.66'],
    domainConfigs: [
      {
        domains: ['a.test'],
        forwarding: {
          type: 'https-terminate-to-http',
          target,
          https: { customCert: { cert, key } },
          http: { redirectToHttps: true },
          security: { blockedIps: ['127.0.0.67'] },
        },
      },
      { domains: ['p.test'], forwarding: { type: 'https-passthrough', target } },
    ],
  });
  await using client = await connectTls(from, { servername: 'a.test', ca });
  client.send('\x01');
  expect((await client.end).toString()).toEqual('inside');
  expect(await ask(from, hello('p.test'))).toEqual('inside');
  const answer = await ask(http, 'GET /x?y HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 301 /);
  expect(answer).toContain(`https://a.test:${from}/x?y\r\n`);
  for (const localAddress of ['127.0.0.66', '127.0.0.67']) {
    await using refused = await connectTcp(from, { localAddress });
    refused.send(hello('a.test'));
    await refused.closed;
  }
});

tap.test('certificates are ordered as acme says', () => {
  const options = convertLegacyOptions({
    fromPort: 443,
    toPort: 80,
    acme: {
      accountEmail: 'ops@a.test',
      useProduction: true,
      port: 8080,
      renewThresholdDays: 20,
      certificateStore: 'kept',
    },
    domainConfigs: [
      { domains: 'a.test', forwarding: { type: 'https-terminate-to-http', target: { host: 'localhost', port: 80 } } },
    ],
  });
  expect(options.acme).toEqual({ email: 'ops@a.test', challengePort: 8080, useProduction: true, renewBeforeDays: 20 });
  expect(options.certificateStore).toEqual('kept');
  expect(options.routes[0]?.action).toEqual({
    type: 'forward',
    target: { host: 'localhost', port: 80 },
    tls: { mode: 'terminate', certificate: 'auto' },
  });
});

tap.test('the limits of connections are those of before', () => {
  const base = { fromPort: 1, toPort: 2 };
  expect(convertLegacyOptions({ ...base, socketTimeout: 5_000, inactivityTimeout: 9_000 }).inactivityTimeout).toEqual(
    5_000,
  );
  expect(convertLegacyOptions({ ...base, socketTimeout: 0, inactivityTimeout: 9_000 }).inactivityTimeout).toEqual(
    9_000,
  );
  expect(
    convertLegacyOptions({ ...base, inactivityTimeout: 5, disableInactivityCheck: true }).inactivityTimeout,
  ).toEqual(0);
  const same = {
    initialDataTimeout: 1,
    maxConnectionLifetime: 2,
    gracefulShutdownTimeout: 3,
    noDelay: false,
    keepAlive: false,
    keepAliveInitialDelay: 4_000,
    keepAliveTreatment: 'extended',
    keepAliveInactivityMultiplier: 5,
    maxConnectionsPerIP: 6,
    connectionRateLimitPerMinute: 7,
  } as const;
  const { routes, ...options } = convertLegacyOptions({ ...base, ...same });
  expect(options).toEqual(same);
  expect(routes).toHaveLength(1);
  const domain = { domains: 'a.test', connectionTimeout: 60_000 };
  const [named] = convertLegacyOptions({ ...base, sniEnabled: true, domainConfigs: [domain] }).routes;
  expect(named?.timeouts).toEqual({ maxConnectionLifetime: 60_000 });
});

tap.test('targets see the client where the kernel can forward', () => {
  const { routes } = convertLegacyOptions({ fromPort: 80, toPort: 8080, targetIP: '10.0.0.2', preserveSourceIP: true });
  expect(routes[0]?.action).toEqual({
    type: 'forward',
    target: { host: '10.0.0.2', port: 8080 },
    forwardingEngine: 'nftables',
    nftables: { preserveSourceIP: true },
  });
  const many = convertLegacyOptions({
    fromPort: 80,
    toPort: 8080,
    targetIP: '10.0.0.2',
    preserveSourceIP: true,
    defaultAllowedIPs: ['192.0.2.0/24'],
    globalPortRanges: [{ from: 9_000, to: 9_009 }],
    domainConfigs: [
      { domains: 'a.test', targetIPs: ['10.0.0.3', '10.0.0.4'], portRanges: [{ from: 9_000, to: 9_001 }] },
    ],
  });
  expect(many.routes.map(({ name, match }) => [name, match.ports])).toEqual([
    ['domain-0-ports', { from: 9_000, to: 9_001 }],
    ['default', [80, { from: 9_000, to: 9_009 }]],
  ]);
});

const faultsOf = (legacy: object): string[] => {
  try {
    convertLegacyOptions(legacy as ILegacyOptions);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path }) => path).sort();
    throw error;
  }
  return [];
};

tap.test('every fault is told at once, by its place in the older options', () => {
  expect(
    faultsOf({
      fromPort: 70_000,
      toPort: 0,
      targetIP: 'not a host',
      sniEnabled: 'yes',
      maxConnectionLifetime: -1,
      keepAliveTreatment: 'sometimes',
      defaultAllowedIPs: ['10.0.0.0/8', 'nonsense'],
      globalPortRanges: [{ from: 9, to: 5 }],
      useNetworkProxy: [443],
      typo: 1,
      domainConfigs: [
        {
          domains: ['{a,b}.test'],
          allowedIPs: ['*', 'x'],
          portRanges: [{ from: 1, to: 2 }],
          connectionTimeout: 'long',
        },
        { domains: [], targetIPs: ['a b'] },
        'a.test',
      ],
    }),
  ).toEqual(
    [
      'defaultAllowedIPs[1]',
      'domainConfigs[0].allowedIPs[1]',
      'domainConfigs[0].connectionTimeout',
      'domainConfigs[0].domains[0]',
      'domainConfigs[0].portRanges',
      'domainConfigs[1].domains',
      'domainConfigs[1].targetIPs[0]',
      'domainConfigs[2]',
      'fromPort',
      'globalPortRanges',
      'keepAliveTreatment',
      'maxConnectionLifetime',
      'sniEnabled',
      'targetIP',
      'toPort',
      'typo',
      'useNetworkProxy',
    ].sort(),
  );
  expect(faultsOf({})).toEqual(['fromPort', 'toPort']);
  expect(faultsOf(5 as never)).toEqual(['']);
});

tap.test('faults of what was made are told by what it was made of', () => {
  const base = { fromPort: 443, toPort: 8443 };
  const sni = { ...base, sniEnabled: true };
  expect(faultsOf({ ...sni, domainConfigs: [{ domains: ['a.test', '{b}.test'] }] })).toEqual([
    'domainConfigs[0].domains[1]',
  ]);
  expect(faultsOf({ ...sni, domainConfigs: [{ domain: 'a..test' }] })).toEqual(['domainConfigs[0].domain']);
  expect(faultsOf({ ...sni, domainConfigs: [{ domains: 'a.test', targetIPs: ['ok.test', 'a b'] }] })).toEqual([
    'domainConfigs[0].targetIPs[1]',
  ]);
  const lists = { allowedIPs: ['10.0.0.1'], blockedIPs: ['bad'] };
  expect(faultsOf({ ...sni, defaultBlockedIPs: ['worse'], domainConfigs: [{ domains: 'a.test', ...lists }] })).toEqual([
    'defaultBlockedIPs[0]',
    'domainConfigs[0].blockedIPs[0]',
  ]);
  const forwarding = { type: 'https-terminate-to-http', target: { host: 'a', port: 99_999 } };
  expect(faultsOf({ ...base, domainConfigs: [{ domains: ['a.test'], forwarding }] })).toEqual([
    'domainConfigs[0].forwarding.target.port',
  ]);
  const orders = { ...forwarding, target: { host: 'a', port: 80 } };
  expect(faultsOf({ ...base, domainConfigs: [{ domains: ['a.test'], forwarding: orders }] })).toEqual(['acme.email']);
});

tap.test('what did nothing, or does nothing any more, is a fault that says so', () => {
  const base = { fromPort: 443, toPort: 8443 };
  expect(faultsOf({ ...base, domainConfigs: [{ domains: 'a.test' }] })).toEqual(['domainConfigs[0].domains']);
  const preserved = { ...base, preserveSourceIP: true, targetIP: '10.0.0.1', sniEnabled: true };
  expect(faultsOf({ ...preserved, domainConfigs: [{ domains: 'a.test' }] })).toEqual(['preserveSourceIP']);
  const all = { ...base, globalPortRanges: [{ from: 1, to: 9 }], forwardAllGlobalRanges: true };
  const domain = { domains: 'a.test', portRanges: [{ from: 1, to: 2 }] };
  expect(faultsOf({ ...all, domainConfigs: [domain] })).toEqual(['domainConfigs[0].portRanges']);
  expect(faultsOf({ ...all, globalPortRanges: [] })).toEqual(['forwardAllGlobalRanges']);
  expect(faultsOf({ ...base, enableRandomizedTimeouts: true, certProvider: () => {} })).toEqual([
    'certProvider',
    'enableRandomizedTimeouts',
  ]);
  expect(faultsOf({ ...base, domains: [], domainConfigs: [] })).toEqual(['domainConfigs']);
});

tap.test('it shares nothing with what it was given', () => {
  const legacy: ILegacyOptions = { fromPort: 1, toPort: 2, defaultAllowedIPs: ['10.0.0.1'] };
  const before = structuredClone(legacy);
  const options = convertLegacyOptions(legacy);
  expect(legacy).toEqual(before);
  (legacy.defaultAllowedIPs as string[]).push('10.0.0.2');
  expect(options.routes[0]?.security?.ipAllowList).toEqual(['10.0.0.1']);
});

export default tap.start();
