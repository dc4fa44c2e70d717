// Caddy's authority, made by other people than Pebble. It looks for answers on ports 80 and 443 and nowhere else, so it
// runs in a network of its own, together with the script that orders from it.

import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { env } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { locate, needs, pathOf } from './debian.js';
import { makeFolder } from './make-folder.js';
import { runProcess } from './rig-process.js';
import { tap } from './tapbundle.js';
import { moduleUrl, nodeArgs } from './this-run.js';

/** What the script finds in its environment: the directory, and the file with the authority that it is trusted by. */
export const caddyDirectory = 'https://localhost:24100/acme/local/directory';
const caddyRootVariable = 'SMARTPROXY_TEST_CADDY_ROOT';
/** Where the script starts the name server that Caddy asks: ports of names and of management. */
export const caddyDnsPorts = [53, 24055] as const;

/** `tap.test` where a network of one's own can be had, else a stand-in that skips and says why. */
export function besideCaddy(): typeof tap.test {
  const unshare = locate('unshare');
  const isAllowed = unshare !== null && spawnSync(unshare, ['--net', '--mount', 'true']).status === 0;
  if (isAllowed) return needs('caddy', 'ip', 'pebble-challtestsrv', 'unshare');
  return (title, body) => tap.skip.test(`${title} [no right to make a network of its own]`, body);
}

/**
 * Runs a script of ours, named from the root, beside Caddy and resolves to what it wrote; rejects unless it ends with 0. For the
 * tests that `besideCaddy` adds.
 */
export async function runBesideCaddy(script: string, withinMs = 60_000): Promise<string> {
  await using folder = await makeFolder();
  const file = (name: string) => join(folder.path, name);
  await writeFile(file('Caddyfile'), caddyfile.replaceAll('FOLDER', folder.path));
  await writeFile(file('resolv.conf'), 'nameserver 127.0.0.1\n');
  const node = [process.execPath, ...nodeArgs, fileURLToPath(moduleUrl(script))].map((word) => `"${word}"`).join(' ');
  const steps = `
    ${pathOf('ip')} link set lo up
    mount --bind ${file('resolv.conf')} "$(readlink -f /etc/resolv.conf)"
    ${pathOf('caddy')} run --config ${file('Caddyfile')} --adapter caddyfile >${file('caddy.log')} 2>&1 &
    caddy=$!
    trap 'kill $caddy' EXIT
    ${node} || { tail -n 40 ${file('caddy.log')}; exit 1; }`;
  const homes = { HOME: folder.path, XDG_CONFIG_HOME: folder.path, XDG_DATA_HOME: folder.path };
  const root = file('data/pki/authorities/local/root.crt');
  return await runProcess(pathOf('unshare'), ['--net', '--mount', 'sh', '-euc', steps], {
    withinMs,
    env: { ...env, ...homes, [caddyRootVariable]: root },
  });
}

/** For the script: the certificate that Caddy's authority is trusted by, as soon as it answers. */
export async function rootOfCaddy(): Promise<string> {
  for (;;) {
    const ca = await readFile(env[caddyRootVariable] ?? '', 'utf8').catch(() => '');
    if (ca.endsWith('-----END CERTIFICATE-----\n') && (await answers(ca))) return ca;
    await sleep(20);
  }
}

const answers = (ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get(caddyDirectory, { ca, agent: false }, (response) => {
      resolve(response.resume().statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });

const caddyfile = `{
  admin off
  auto_https disable_redirects
  skip_install_trust
  storage file_system FOLDER/data
}
https://localhost:24100 {
  bind 127.0.0.1
  tls internal
  acme_server {
    ca local
  }
}
`;
