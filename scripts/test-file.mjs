// Runs one test file in a process of its own, never longer than its time limit, and leaves no process behind.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const reporter = fileURLToPath(new URL('test-reporter.mjs', import.meta.url));
const marker = 'SMARTPROXY_TEST_FILE';
const outputLimit = 200_000;
/** Of each file that runs now: its id, and the process group it is in. */
const running = new Map();

/**
 * Resolves to `{ file, tests, troubles, output, ms }` and never rejects. `tests` holds what the reporter wrote;
 * `troubles` are sentences about what went wrong outside any test. Without `compiled`, the JavaScript of the file, tsx
 * compiles it. `patienceMs`: how long what it started may take to end after it.
 */
export async function runTestFile({ file, compiled, node, timeoutMs, env, cwd, patienceMs = 5000 }) {
  const id = randomUUID();
  const reportPath = join(tmpdir(), `smartproxy-report-${id}.jsonl`);
  const source = compiled === undefined ? ['--import', 'tsx', file] : [compiled];
  const args = ['--test-reporter', reporter, '--test-reporter-destination', reportPath, ...source];
  const startedAt = performance.now();
  const end = await runProcess(id, node, args, { cwd, env: { ...env, [marker]: id }, timeoutMs });
  const tests = await readReport(reportPath);
  // node:test ends with 1 when a test failed; that is told already.
  const expected = tests.some(({ outcome }) => outcome === 'failed') ? 'ended with exit code 1' : null;
  const troubles = [null, expected].includes(end.trouble) ? [] : [end.trouble];
  const orphans = await findOrphans(id, patienceMs);
  if (orphans.length > 0) troubles.push(`left processes running: ${orphans.map(({ name }) => name).join(', ')}`);
  for (const { pid } of orphans) killQuietly(pid);
  // Where there is no /proc to look into, its group at least is known.
  if (end.pid !== undefined) killQuietly(-end.pid);
  if (orphans.length > 0) await findOrphans(id, patienceMs);
  if (tests.length === 0) troubles.push('no test ran');
  return { file, tests, troubles, output: end.output, ms: performance.now() - startedAt };
}

/** Kills what is running now; for when the runner itself is told to stop. */
export async function killRunning() {
  const files = [...running];
  for (const [, group] of files) killQuietly(-group);
  for (const [id] of files) {
    for (const { pid } of await findMarked(`${marker}=${id}`)) killQuietly(pid);
  }
}

/** Resolves when the process is gone and its output is read. */
function runProcess(id, program, args, { cwd, env, timeoutMs }) {
  return new Promise((resolve) => {
    let output = '';
    let trouble = null;
    // A group of its own, so that the whole tree can be killed at once.
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.set(id, child.pid);
    const timer = setTimeout(() => {
      trouble = `not done after ${timeoutMs / 1000} s: killed`;
      killQuietly(-child.pid);
    }, timeoutMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-outputLimit);
      });
    }
    child.on('error', (error) => {
      trouble ??= error.message;
    });
    child.on('exit', (code, signal) => {
      if (code !== 0) trouble ??= `ended with ${signal ?? `exit code ${code}`}`;
      // What it left running may hold the pipes open for ever.
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 500).unref();
    });
    child.on('close', () => {
      clearTimeout(timer);
      running.delete(id);
      resolve({ output, trouble, pid: child.pid });
    });
  });
}

/** Processes that carry the file's marker in their environment, whatever group they moved to. Linux only. */
async function findOrphans(id, patienceMs) {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await findMarked(`${marker}=${id}`);
    // The last children of an orderly end may take a moment to go.
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(50);
  }
}

async function findMarked(entry) {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const looked = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      if (!environment.split('\0').includes(entry)) return null;
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return { pid: Number(pid), name: `${command.split('\0').join(' ').trim().slice(0, 100)} (${pid})` };
    }),
  );
  return looked.filter((process) => process !== null);
}

async function readReport(path) {
  const text = await readFile(path, 'utf8').catch(() => '');
  await rm(path, { force: true });
  // A process that was killed may leave half a line.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

function killQuietly(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
