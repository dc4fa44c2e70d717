// `smartproxy demo`: shows on this machine what the proxy does, with real connections, and checks what it shows.

import { formatExplanation, type IConnectionRecord, type IRouteConfig, SmartProxy } from '../index.js';
import { loadDefaultCertificatesAsync } from '../utils.js';
import { httpRoutes, showHttp } from './demo-http.js';
import { startHttpOrigin } from './demo-http-world.js';
import { aligned, countsText, failed, indented, ms } from './demo-text.js';
import {
  host as address,
  type IOrigin,
  type IVisit,
  startPlainOrigin,
  startTlsOrigin,
  visitByTls,
  visitPlainly,
} from './demo-world.js';
import type { IHost } from './host.js';

/**
 * `lineOf`: what an origin answers.
 * @throws CommandError if anything is not as it should be
 */
export async function demo(
  { keep = false }: { readonly keep?: boolean },
  host: IHost,
  lineOf: (name: string) => string = greeting,
): Promise<void> {
  const identity = await loadDefaultCertificatesAsync((message) => host.out(`Note: ${message}.\n`));
  const origins: IOrigin[] = [];
  try {
    for (const name of ['apple', 'pear']) origins.push(await startTlsOrigin(name, lineOf(name), identity));
    origins.push(await startPlainOrigin('plain', lineOf('plain')));
    const byBytes = origins.map(routeTo);
    const shop = await startHttpOrigin('shop', lineOf('shop'));
    origins.push(shop);
    await using proxy = new SmartProxy({
      listenAddress: address,
      routes: [...byBytes, ...httpRoutes(shop, identity)],
      gracefulShutdownTimeout: 0,
    });
    await proxy.start();
    const [port = 0] = proxy.getListeningPorts();
    const visits: readonly IAsked[] = [
      { client: 'TLS, asks for apple.test', name: 'apple', visit: () => visitByTls(port, 'apple.test', identity) },
      { client: 'TLS, asks for pear.test', name: 'pear', visit: () => visitByTls(port, 'pear.test', identity) },
      { client: 'plain TCP', name: 'plain', visit: () => visitPlainly(port) },
    ];
    await show({ proxy, port, visits, host });
    const ended = endsOf(proxy);
    await ended.by(await showHttp({ proxy, port, origin: shop, identity, host, line: greeting('shop') }));
    host.out('\nWhat the proxy counted:\n');
    host.out(indented(counted(proxy, visits.length + 1)));
    if (keep) await stay(port, host);
  } finally {
    await Promise.all(origins.map((origin) => origin.close()));
  }
}

const greeting = (name: string): string => `hello from ${name}`;

interface IAsked {
  /** For people. */
  readonly client: string;
  /** Of the route that must take it, and of the origin that must answer. */
  readonly name: string;
  readonly visit: () => Promise<IVisit>;
}

/** All three share one port, and the first bytes of a connection decide. */
function routeTo({ name, port }: IOrigin): IRouteConfig {
  const target = { host: address, port };
  if (name === 'plain') return { name, match: { ports: 0, protocol: 'other' }, action: { type: 'forward', target } };
  return {
    name,
    match: { ports: 0, domains: `${name}.test` },
    action: { type: 'forward', target, tls: { mode: 'passthrough' } },
  };
}

interface IShow {
  readonly proxy: SmartProxy;
  readonly port: number;
  readonly visits: readonly IAsked[];
  readonly host: IHost;
}

async function show({ proxy, port, visits, host }: IShow): Promise<void> {
  host.out(`\nA proxy listens on ${address}:${port}. Three clients connect to that one port:\n`);
  const rows: string[][] = [['client', 'route', 'target', 'the client gets']];
  for (const asked of visits) rows.push(await row(proxy, asked));
  for (const line of aligned(rows)) host.out(`  ${line}`);
  host.out('\nTLS went through untouched: it ends at the origins, and the proxy has read the ClientHello alone.');
  host.out('\nWhy the second one went where it went, by `smartproxy explain`:\n');
  host.out(indented(formatExplanation(proxy.explain({ port, clientIp: address, domain: 'pear.test' }))));
}

/** Connects, and tells it as the proxy's own record has it. */
async function row(proxy: SmartProxy, { client, name, visit }: IAsked): Promise<string[]> {
  const ended = endsOf(proxy);
  const { reply, clientPort } = await visit().catch((error: Error) => {
    throw failed(`${client}: ${error.message}`);
  });
  const record = await ended.by(clientPort);
  if (reply !== greeting(name) || record.route !== name) {
    throw failed(`${client}: want ${name}, got ${JSON.stringify(reply)} by the route ${record.route}`);
  }
  return [client, name, `${record.target?.host}:${record.target?.port}`, `"${reply}"`];
}

/** Listens for ends from now on, since a connection may end before it is asked about. */
function endsOf(proxy: SmartProxy) {
  const ended: IConnectionRecord[] = [];
  let wake = (): void => {};
  const hear = (record: IConnectionRecord): void => {
    ended.push(record);
    wake();
  };
  proxy.on('connection-end', hear);
  return {
    by: (clientPort: number): Promise<IConnectionRecord> =>
      new Promise((resolve) => {
        wake = () => {
          const record = ended.find((each) => each.clientPort === clientPort);
          if (record === undefined) return;
          proxy.off('connection-end', hear);
          resolve(record);
        };
        wake();
      }),
  };
}

function counted(proxy: SmartProxy, want: number): string {
  const { connections, requests, totals, ends, percentiles } = proxy.getMetrics();
  if (connections.total !== want || connections.active !== 0) {
    throw failed(`want ${want} connections, all ended, got ${connections.total}, of which ${connections.active} live`);
  }
  return aligned([
    ['connections', `${connections.total}, ${connections.active} open`],
    ['bytes', `${totals.bytesIn} from clients, ${totals.bytesOut} to them`],
    ['ended by', countsText(Object.entries(ends))],
    ['requests', `${requests.total}, by status: ${countsText(requests.byStatus())}`],
    ['duration', `of requests p50 ${ms(percentiles.requestDuration.p50)}, p99 ${ms(percentiles.requestDuration.p99)}`],
  ]).join('\n');
}

async function stay(port: number, host: IHost): Promise<void> {
  // Before anybody is told that it ends by a signal.
  const ended = new Promise<void>((resolve) => {
    const done = () => {
      host.signals.off('SIGINT', done);
      host.signals.off('SIGTERM', done);
      resolve();
    };
    host.signals.on('SIGINT', done);
    host.signals.on('SIGTERM', done);
  });
  host.out('\nTry it by hand; Ctrl-C ends it:\n');
  host.out(indented(`curl --insecure --connect-to ::${address}:${port} https://apple.test/`));
  host.out(indented(`echo GET / | openssl s_client -quiet -connect ${address}:${port} -servername pear.test`));
  host.out(indented(`echo hello | nc ${address} ${port}`));
  host.out(indented(`curl --insecure --connect-to ::${address}:${port} https://shop.test/hello/you`));
  await ended;
}
