// What testssl.sh says of a route that terminates TLS with default settings: nothing of medium severity or worse.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../helpers/certificates.js';
import { needs, pathOf } from '../helpers/debian.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpsRoute } from '../helpers/http-routes.js';
import { startProcess } from '../helpers/rig-process.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, long, tap } from '../helpers/tapbundle.js';

const test = needs('testssl');
tap.timeout(long ? 900_000 : 150_000);

interface IFinding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** Protocols and each weakness with a name; the long form adds kinds of ciphers, preferences, certificate, curves, oddities. */
const checks = ['-p', '-U', ...(long ? ['-s', '-P', '-S', '-f', '-g'] : [])];
/** The certificates of tests are revoked by nobody, and their authority is in no list of the machine. */
const ofTheTest = /^cert_(revocation|chain_of_trust)/;
const weaknesses = [
  ...['heartbleed', 'CCS', 'ticketbleed', 'ROBOT', 'secure_renego', 'secure_client_renego', 'CRIME_TLS', 'BREACH'],
  ...['POODLE_SSL', 'fallback_SCSV', 'SWEET32', 'FREAK', 'DROWN', 'LOGJAM', 'BEAST', 'RC4'],
];

async function findingsOf(port: number, ca: string): Promise<readonly IFinding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'smartproxy-testssl-'));
  try {
    const [file, authority] = [join(folder, 'findings.json'), join(folder, 'ca.pem')];
    await writeFile(authority, ca);
    const quiet = ['--quiet', '--warnings', 'batch', '--color', '0', '--nodns', 'none', '--ip', '127.0.0.1'];
    const files = ['--jsonfile', file, '--add-ca', authority];
    const args = [pathOf('testssl'), ...quiet, ...files, ...checks, `a.test:${port}`];
    await using running = await startProcess('bash', args);
    await running.ended;
    return JSON.parse(await readFile(file, 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('testssl.sh finds nothing of medium severity or worse in the default settings of TLS', async (t) => {
  const certificate = await makeCertificate({ names: ['a.test'], days: 90 });
  await using origin = await startHttpOrigin((_request, response) => response.end('ok'));
  await using proxy = await startProxy({ routes: [makeHttpsRoute(origin.port, certificate)] });
  const findings = await findingsOf(proxy.port, certificate.ca);
  t.diagnostic(`${findings.length} findings`);
  const isBad = ({ id, severity }: IFinding) => /^(MEDIUM|HIGH|CRITICAL|FATAL)$/.test(severity) && !ofTheTest.test(id);
  expect(findings.filter(isBad).map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`)).toEqual([]);
  // It did look.
  const of = (id: string) => findings.find((one) => one.id === id);
  expect(weaknesses.filter((id) => of(id)?.severity !== 'OK')).toEqual([]);
  const versions = ['SSLv2', 'SSLv3', 'TLS1', 'TLS1_1'].map((id) => of(id)?.finding);
  expect(versions).toEqual(versions.map(() => 'not offered'));
  expect([of('TLS1_2')?.finding, of('TLS1_3')?.severity]).toEqual(['offered', 'OK']);
});

export default tap.start();
