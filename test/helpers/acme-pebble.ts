// Pebble, Let's Encrypt's authority for tests, on loopback: strict, with real validation, refusing every other nonce.

import { writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { env } from 'node:process';
import { type IAcmeDns, startAcmeDns } from './acme-dns.js';
import { makeCertificate } from './certificates.js';
import { pathOf } from './debian.js';
import { freePorts } from './free-port.js';
import { makeFolder } from './make-folder.js';
import { accepts, type IProcess, startProcess } from './rig-process.js';

export interface IPebbleWish {
  /** Where it looks for answers; free ports that nobody listens on, if left out. */
  readonly httpPort?: number;
  readonly tlsPort?: number;
  /** Of the nonces that it is given, which share it refuses; 50. */
  readonly noncePercent?: number;
  /** Of authorizations, which share is valid from the start when there was one before; 0. */
  readonly reusePercent?: number;
  /** Of certificates; 90 days. */
  readonly validitySeconds?: number;
  /** Accounts need one of these: ids, each with its key in base64url. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
  /** Names that it will not give certificates for. */
  readonly blocked?: readonly string[];
  /** How many more chains there are besides the first one; 0. */
  readonly alternateRoots?: number;
}

export interface IPebble extends AsyncDisposable {
  readonly directoryUrl: string;
  /** PEM of the authority that its own endpoint's certificate is from. */
  readonly ca: string;
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly dns: IAcmeDns;
  readonly process: IProcess;
  /** PEM of the root that the nth chain ends in, which is new each time Pebble starts. */
  root(n?: number): Promise<string>;
}

/** Needs `pebble` and `pebble-challtestsrv`. */
export async function startPebble(wish: IPebbleWish = {}): Promise<IPebble> {
  for (let tries = 1; ; tries++) {
    try {
      return await start(wish);
    } catch (error) {
      // One of the ports was taken between choosing and using it.
      if (tries === 3 || !/address already in use/.test(`${error}`)) throw error;
    }
  }
}

async function start(wish: IPebbleWish): Promise<IPebble> {
  const [port = 0, managementPort = 0, dnsPort = 0, dnsManagementPort = 0, http = 0, tls = 0] = await freePorts(6);
  const { httpPort = http, tlsPort = tls } = wish;
  const endpoint = await makeCertificate({ names: ['localhost'], ips: ['127.0.0.1'], authority: 'pebble' });
  const parts: AsyncDisposable[] = [];
  const stop = async () => {
    for (const part of parts.reverse().splice(0)) await part[Symbol.asyncDispose]();
  };
  try {
    const folder = await makeFolder();
    parts.push(folder);
    const dns = await startAcmeDns(dnsPort, dnsManagementPort);
    parts.push(dns);
    const ports = { port, managementPort, httpPort, tlsPort };
    const config = await writeFiles(folder.path, endpoint, configOf(wish, ports));
    const process = await startProcess(pathOf('pebble'), ['-config', config, '-strict', '-dnsserver', dns.address], {
      cwd: folder.path,
      env: { ...env, ...settingsOf(wish) },
      ready: async () => (await accepts(port)()) && (await accepts(managementPort)()),
    });
    parts.push(process);
    return {
      directoryUrl: `https://127.0.0.1:${port}/dir`,
      ca: endpoint.ca,
      httpPort,
      tlsPort,
      dns,
      process,
      root: (n = 0) => download(`https://127.0.0.1:${managementPort}/roots/${n}`, endpoint.ca),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const settingsOf = ({ noncePercent = 50, reusePercent = 0, alternateRoots = 0 }: IPebbleWish) => ({
  PEBBLE_VA_NOSLEEP: '1',
  PEBBLE_VA_ALWAYS_VALID: '0',
  PEBBLE_WFE_NONCEREJECT: String(noncePercent),
  PEBBLE_AUTHZREUSE: String(reusePercent),
  PEBBLE_ALTERNATE_ROOTS: String(alternateRoots),
});

interface IPorts {
  readonly port: number;
  readonly managementPort: number;
  readonly httpPort: number;
  readonly tlsPort: number;
}

const configOf = (wish: IPebbleWish, { port, managementPort, httpPort, tlsPort }: IPorts) => ({
  pebble: {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: 'cert.pem',
    privateKey: 'key.pem',
    httpPort,
    tlsPort,
    externalAccountBindingRequired: wish.externalAccounts !== undefined,
    externalAccountMACKeys: wish.externalAccounts ?? {},
    certificateValidityPeriod: wish.validitySeconds ?? 90 * 86_400,
    domainBlocklist: wish.blocked ?? [],
  },
});

/** Resolves to the configuration's file. */
async function writeFiles(folder: string, { cert, key }: { cert: string; key: string }, config: object) {
  const file = join(folder, 'pebble.json');
  await Promise.all([
    writeFile(join(folder, 'cert.pem'), cert),
    writeFile(join(folder, 'key.pem'), key),
    writeFile(file, JSON.stringify(config)),
  ]);
  return file;
}

function download(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { ca, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('error', reject).on('end', () => resolve(text));
    });
    asked.on('error', reject);
  });
}
