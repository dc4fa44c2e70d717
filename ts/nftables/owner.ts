// Whose table it is: the comment of a rule in it names the process, and the marks that others must leave alone. A process is known by its number and the moment it
// began, since numbers are used again, and by the start of the machine, since so are both.

import { AsyncFileSystem } from '../base/fs-utils.js';
import * as plugins from '../plugins.js';

export interface IOwner {
  readonly pid: number;
  /** In ticks since the machine started. */
  readonly start: string;
  /** Of the running kernel. */
  readonly boot: string;
  /** Its namespace of process numbers: two containers with one network have each their own. */
  readonly space: string;
  /** Upper half of the marks of the table's connections. */
  readonly mark: number;
}

/** This process, as the line that a table of it with these marks carries. */
export async function ownLine(mark: number): Promise<string> {
  const { pid } = plugins.process;
  return lineOf({ pid, start: (await startOf(pid)) ?? '0', boot: await bootOf(), space: await spaceOf(), mark });
}

export const lineOf = ({ pid, start, boot, space, mark }: IOwner): string =>
  `smartproxy pid=${pid} start=${start} boot=${boot} ns=${space} mark=${mark}`;

/** null: it is no line of ours. */
export function readOwner(line: string): IOwner | null {
  const found = /^smartproxy pid=(\d{1,10}) start=(\d{1,20}) boot=([0-9a-f-]{1,36}) ns=(\d{1,20}) mark=(\d{1,5})$/.exec(
    line,
  );
  if (found === null) return null;
  const [, pid = '', start = '', boot = '', space = '', mark = ''] = found;
  return { pid: Number(pid), start, boot, space, mark: Number(mark) };
}

/** True if the process that wrote the line still runs, or if that cannot be known from here. */
export async function isAlive(owner: IOwner): Promise<boolean> {
  if (owner.boot !== (await bootOf())) return false;
  if (owner.space !== (await spaceOf())) return true;
  return (await startOf(owner.pid)) === owner.start;
}

/** Field 22 of proc(5)'s stat; the second one, in brackets, may contain anything. null: there is no such process. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await AsyncFileSystem.readFile(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // What has ended and is still listed does nothing any more.
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return fields[19] ?? null;
  } catch {
    return null;
  }
}

async function bootOf(): Promise<string> {
  try {
    return (await AsyncFileSystem.readFile('/proc/sys/kernel/random/boot_id')).trim();
  } catch {
    return '0';
  }
}

async function spaceOf(): Promise<string> {
  try {
    return /\d+/.exec(await AsyncFileSystem.readLink('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}
