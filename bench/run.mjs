// `pnpm bench`: runs the rows one after the other, prints a table and keeps everything as JSON in bench/results/.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { functionRows } from './function/rows.mjs';
import { readArgs, usage } from './lib/args.mjs';
import { canPin, endEverythingWithUs } from './lib/children.mjs';
import { startLoad } from './lib/load.mjs';
import { peers } from './lib/peers.mjs';
import { judged, tableOf } from './lib/report.mjs';
import { connections } from './rows/connections.mjs';
import { http1Rows } from './rows/http1.mjs';
import { http1Bodies } from './rows/http1-bodies.mjs';
import { http1Uploads } from './rows/http1-upload.mjs';
import { http2Rows } from './rows/http2.mjs';
import { httpsHandshake } from './rows/https-handshake.mjs';
import { idleHttps } from './rows/idle-https.mjs';
import { idleMemory } from './rows/idle-memory.mjs';
import { nftables } from './rows/nftables.mjs';
import { sniHandshake } from './rows/sni-handshake.mjs';
import { startTime } from './rows/start-time.mjs';
import { tcpBulk } from './rows/tcp-bulk.mjs';
import { tcpChurn } from './rows/tcp-churn.mjs';
import { tcpRr } from './rows/tcp-rr.mjs';
import { updateRoutes } from './rows/update-routes.mjs';
import { websocket } from './rows/websocket.mjs';
import { workers } from './rows/workers.mjs';

const rows = [
  ...http1Rows,
  ...http1Bodies,
  ...http1Uploads,
  ...http2Rows,
  httpsHandshake,
  websocket,
  tcpRr,
  tcpBulk,
  tcpChurn,
  sniHandshake,
  idleMemory,
  idleHttps,
  connections,
  nftables,
  startTime,
  updateRoutes,
  workers,
  ...functionRows,
];

/** Runs one row with a load generator of its own, so that no row inherits another's garbage. */
async function runRow(row, options, skipped) {
  const why = row.missing?.() ?? null;
  if (why !== null) {
    skipped.set(row.name, why);
    return [];
  }
  const load = row.isFunction ? null : await startLoad();
  try {
    const outcomes = await row.run({
      load,
      skipped,
      rounds: options.rounds,
      scale: options.scale,
      peers: options.peers,
    });
    return outcomes.map((outcome) => judged(outcome, options.subject));
  } finally {
    await load?.dispose();
  }
}

function save(results, options, skipped, failures) {
  const folder = fileURLToPath(new URL('./results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const at = new Date().toISOString();
  const file = `${folder}${at.replaceAll(':', '-')}.json`;
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, pinned: canPin };
  const content = { at, machine, options, skipped: Object.fromEntries(skipped), failures, results };
  writeFileSync(file, `${JSON.stringify(content, null, 1)}\n`);
  return file;
}

async function main() {
  const options = readArgs(process.argv.slice(2));
  if (options.help) return console.log(usage);
  if (options.list) return console.log(rows.map((row) => row.name).join('\n'));
  if (peers[options.subject] === undefined) throw new Error(`--subject is one of ${Object.keys(peers).join(', ')}`);
  const chosen = rows.filter((row) => options.only?.some((start) => row.name.startsWith(start)) ?? true);
  if (chosen.length === 0) throw new Error(`no row begins so; there are ${rows.map((row) => row.name).join(', ')}`);

  endEverythingWithUs();
  const skipped = new Map();
  if (!canPin) skipped.set('pinning', 'it needs two cores and taskset');
  const failures = {};
  const results = [];
  for (const row of chosen) {
    const startedMs = performance.now();
    try {
      results.push(...(await runRow(row, options, skipped)));
    } catch (error) {
      failures[row.name] = error.message;
    }
    console.error(`${row.name}: ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
  }

  if (results.length > 0) console.log(`\n${tableOf(results, options.subject)}\n`);
  for (const [what, why] of skipped) console.log(`skipped ${what}: ${why}`);
  for (const [row, why] of Object.entries(failures)) console.log(`FAILED ${row}: ${why}`);
  console.log(`written to ${save(results, options, skipped, failures)}`);
  process.exit(Object.keys(failures).length > 0 ? 1 : 0);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(2);
});
