// Runs the tests: `pnpm test [files or folders] [--node 24] [--coverage] [--verbose]`.
// LONG=1 makes property tests long; SLOW_RIGS=0 leaves out test/rig/. The last line says `N passed, N failed`.
import { execFile, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { prepareDebian } from './debian.mjs';
import { buildTests, outputOf } from './test-build.mjs';
import { killRunning, runTestFile } from './test-file.mjs';
import { runInLanes } from './test-lanes.mjs';
import { longestFirst, splitAlone } from './test-order.mjs';
import { retryFailed } from './test-retry.mjs';
import { failuresOf, indent, summarise } from './test-summary.mjs';
import { restoreResult } from './test-traces.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options, positionals } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== '--'),
  allowPositionals: true,
  options: { node: { type: 'string' }, coverage: { type: 'boolean' }, verbose: { type: 'boolean' } },
});
const ci = process.env.CI === 'true';
const long = process.env.LONG === '1';
const slowRigs = process.env.SLOW_RIGS !== '0';
const everything = positionals.length === 0;
const verbose = options.verbose || (positionals.length === 1 && positionals[0].endsWith('.ts'));
const timeoutMs = (long ? 1800 : 180) * 1000;
const wantedLines = 90;

/** Whole programs around the proxy, of which only the proxy is ours. */
const isSlowRig = (file) => file.startsWith(`test${sep}rig${sep}`);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, async () => {
    await killRunning();
    process.exit(1);
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.message);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}

async function main() {
  build();
  console.log(await prepareDebian());
  const node = options.node ? await otherNode(options.node) : process.execPath;
  const files = await chooseFiles();
  const { coverage } = options;
  const coverageFolder = coverage ? await mkdtemp(join(tmpdir(), 'smartproxy-coverage-')) : null;
  const startedAt = performance.now();
  const built = await buildTests();
  process.once('exit', () => rmSync(built, { recursive: true, force: true }));
  const results = await runAll({ files, node, built, coverageFolder });
  const { lines, last, good } = summarise(results, ci);
  for (const line of lines) console.log(line);
  const covered = coverageFolder ? await reportCoverage(coverageFolder, built) : true;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`\n${results.length} files in ${seconds} s on Node ${options.node ?? process.versions.node}`);
  console.log(last);
  return good && covered ? 0 : 1;
}

function build() {
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  if (everything) throw new Error('the build failed: nothing was tested');
  console.log('the build failed; what follows tests the sources alone');
}

/** The executable of another major version of Node, by way of npx, which shadows nothing here. */
async function otherNode(version) {
  const name = `node-${process.platform}-${process.arch}@${version}`;
  const { stdout } = await promisify(execFile)('npx', ['-y', '-p', name, 'node', '-p', 'process.execPath']);
  return stdout.trim();
}

async function chooseFiles() {
  const entries = await readdir(join(root, 'test'), { recursive: true });
  const all = entries
    .map((entry) => join('test', entry))
    .filter((file) => /(^|[\\/])test\.[^\\/]+\.ts$/.test(file))
    .sort();
  if (everything) return all.filter((file) => slowRigs || !isSlowRig(file));
  const wishes = positionals.map((wish) => relative(root, resolve(wish)));
  for (const wish of wishes) {
    if (!all.some((file) => matches(file, wish))) throw new Error(`no test file at ${wish}`);
  }
  return all.filter((file) => wishes.some((wish) => matches(file, wish)));
}

function matches(file, wish) {
  return file === wish || file.startsWith(wish + sep);
}

async function runAll({ files, node, built, coverageFolder }) {
  const runOne = async (file, env, note = '') => {
    const compiled = outputOf(built, file);
    const result = restoreResult(await runTestFile({ file, compiled, node, timeoutMs, env, cwd: root }), built);
    print(result, note);
    return result;
  };
  const shared = { ...process.env, SMARTPROXY_TEST_BUILD: built };
  delete shared.NODE_V8_COVERAGE;
  // From Node 22 on, what one file had compiled is there for the next; coverage would be less exact.
  if (coverageFolder === null) shared.NODE_COMPILE_CACHE = join(built, 'compiled');
  // Collecting coverage would distort what rigs measure.
  const envOf = (file) =>
    coverageFolder && !isSlowRig(file) ? { ...shared, NODE_V8_COVERAGE: coverageFolder } : shared;
  const { together, alone } = await splitAlone(root, files);
  const results = [];
  await runInLanes(longestFirst(together), async (file) => results.push(await runOne(file, envOf(file))));
  for (const file of alone) results.push(await runOne(file, envOf(file)));
  // At the desk a failure is wanted at once.
  return everything ? await retryFailed(results, (file) => runOne(file, envOf(file), 'once more: ')) : results;
}

function print(result, note) {
  const { file, tests, output, ms } = result;
  const failures = failuresOf(result);
  console.log(
    `${note}${failures.length > 0 ? 'FAIL' : 'ok  '} ${file} (${tests.length} tests, ${(ms / 1000).toFixed(1)} s)`,
  );
  if (verbose) for (const { name, outcome } of tests) console.log(`  ${outcome}: ${name}`);
  for (const failure of failures) console.log(indent(failure));
  if ((failures.length > 0 || verbose) && output.trim() !== '')
    console.log(indent(`its output:\n${indent(output.trimEnd())}`));
}

/** Prints what was covered of each file; false if it is too little of the whole. */
async function reportCoverage(folder, built) {
  const sources = relative(root, join(built, 'ts'));
  const everyFile = everything ? ['--all', '--src', sources] : [];
  const limit = everything ? ['--check-coverage', '--lines', String(wantedLines)] : [];
  const { status } = spawnSync(
    process.execPath,
    [
      ...[join(root, 'node_modules/c8/bin/c8.js'), 'report', '--temp-directory', folder],
      // What ran lies below node_modules; its source maps lead to ts/.
      ...['--include', `${sources}/**`, '--exclude-node-modules=false', ...(await typesOnly(built))],
      ...['--reporter', 'text', '--reporter', 'json-summary', '--reports-dir', 'coverage', ...everyFile, ...limit],
    ],
    { cwd: root, stdio: 'inherit' },
  );
  await rm(folder, { recursive: true, force: true });
  if (status !== 0) console.log(`coverage: less than ${wantedLines} % of lines`);
  return status === 0;
}

/** The options that leave out sources of which nothing is left once compiled: no test can run a line of them. */
async function typesOnly(built) {
  const files = (await readdir(join(built, 'ts'), { recursive: true })).filter((file) => file.endsWith('.js'));
  const codes = await Promise.all(files.map((file) => readFile(join(built, 'ts', file), 'utf8')));
  const empty = files.filter((_, i) => codes[i].replace(/^\/\/.*$|\/\*[\s\S]*?\*\//gm, '').trim() === '');
  return empty.flatMap((file) => ['--exclude', relative(root, join(built, 'ts', file))]);
}
