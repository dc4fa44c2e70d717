// `node bench/profile.mjs`: where a proxy on Node spends its time under the load of one row.

import { cpSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { endEverythingWithUs, makeFolder } from './lib/children.mjs';
import { readProfile } from './lib/cpu-profile.mjs';
import { startLoad } from './lib/load.mjs';
import { peers } from './lib/peers.mjs';
import { measure } from './lib/turns.mjs';
import { profiled } from './rows/profiled.mjs';

const usage = `node bench/profile.mjs [row] [--seconds N] [--peer NAME] [--top N] [--keep]
  row        ${profiled.map((row) => row.name).join(', ')}; default http1-keepalive
  --seconds  how long it is under load, about; default 5
  --peer     which proxy, one of those on Node; default smartproxy
  --top      functions to show; default 40
  --keep     keeps the .cpuprofile (for Chromium's DevTools) in bench/results/`;

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '5' },
      peer: { type: 'string', default: 'smartproxy' },
      top: { type: 'string', default: '40' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const name = positionals[0] ?? 'http1-keepalive';
  const row = profiled.find((each) => each.name === name);
  if (values.help || row === undefined || peers[values.peer] === undefined) return null;
  return { row, seconds: Number(values.seconds), peer: values.peer, top: Number(values.top), keep: values.keep };
}

/** Runs the row's work on one proxy until the time is over; gives CPU time and units of work, and what came before, ms. */
async function underLoad({ row, seconds, peer }, nodeArgs) {
  const load = await startLoad();
  const turns = await row.prepare({ load, scale: 1 });
  const startedMs = performance.now();
  const proxy = await peers[peer].start(await turns.makePlan(peer), nodeArgs);
  const sum = { cpuMs: 0, userMs: 0, systemMs: 0, done: 0 };
  let warmMs = 0;
  try {
    await turns.warmUp(proxy.port, peer);
    warmMs = performance.now() - startedMs;
    const deadline = performance.now() + seconds * 1_000;
    while (performance.now() < deadline) {
      const run = await measure(proxy, turns.work);
      for (const key of Object.keys(sum)) sum[key] += run[key];
    }
  } finally {
    // In order, so that the profile is written.
    await proxy.dispose();
    await turns.dispose?.();
    await load.dispose();
  }
  return { ...sum, warmMs };
}

const percent = (share) => `${(share * 100).toFixed(1).padStart(5)} %`;

function print(title, entries, count) {
  console.log(`\n${title}`);
  for (const [name, share] of entries.slice(0, count)) console.log(`${percent(share)}  ${name}`);
}

async function main() {
  const options = readOptions();
  if (options === null) return console.log(usage);
  endEverythingWithUs();
  const folder = makeFolder();
  const sum = await underLoad(options, ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500']);
  const profile = readProfile(folder, sum.warmMs);
  const each = (ms) => ((ms * 1_000) / sum.done).toFixed(1);
  console.log(`${options.peer}, ${options.row.name}: ${sum.done} units of work, profiled (that costs time too):`);
  console.log(`${each(sum.cpuMs)} us CPU each: ${each(sum.userMs)} user, ${each(sum.systemMs)} system`);
  console.log(`busy for ${percent(profile.busyShare).trim()} of the time; shares below are of that`);
  print('whose code', profile.groups, 10);
  print('files', profile.files, 20);
  print('functions', profile.functions, options.top);
  if (!options.keep) return;
  const kept = fileURLToPath(new URL(`./results/${options.peer}-${options.row.name}.cpuprofile`, import.meta.url));
  mkdirSync(fileURLToPath(new URL('./results/', import.meta.url)), { recursive: true });
  cpSync(profile.file, kept);
  console.log(`\nkept as ${kept}`);
}

main().then(
  () => process.exit(),
  (error) => {
    console.error(error.message);
    process.exit(2);
  },
);
