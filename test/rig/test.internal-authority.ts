// Programs that know nothing of us trust the sites of the proxy's own authority once they trust its root, and not before.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CertificateDesk } from '../../ts/index.js';
import { needs, pathOf } from '../helpers/debian.js';
import { makeFolder } from '../helpers/make-folder.js';
import { runProcess } from '../helpers/rig-process.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

/** A site with a certificate of its own authority, and a folder with the root in it. */
async function startSite() {
  const folder = await makeFolder();
  const certificateStore = join(folder.path, 'certs');
  const options = {
    certificateStore,
    routes: [
      {
        name: 'site',
        match: { ports: 0, domains: ['a.test', '*.a.test'] },
        action: {
          type: 'respond',
          respond: { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>trusted, and served</p>' },
          tls: { mode: 'terminate', certificate: 'internal', names: ['127.0.0.1', '::1'] },
        },
      },
    ],
  } as const;
  const started = await startProxy({ ...options, settleMs: 10_000 });
  const root = join(folder.path, 'root.pem');
  await writeFile(root, await new CertificateDesk(options).root());
  return {
    ...{ root, path: folder.path, port: started.port },
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

needs('openssl', 'curl')('openssl and curl accept names, wildcards and addresses by the root alone', async () => {
  await using site = await startSite();
  const { port, root } = site;
  const strict = ['-verify_return_error', '-x509_strict', '-CAfile', root, '-brief', '-connect', `127.0.0.1:${port}`];
  for (const name of ['a.test', 'b.a.test']) {
    const args = ['s_client', ...strict, '-servername', name, '-verify_hostname', name, '-alpn', 'http/1.1'];
    expect(await runProcess('openssl', args)).toContain('Verification: OK');
    const where = ['--resolve', `${name}:${port}:127.0.0.1`, `https://${name}:${port}/`];
    expect(await runProcess(pathOf('curl'), ['-sS', '--cacert', root, ...where])).toContain('trusted, and served');
    await expect(runProcess(pathOf('curl'), ['-sS', ...where])).rejects.toThrow(/ended with 60/);
  }
});

needs('chromium', 'certutil')('Chromium opens a site once the root is trusted, and not before', async () => {
  await using site = await startSite();
  const database = join(site.path, '.pki', 'nssdb');
  await mkdir(database, { recursive: true });
  const certutil = (...args: string[]) => runProcess(pathOf('certutil'), ['-d', `sql:${database}`, ...args]);
  await certutil('-N', '--empty-password');
  const visit = (profile: string) =>
    runProcess(
      'chromium',
      [
        ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...['--disable-breakpad', '--disable-background-networking', '--disable-component-update', '--no-proxy-server'],
        ...[`--user-data-dir=${join(site.path, profile)}`, '--dump-dom', '--timeout=15000'],
        `--host-resolver-rules=MAP * 127.0.0.1:${site.port}`,
        'https://b.a.test/',
      ],
      { env: { ...process.env, HOME: site.path }, withinMs: 40_000 },
    );
  expect(await visit('stranger')).not.toContain('<p>trusted, and served</p>');
  await certutil('-A', '-n', 'the proxy', '-t', 'C,,', '-i', site.root);
  expect(await visit('friend')).toContain('<p>trusted, and served</p>');
});

export default tap.start();
