// Every process that a benchmark starts: pinned to a core, and ended when the benchmark ends, however that happens.

import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allowedCores, treeOf } from './proc.mjs';

/** Time that a child has between SIGTERM and SIGKILL, ms. */
const patienceMs = 2_000;

const live = new Set();
const folders = new Set();

/** True if the shell finds this program. */
export function isInstalled(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

const cores = allowedCores();
/** False on a machine with one core or without taskset: then the kernel places everything. */
export const canPin = cores.length >= 2 && isInstalled('taskset');
/** The proxy has a core for itself; load generator and origin share the other. */
const coreOf = { proxy: cores[0], load: cores[1] };

/** Puts `taskset` in front of a command line; at the place `any` the kernel chooses. */
function pinned(place, command) {
  return canPin && place in coreOf ? ['taskset', '-c', String(coreOf[place]), ...command] : command;
}

export function track(child) {
  live.add(child);
  child.once('exit', () => live.delete(child));
  return child;
}

/** Starts a program on the core of `place` ('proxy' or 'load'). `child.complaints()` is what it wrote to stderr. */
export function startProgram(place, program, args) {
  const [command, ...rest] = pinned(place, [program, ...args]);
  const child = track(spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'] }));
  let text = '';
  child.stderr.on('data', (chunk) => {
    text = (text + chunk).slice(-4_000);
  });
  child.complaints = () => text;
  child.on('error', () => live.delete(child));
  return child;
}

/** Runs a program on the core of `place` to its end; gives what it wrote. */
export async function runProgram(place, program, args) {
  const [command, ...rest] = pinned(place, [program, ...args]);
  const child = track(spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] }));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
  }
  const [code] = await orHanging(once(child, 'close'), program);
  if (code !== 0) throw new Error(`${program}: ${text}`);
  return text;
}

/** Starts a Node script of this folder on the core of `place`, with a message channel. */
export function startScript(place, script, args = [], nodeArgs = []) {
  const [command, ...rest] = pinned(place, [process.execPath, ...nodeArgs]);
  return track(
    fork(fileURLToPath(new URL(`../${script}`, import.meta.url)), args, {
      execPath: command,
      execArgv: rest,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    }),
  );
}

/** The longest that anything may take before it counts as hanging, ms. */
const hangingMs = 60_000;

/** What `promise` gives; rejects if that takes suspiciously long. */
export async function orHanging(promise, what) {
  let timer;
  const hanging = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), hangingMs);
  });
  try {
    return await Promise.race([promise, hanging]);
  } finally {
    clearTimeout(timer);
  }
}

/** The next message of a script; rejects if it ends without one. */
export async function nextMessage(child) {
  const listening = new AbortController();
  const ended = once(child, 'exit', listening).then(([code, signal]) => {
    throw new Error(`ended with ${signal ?? code} before it was ready`);
  });
  try {
    const [message] = await orHanging(Promise.race([once(child, 'message', listening), ended]), child.spawnargs.at(-2));
    return message;
  } finally {
    ended.catch(() => {});
    listening.abort();
  }
}

/** Ends a child and what it started; resolves when it has gone. */
export async function endChild(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => killTree(child), patienceMs);
  await gone;
  clearTimeout(timer);
}

function killTree(child) {
  if (child.pid === undefined) return;
  for (const pid of treeOf(child.pid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

/** A folder for configuration files that is gone when the benchmark ends. */
export function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'smartproxy-bench-'));
  folders.add(folder);
  return folder;
}

/** Removes what `makeFolder` made. */
export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

function endEverything() {
  for (const child of live) killTree(child);
  for (const folder of folders) removeFolder(folder);
}

/** Makes sure that nothing outlives this process. SIGKILL of the benchmark itself is the one exception. */
export function endEverythingWithUs() {
  process.on('exit', endEverything);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ]) {
    process.on(signal, () => process.exit(code));
  }
}
