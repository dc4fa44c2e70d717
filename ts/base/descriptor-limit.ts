// How many descriptors the process may have open, where the system tells.

import { AsyncFileSystem } from './fs-utils.js';

/** Node raises its soft limit to the hard one at start. */
const assumedLimit = 4_096;

/** The soft limit of open files; a cautious guess where /proc is missing. */
export async function descriptorLimit(): Promise<number> {
  try {
    const limits = await AsyncFileSystem.readFile('/proc/self/limits');
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
    return soft === undefined ? assumedLimit : soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
  } catch {
    return assumedLimit;
  }
}

/**
 * Connections that fit: two descriptors each, beside a headroom for listeners, files and the host program. Past the
 * limit the system closes new connections without a word, so ours comes first.
 */
export function connectionsWithin(limit: number): number {
  return Math.min(10_000, Math.max(1, Math.floor((limit - headroomOf(limit)) / 2)));
}

/** The most that can be asked for: one descriptor each. */
export const mostConnections = (limit: number): number => Math.max(1, limit - headroomOf(limit));

const headroomOf = (limit: number): number => Math.min(Math.max(32, Math.floor(limit / 20)), 500);
