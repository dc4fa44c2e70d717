// TLS that real servers terminate behind us, asked for by real clients.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificate } from '../helpers/certificates.js';
import { needs } from '../helpers/debian.js';
import { makeFolder } from '../helpers/make-folder.js';
import { closedPort } from '../helpers/origins.js';
import { runProcess } from '../helpers/rig-process.js';
import { nginxHttpFolders, startNginx } from '../helpers/rig-servers.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const names = ['a.test', 'b.test', 'deep.c.test'];

/** One TLS server for each name, each with a port and a certificate of its own. */
async function startWorld() {
  const ports: number[] = [];
  for (const _ of names) ports.push(await closedPort());
  const certificates = await Promise.all(names.map((name) => makeCertificate({ names: [name] })));
  const files = Object.fromEntries(
    names.flatMap((name, i) => [
      [`${name}.pem`, certificates[i]?.cert ?? ''],
      [`${name}.key`, certificates[i]?.key ?? ''],
    ]),
  );
  const servers = names.map(
    (name, i) => `server {
      listen 127.0.0.1:${ports[i]} ssl http2;
      ssl_certificate FOLDER/${name}.pem; ssl_certificate_key FOLDER/${name}.key;
      location / { return 200 "${name} $ssl_server_name $ssl_protocol $server_protocol"; }
    }`,
  );
  const http = `http { access_log off; ssl_protocols TLSv1.2 TLSv1.3; ${nginxHttpFolders} ${servers.join('\n')} }`;
  const nginx = await startNginx(http, { port: ports.at(-1) ?? 0, files });
  return { nginx, ports, ca: certificates[0]?.ca ?? '' };
}

needs(
  'nginx',
  'curl',
  'openssl',
)('each name reaches the server whose certificate it shows', async () => {
  const { nginx, ports, ca } = await startWorld();
  await using _nginx = nginx;
  await using folder = await makeFolder();
  const caFile = join(folder.path, 'ca.pem');
  await writeFile(caFile, ca);
  const domains = ['a.test', 'b.test', '*.c.test'];
  await using started = await startProxy({
    routes: domains.map((domain, i) => ({
      name: domain,
      match: { ports: 0, domains: domain },
      action: {
        type: 'forward',
        target: { host: '127.0.0.1', port: ports[i] ?? 0 },
        tls: { mode: 'passthrough' },
      },
    })),
  });
  for (const name of names) {
    for (const [tls, told] of [
      ['1.2', 'TLSv1.2'],
      ['1.3', 'TLSv1.3'],
    ] as const) {
      const answer = await ask(name, started.port, caFile, ['--tls-max', tls, '--http1.1']);
      expect(answer).toEqual(`${name} ${name} ${told} HTTP/1.1`);
    }
    expect(await ask(name, started.port, caFile, ['--http2'])).toEqual(`${name} ${name} TLSv1.3 HTTP/2.0`);
  }
  let refusal = '';
  await ask('unknown.test', started.port, caFile, []).catch((error: Error) => {
    refusal = error.message;
  });
  expect(refusal).toMatch(/ended with (35|56)/);
  const ends = await started.ends(10);
  expect(ends.filter((end) => end === 'no_route')).toHaveLength(1);
  expect(ends.filter((end) => end === 'client_closed' || end === 'target_closed')).toHaveLength(9);
});

async function ask(name: string, port: number, caFile: string, options: readonly string[]): Promise<string> {
  const common = ['--silent', '--show-error', '--noproxy', '*', '--cacert', caFile];
  const where = ['--resolve', `${name}:${port}:127.0.0.1`, `https://${name}:${port}/`];
  return await runProcess('curl', [...common, ...options, ...where]);
}

export default tap.start();
