// A whole proxy whose certificates Pebble gives, on both families of loopback: authorities come by either.

import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { IAcmeOptions, ICertificateEvent, IRouteConfig, ISmartProxyOptions } from '../../ts/index.js';
import { SmartProxy } from '../../ts/index.js';
import { type IPebble, type IPebbleWish, startPebble } from './acme-pebble.js';
import { pathOf } from './debian.js';
import { freePorts } from './free-port.js';
import { makeFolder } from './make-folder.js';
import { runProcess } from './rig-process.js';
import { until } from './until.js';

export interface IAcmeProxyWorld extends AsyncDisposable {
  readonly pebble: IPebble;
  readonly tlsPort: number;
  readonly httpPort: number;
  /** Where the store is. */
  readonly folder: string;
  /** Settings that lead to this authority. */
  readonly acme: IAcmeOptions;
  /** Starts a proxy; the world stops it. */
  start(options: Partial<ISmartProxyOptions>): Promise<IAcmeProxy>;
  /** What curl gets for a name, by the root that Pebble has now. */
  curl(name: string): Promise<string>;
}

export interface IAcmeProxy {
  readonly proxy: SmartProxy;
  readonly events: readonly ICertificateEvent[];
  kinds(name: string): string[];
  /** Resolves when there is a certificate for each of these names. */
  issued(...names: string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startAcmeProxyWorld(wish: IPebbleWish = {}): Promise<IAcmeProxyWorld> {
  const [tlsPort = 0, httpPort = 0] = await freePorts(2);
  const folder = await makeFolder();
  const pebble = await startPebble({ httpPort, tlsPort, ...wish });
  const started: IAcmeProxy[] = [];
  const acme = {
    email: 'ops@shop.test',
    directoryUrl: pebble.directoryUrl,
    directoryCa: pebble.ca,
    challengePort: httpPort,
  };
  return {
    ...{ pebble, tlsPort, httpPort, acme, folder: join(folder.path, 'certs') },
    async start(options) {
      const proxy = await startOne({ certificateStore: join(folder.path, 'certs'), routes: [], ...options });
      started.push(proxy);
      return proxy;
    },
    async curl(name) {
      const root = join(folder.path, 'root.pem');
      await writeFile(root, await pebble.root());
      const host = name.includes(':') ? `[${name}]` : name;
      const where = ['--resolve', `${name}:${tlsPort}:127.0.0.1`];
      const args = ['-sS', '--max-time', '10', '--cacert', root, ...where, `https://${host}:${tlsPort}/`];
      return await runProcess(pathOf('curl'), args);
    },
    async [Symbol.asyncDispose]() {
      for (const { stop } of started) await stop();
      await pebble[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function startOne(options: ISmartProxyOptions): Promise<IAcmeProxy> {
  const proxy = new SmartProxy(options);
  const events: ICertificateEvent[] = [];
  proxy.on('certificate', (event) => void events.push(event));
  const errors: Error[] = [];
  proxy.on('error', (error) => void errors.push(error));
  await proxy.start();
  const kinds = (name: string) => events.filter(({ names }) => names.includes(name)).map(({ kind }) => kind);
  const lacking = (names: readonly string[]) => {
    const there = new Set(proxy.certificates.status().flatMap((one) => (one.serial === null ? [] : one.names)));
    return names.filter((name) => !there.has(name));
  };
  return {
    ...{ proxy, events, kinds },
    issued: (...names) =>
      until(
        () => lacking(names).length === 0,
        40_000,
        () =>
          `${lacking(names)}: ${JSON.stringify([errors, proxy.certificates.status().map(({ lastError }) => lastError)])}`,
      ),
    stop: () => proxy.stop({ graceMs: 0 }),
  };
}

/** Answers `hello from <name>` behind TLS with certificates that are ordered. */
export const makeShopRoute = (
  ports: number,
  domains: string | readonly string[],
  { name = 'shop', acme, names }: { name?: string; acme?: IAcmeOptions; names?: readonly string[] } = {},
): IRouteConfig => ({
  name,
  match: { ports, ...(domains.length === 0 ? {} : { domains }) },
  action: {
    type: 'respond',
    respond: { status: 200, body: 'hello from the shop' },
    tls: {
      mode: 'terminate',
      certificate: 'auto',
      ...(acme === undefined ? {} : { acme }),
      ...(names === undefined ? {} : { names }),
    },
  },
});

/** The certificate that a new client is shown; null: none. */
export function certificateAt(port: number, servername: string, host = '127.0.0.1'): Promise<X509Certificate | null> {
  return new Promise((resolve) => {
    const named = servername === '' ? {} : { servername };
    const socket = connect({ port, host, ...named, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }, () => {
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      resolve(new X509Certificate(raw));
    });
    socket.on('error', () => resolve(null));
  });
}
