// Proxies that are killed in the middle of an order: the next one has the certificate, and nothing was bought twice.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '../../ts/base/clock.js';
import { needIdOf } from '../../ts/certs/manager/kept.js';
import { slotOf } from '../../ts/certs/manager/slots.js';
import { FileCertStore, type ILogger } from '../../ts/index.js';
import type { ICrashWish } from '../helpers/acme-crash-child.js';
import { type IAcmeProxyWorld, startAcmeProxyWorld } from '../helpers/acme-proxy.js';
import { needs } from '../helpers/debian.js';
import { expect, long, tap } from '../helpers/tapbundle.js';
import { moduleUrl, nodeArgs } from '../helpers/this-run.js';

tap.timeout(long ? 1_200_000 : 120_000);
const test = needs('pebble', 'pebble-challtestsrv');
const child = fileURLToPath(moduleUrl('test/helpers/acme-crash-child.ts'));

/** Runs to its end: how it ended, and what it wrote. */
async function run(wish: ICrashWish): Promise<{ end: string; out: string }> {
  const running = spawn(process.execPath, [...nodeArgs, child, JSON.stringify(wish)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  running.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  const [code, signal] = await once(running, 'close');
  return { end: String(signal ?? code), out };
}

type TCrash = Pick<ICrashWish, 'state' | 'step'>;

/** What became of a name whose proxy died so, and was started again. */
async function tell(world: IAcmeProxyWorld, name: string, crash: TCrash): Promise<string> {
  const { acme, tlsPort, pebble } = world;
  const folder = join(world.folder, name);
  const bought = () => (pebble.process.output().match(/Issued certificate serial/g) ?? []).length;
  const before = bought();
  const wish = { acme, tlsPort, folder, name };
  const { end } = await run({ ...wish, ...crash });
  // What cannot be hit at that point has got its certificate.
  const again = await run(wish);
  const complaints: string[] = [];
  const warn = (facts: object) => void complaints.push(JSON.stringify(facts));
  const logger = { debug() {}, info() {}, warn, error: warn } as unknown as ILogger;
  const place = slotOf(needIdOf([name]), pebble.directoryUrl);
  const stored = await new FileCertStore({ folder, clock: systemClock, logger }).readCertificate(place);
  const { stdout } = await promisify(execFile)('find', [folder, '-type', 'f', '!', '-perm', '600']);
  const isOwners = stdout === '';
  return `${end === 'SIGKILL' || end === '0'} ${again.end} ${bought() - before} ${stored !== null} ${complaints} ${isOwners}`;
}

const states = ['queued', 'recheck', 'account', 'ordered', 'solving', 'ready', 'finalizing'];

test('whenever a proxy is killed, the next one gets to the certificate, and one was bought', async () => {
  await using world = await startAcmeProxyWorld({ noncePercent: 15 });
  const { acme, tlsPort } = world;
  const whole = await run({ acme, tlsPort, folder: join(world.folder, 'whole'), name: 'whole.proxy.test' });
  const steps = Number(/^(\d+) steps/.exec(whole.out)?.[1]);
  expect(steps).toBeGreaterThan(10);
  const atSteps = Array.from({ length: steps }, (_, i): TCrash[] => [
    { step: { at: i + 1, before: true } },
    { step: { at: i + 1, before: false } },
  ]).flat();
  const inStates = states.flatMap((state): TCrash[] => (long ? [{ state }, { state }, { state }] : [{ state }]));
  const all = [...inStates, ...atSteps];
  const some = [inStates.at(-1), atSteps.at(-3)];
  const crashes = long ? all : some.filter((crash) => crash !== undefined);
  const wrong: string[] = [];
  let killed = 0;
  for (const [i, crash] of crashes.entries()) {
    const told = await tell(world, `n${i}.proxy.test`, crash);
    killed++;
    if (told !== 'true 0 1 true  true') wrong.push(`${JSON.stringify(crash)}: ${told}`);
  }
  if (long) process.stdout.write(`# ${killed} kills, ${steps} steps of the store\n`);
  expect(wrong).toEqual([]);
});

export default tap.start();
