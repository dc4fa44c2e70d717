// Processes that share a store of certificates, and can be stopped and killed in the middle of what they do.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ILockTimes } from '../../ts/certs/store/file-lock.js';
import { moduleUrl, nodeArgs } from './this-run.js';

/** `work`: takes the lock, counts up what is stored and writes it, again and again. `obey`: does what it is told. */
export type TStoreMode = 'work' | 'obey';

export interface IStoreProcessOptions {
  readonly folder: string;
  readonly mode: TStoreMode;
  /** Where it writes what it did, a line each; several may share it. */
  readonly log: string;
  readonly times: ILockTimes;
  /** A pair that it stores besides. */
  readonly cert: string;
  readonly key: string;
}

export interface IStoreProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Resolves to its answer. */
  ask(order: 'lock' | 'lost' | 'write' | 'release'): Promise<string>;
  kill(): Promise<void>;
}

const script = fileURLToPath(moduleUrl('test/helpers/store-process-child.ts'));

export async function startStoreProcess(options: IStoreProcessOptions): Promise<IStoreProcess> {
  const child = spawn(process.execPath, [...nodeArgs, script, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const gone = once(child, 'exit');
  const answer = async (): Promise<string> => {
    const [text] = await Promise.race([
      once(child, 'message'),
      gone.then(([code, signal]) => Promise.reject(new Error(`the process ended with ${signal ?? code}`))),
    ]);
    return String(text);
  };
  await answer();
  const kill = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  return {
    child,
    ask: (order) => {
      child.send(order);
      return answer();
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

/** One line of the log. */
export interface IStoreEvent {
  /** `holds`: the lock says so, at `atMs`. `wrote`: the store took `value`. `refused`: it did not, for want of the lock. */
  readonly what: 'holds' | 'read' | 'wrote' | 'refused';
  readonly token: number;
  readonly value: number;
  /** Of a clock that all processes of the system share and that never goes back. */
  readonly atMs: number;
}

export const eventLine = ({ what, token, value, atMs }: IStoreEvent): string => `${what} ${token} ${value} ${atMs}\n`;

export async function readEvents(log: string): Promise<IStoreEvent[]> {
  const text = await readFile(log, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [what = '', token, value, atMs] = line.split(' ');
      return { what: what as IStoreEvent['what'], token: Number(token), value: Number(value), atMs: Number(atMs) };
    });
}
