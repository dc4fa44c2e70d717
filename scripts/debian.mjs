// Installs the Debian packages that some suites need, all in one step: as root on Debian, or when CI=true.
// Nothing that gets installed is started: a policy-rc.d says no meanwhile, and what was there before comes back.
import { execFile, spawn } from 'node:child_process';
import { access, chmod, copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const script = fileURLToPath(import.meta.url);
const policy = '/usr/sbin/policy-rc.d';
const kept = '/usr/sbin/policy-rc.d.kept-by-smartproxy-tests';
const ours = '#!/bin/sh\n# written by the tests of smartproxy while they install packages\nexit 101\n';
const lock = '/run/smartproxy-tests-packages.lock';

/** Names of programs, each with the package that brings it. */
export const packages = JSON.parse(await readFile(new URL('debian-packages.json', import.meta.url), 'utf8'));

/** Installs what is missing. Resolves to one sentence about what was done; rejects if it was asked for and failed. */
export async function prepareDebian({ ci = process.env.CI === 'true', log = console.log } = {}) {
  if (!(await exists('/etc/debian_version'))) return 'not Debian: programs are taken as they are';
  const missing = await findMissing(Object.values(packages));
  if (missing.length === 0) return 'every Debian package is there';
  if (process.getuid() !== 0) {
    const sentence = `missing Debian packages: ${missing.join(' ')} (only root can install them)`;
    if (ci) throw new Error(sentence);
    return sentence;
  }
  log(`installing Debian packages: ${missing.join(' ')}`);
  // flock holds the lock for as long as this script runs again below it, as the main program.
  await inherit('flock', ['--timeout', '900', lock, process.execPath, script]);
  return `installed ${missing.join(' ')}`;
}

async function findMissing(names) {
  const installed = new Set();
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are dpkg-query's own placeholders.
  const format = ['-W', '-f', '${Package} ${db:Status-Status}\n'];
  // dpkg-query fails when it does not know one of the names, and still prints the others.
  const { stdout } = await run('dpkg-query', [...format, ...names]).catch((error) => error);
  for (const line of stdout.split('\n')) {
    const [name, status] = line.split(' ');
    if (status === 'installed') installed.add(name);
  }
  return names.filter((name) => !installed.has(name));
}

async function installLocked() {
  const missing = await findMissing(Object.values(packages));
  if (missing.length === 0) return;
  await forbidStarting();
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', '-o', 'Dpkg::Use-Pty=0', '-qq'];
  try {
    await inherit('apt-get', [...wait, 'update'], env);
    await inherit('apt-get', [...wait, '-y', '--no-install-recommends', 'install', ...missing], env);
  } finally {
    await allowStarting();
  }
}

async function forbidStarting() {
  // What an installation that was killed left behind goes first.
  await allowStarting();
  if (await exists(policy)) await copyFile(policy, kept);
  await writeFile(policy, ours);
  await chmod(policy, 0o755);
}

async function allowStarting() {
  const now = await readFile(policy, 'utf8').catch(() => '');
  if (now === ours) await rm(policy);
  if (await exists(kept)) await rename(kept, policy);
}

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  );

function inherit(program, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(' ')} ended with ${signal ?? code}`));
    });
  });
}

if (process.argv[1] === script) await installLocked();
