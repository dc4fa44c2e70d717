// Certificates made at test time by the openssl program, signed by authorities that live as long as the test process.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ICertificateWish {
  /** Host names, wildcards included; the first is the common name. */
  readonly names: readonly string[];
  readonly ips?: readonly string[];
  /** P-256 unless said otherwise. */
  readonly keyType?: 'ec' | 'rsa' | 'ed25519';
  /** Days until it expires; 30. */
  readonly days?: number;
  /** Which authority signs: certificates of one word trust each other, those of another word are strangers. */
  readonly authority?: string;
}

/** All three in PEM. The certificate serves for both ends of a connection. */
export interface ICertificate {
  readonly cert: string;
  readonly key: string;
  /** The certificate of the authority that signed it. */
  readonly ca: string;
}

interface IPair {
  readonly cert: string;
  readonly key: string;
}

const authorities = new Map<string, Promise<IPair>>();
const made = new Map<string, Promise<ICertificate>>();

/** Makes a certificate, or gives the one that was made in this process for the same wish. */
export function makeCertificate(wish: ICertificateWish): Promise<ICertificate> {
  const id = JSON.stringify([wish.names, wish.ips, wish.keyType, wish.days, wish.authority]);
  return remember(made, id, () => issue(wish));
}

async function issue({ names, ips = [], keyType = 'ec', days = 30, authority = 'test' }: ICertificateWish) {
  const ca = await remember(authorities, authority, () => issueAuthority(authority));
  const alternatives = [...names.map((name) => `DNS:${name}`), ...ips.map((ip) => `IP:${ip}`)].join(',');
  if (alternatives === '') throw new Error('a certificate needs a name or an address');
  const { cert, key } = await inScratch(async (folder) => {
    const [caCert, caKey] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
    await Promise.all([writePrivate(caCert, ca.cert), writePrivate(caKey, ca.key)]);
    return request(folder, [
      ...['-CA', caCert, '-CAkey', caKey, '-days', String(days), ...keyOptions[keyType]],
      ...['-subj', `/CN=${(names[0] ?? ips[0] ?? '').slice(0, 64)}`],
      ...['-addext', `subjectAltName=${alternatives}`],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
      ...['-addext', 'keyUsage=critical,digitalSignature'],
      ...['-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
    ]);
  });
  return { cert, key, ca: ca.cert };
}

const issueAuthority = (name: string): Promise<IPair> =>
  inScratch((folder) =>
    request(folder, [
      ...['-days', '30', ...keyOptions.ec, '-subj', `/CN=authority ${name}`],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]),
  );

const keyOptions = {
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  rsa: ['-newkey', 'rsa:2048'],
  ed25519: ['-newkey', 'ed25519'],
};

async function request(folder: string, options: readonly string[]): Promise<IPair> {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await run('openssl', ['req', '-x509', '-nodes', '-sha256', '-keyout', key, '-out', cert, ...options]);
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}

const writePrivate = (path: string, text: string): Promise<void> => writeFile(path, text, { mode: 0o600 });

async function inScratch<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'smartproxy-certificate-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One promise a key: whoever asks while it is being made gets the same one. */
function remember<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = map.get(key);
  if (known) return known;
  const fresh = make();
  map.set(key, fresh);
  fresh.catch(() => map.delete(key));
  return fresh;
}
