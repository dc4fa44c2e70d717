// What the kernel says about a process tree: CPU time and resident memory, from /proc.

import { readdirSync, readFileSync } from 'node:fs';

/** Length of a clock tick of /proc/PID/stat in ms: USER_HZ is 100 on every Linux that Node runs on. */
const tickMs = 10;

/** The file's text, or null when the process has gone meanwhile. */
function readOrNull(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}

/** Names in a folder, or none when it has gone. */
function listOrEmpty(path) {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** The process and all its descendants. */
export function treeOf(pid) {
  const pids = [pid];
  for (let at = 0; at < pids.length; at++) {
    for (const task of listOrEmpty(`/proc/${pids[at]}/task`)) {
      const children = readOrNull(`/proc/${pids[at]}/task/${task}/children`) ?? '';
      for (const child of children.split(' ').filter(Boolean)) pids.push(Number(child));
    }
  }
  return pids;
}

/** User and system time of one process, all threads, in whole ticks (ms). */
function statOf(pid) {
  const text = readOrNull(`/proc/${pid}/stat`);
  if (text === null) return { userMs: 0, systemMs: 0 };
  // The second field is the program's name in brackets and may hold spaces.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { userMs: Number(fields[11]) * tickMs, systemMs: Number(fields[12]) * tickMs };
}

/** Time on a CPU of one process's threads in ms with the scheduler's nanoseconds; null where the kernel keeps none. */
function schedstatMs(pid) {
  let totalNs = 0;
  for (const task of listOrEmpty(`/proc/${pid}/task`)) {
    const text = readOrNull(`/proc/${pid}/task/${task}/schedstat`);
    if (text === null) continue;
    totalNs += Number(text.split(' ')[0]);
  }
  return totalNs === 0 ? null : totalNs / 1e6;
}

/**
 * CPU time so far of a process tree, ms. `cpuMs` is the scheduler's exact figure for the threads that live now, and where
 * there is none the sum of user and system time, which the kernel gives in steps of 10 ms.
 */
export function cpuOfTree(pid) {
  const sum = { cpuMs: 0, userMs: 0, systemMs: 0 };
  for (const each of treeOf(pid)) {
    const stat = statOf(each);
    sum.userMs += stat.userMs;
    sum.systemMs += stat.systemMs;
    sum.cpuMs += schedstatMs(each) ?? stat.userMs + stat.systemMs;
  }
  return sum;
}

/** Resident memory of a process tree, kB. Pages that several processes share are counted for each. */
export function rssOfTree(pid) {
  let totalKb = 0;
  for (const each of treeOf(pid)) {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readOrNull(`/proc/${each}/status`) ?? '');
    if (found) totalKb += Number(found[1]);
  }
  return totalKb;
}

/** Descriptors that a process started from here may open. Node raises its own soft limit to the hard one. */
export function descriptorLimit() {
  const found = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(readOrNull('/proc/self/limits') ?? '');
  if (!found) return 1024;
  return found[1] === 'unlimited' ? 1_048_576 : Number(found[1]);
}

/** The CPUs that this process may run on. */
export function allowedCores() {
  const found = /^Cpus_allowed_list:\s+(\S+)/m.exec(readOrNull('/proc/self/status') ?? '');
  if (!found) return [];
  return found[1].split(',').flatMap((span) => {
    const [from, to] = span.split('-').map(Number);
    return Array.from({ length: (to ?? from) - from + 1 }, (_, step) => from + step);
  });
}
