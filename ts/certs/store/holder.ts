// Who holds a lock: enough to tell that a process is dead without asking it.

import * as plugins from '../../plugins.js';

/** A process, told apart from one that has its number after it, or at the same time in another container. */
export interface IHolder {
  readonly pid: number;
  /** In clock ticks since the system started. */
  readonly startedAt: string;
  /** Changes whenever the system starts. */
  readonly boot: string;
  /** Numbers of processes mean something within one of these only. */
  readonly pidSpace: string;
}

const fs = plugins.fs.promises;

/** Null where the system does not tell: then only time tells that a holder is dead. */
export async function thisHolder(): Promise<IHolder | null> {
  const { pid } = plugins.process;
  try {
    const [boot, pidSpace, startedAt] = await Promise.all([
      fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      fs.readlink('/proc/self/ns/pid'),
      startOf(pid),
    ]);
    return startedAt === null ? null : { pid, startedAt, boot: boot.trim(), pidSpace };
  } catch {
    return null;
  }
}

/** True only if it is sure. */
export async function isDead(holder: IHolder, self: IHolder): Promise<boolean> {
  if (holder.boot !== self.boot || holder.pidSpace !== self.pidSpace) return false;
  try {
    // Where processes of others are hidden (hidepid), one that cannot be seen may live.
    if ((await startOf(1)) === null) return false;
    return (await startOf(holder.pid)) !== holder.startedAt;
  } catch {
    return false;
  }
}

/** Null if there is no such process, or only its remains. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return null;
    throw error;
  });
  // The second field, in parentheses, may hold anything. The third is the state, the 22nd the start (proc(5)).
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', startedAt = null] = [fields?.[0], fields?.[19]];
  return state === 'Z' || state === 'X' ? null : startedAt;
}
