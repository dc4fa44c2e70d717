// `smartproxy certs ...`: what a configuration's store of certificates holds, and orders without a proxy that runs.

import { CertificateDesk, type ICertificateStatus, type IDeskEntry, ProxyError } from '../index.js';
import * as plugins from '../plugins.js';
import { readConfigFile } from './config-file.js';
import { CommandError, type IHost } from './host.js';
import { makeLog } from './log.js';
import { printable } from './printable.js';
import { countOf } from './report.js';

export interface ICertsArguments {
  readonly config: string;
  readonly json?: boolean;
}

export async function certsList({ config, json = false }: ICertsArguments, host: IHost): Promise<void> {
  const entries = await (await openDesk(config)).list();
  if (json) return host.out(JSON.stringify(entries, null, 2));
  if (entries.length === 0) return host.out('no certificate is there, and no route wants one');
  for (const entry of entries) host.out(textOf(entry));
}

function textOf({ names, routes, issuer, serial, notAfter, lastError }: IDeskEntry): string {
  const wanted = routes.length === 0 ? 'no route wants it' : `for ${routes.join(', ')}`;
  const state = serial === null ? 'not there' : `${validity(notAfter)}, from ${issuer}, serial ${serial}`;
  const lines = [`${names.join(', ')} (${wanted}): ${state}`];
  if (lastError !== null) {
    const { class: kind, type, detail, at, attempts } = lastError;
    lines.push(
      `  last order failed on ${day(at)} (${kind}, ${type}, ${countOf(attempts, 'time')} in a row): ${detail}`,
    );
  }
  return printable(lines.join('\n'));
}

function validity(notAfter: number | null): string {
  if (notAfter === null) return 'not there';
  const days = Math.floor((notAfter - Date.now()) / 86_400_000);
  return days < 0 ? `expired on ${day(notAfter)}` : `valid until ${day(notAfter)} (${countOf(days, 'day')})`;
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export async function certsOrder(
  how: 'issue' | 'renew',
  name: string | undefined,
  { config, json = false }: ICertsArguments,
  host: IHost,
): Promise<void> {
  const desk = await openDesk(config);
  const statuses = await desk[how](name ?? null).catch((error: unknown) => {
    if (!(error instanceof ProxyError) || error.code !== 'LISTEN_FAILED') throw error;
    const running = 'is a proxy running there? It orders and renews its certificates by itself';
    throw new CommandError(2, `${error.message}; ${running}`);
  });
  if (json) host.out(JSON.stringify(statuses, null, 2));
  else for (const status of statuses) host.out(outcomeOf(status));
  if (!json && statuses.length === 0) host.out('nothing is missing or due');
  if (statuses.some(({ lastError }) => lastError !== null)) throw new CommandError(2);
}

function outcomeOf({ names, lastError, issuer, notAfter }: ICertificateStatus): string {
  const told = names.join(', ');
  if (lastError !== null) return printable(`${told}: not ordered: ${lastError.type}: ${lastError.detail}`);
  return printable(`${told}: ${validity(notAfter)}, from ${issuer}`);
}

export async function certsRevoke(
  name: string,
  { config, reason }: ICertsArguments & { reason?: string },
  host: IHost,
): Promise<void> {
  const number = reason === undefined ? undefined : Number(reason);
  if (number !== undefined && !(Number.isInteger(number) && number >= 0 && number <= 10)) {
    throw new CommandError(1, `--reason: want a number of RFC 5280, section 5.3.1, got ${JSON.stringify(reason)}`);
  }
  await (await openDesk(config)).revoke(name, number);
  host.out(`revoked the certificate for ${name}; the next order replaces it: smartproxy certs issue`);
}

export async function certsImport(
  certFile: string,
  keyFile: string,
  { config, json = false }: ICertsArguments,
  host: IHost,
) {
  const [cert, key] = await Promise.all([certFile, keyFile].map(readPem));
  const lists = await (await openDesk(config)).import(cert ?? '', key ?? '');
  host.out(
    json
      ? JSON.stringify({ imported: lists }, null, 2)
      : `imported for ${lists.map((names) => names.join(', ')).join('; ')}`,
  );
}

const readPem = (file: string): Promise<string> =>
  plugins.fs.promises.readFile(file, 'utf8').catch((error: Error) => {
    throw new CommandError(2, `cannot read ${file}: ${error.message}`);
  });

export async function certsRoot({ config }: ICertsArguments, host: IHost): Promise<void> {
  host.out((await (await openDesk(config)).root()).trimEnd());
}

async function openDesk(config: string): Promise<CertificateDesk> {
  const { options } = await readConfigFile(config);
  return new CertificateDesk({ logger: await makeLog('error'), ...options });
}
