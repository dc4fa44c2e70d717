// Eight processes, one store, twenty names: each name is ordered once, and all processes serve all of them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startPebble } from '../helpers/acme-pebble.js';
import type { ISharedWish } from '../helpers/acme-shared-child.js';
import { needs } from '../helpers/debian.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, long, tap } from '../helpers/tapbundle.js';
import { moduleUrl, nodeArgs } from '../helpers/this-run.js';

tap.timeout(150_000);
const test = needs('pebble', 'pebble-challtestsrv');
/** Processes at a time. */
const count = long ? 8 : 5;
const child = fileURLToPath(moduleUrl('test/helpers/acme-shared-child.ts'));

async function run(wish: ISharedWish): Promise<string> {
  const running = spawn(process.execPath, [...nodeArgs, child, JSON.stringify(wish)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  running.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  const [code, signal] = await once(running, 'close');
  return `${out.trim()}, ended with ${signal ?? code}`;
}

test('processes on one store order each of twenty names once, and all of them serve it', async () => {
  await using pebble = await startPebble();
  await using folder = await makeFolder();
  const wish = {
    acme: { email: null, directoryUrl: pebble.directoryUrl, directoryCa: pebble.ca },
    folder: folder.path,
    names: Array.from({ length: 20 }, (_, n) => `n${n}.proxy.test`),
    managementPort: pebble.dns.managementPort,
  };
  const told = await Promise.all(Array.from({ length: count }, () => run(wish)));
  expect(told).toEqual(Array.from({ length: count }, () => '20 certificates, ended with 0'));
  const issued = pebble.process.output().match(/Issued certificate serial/g) ?? [];
  expect(issued).toHaveLength(20);
});

export default tap.start();
