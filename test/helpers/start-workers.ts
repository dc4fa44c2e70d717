// A proxy of several processes that checks, when it is disposed of, that none of them is left.

import assert from 'node:assert/strict';
import { type IProxyWorkersOptions, ProxyWorkers } from '../../ts/index.js';
import { moduleUrl, nodeArgs } from './this-run.js';

export interface IStartedWorkers extends AsyncDisposable {
  readonly workers: ProxyWorkers;
  /** The first of its ports. */
  readonly port: number;
  /** Ids of the processes that serve now. */
  readonly pids: readonly number[];
  /** Everything that was logged. */
  readonly log: { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string }[];
}

/** What the workers of this test run are made of. */
export const workerRun = {
  workerFile: new URL(moduleUrl('ts/workers/worker-entry.ts')),
  execArgv: nodeArgs,
} as const;

/** Two workers on loopback, unless `given` says otherwise. */
export async function startWorkers(given: IProxyWorkersOptions): Promise<IStartedWorkers> {
  const log: IStartedWorkers['log'] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void log.push({ level, fields: fields as Record<string, unknown>, message });
  const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const workers = new ProxyWorkers({ workers: 2, logger, ...workerRun, ...given });
  const seen = new Set<number>();
  workers.on('worker-online', ({ pid }) => seen.add(pid));
  await workers.start();
  return {
    workers,
    get port() {
      return workers.getListeningPorts()[0] ?? 0;
    },
    get pids() {
      return workers.getWorkers().map(({ pid }) => pid);
    },
    log,
    async [Symbol.asyncDispose]() {
      await workers.stop({ graceMs: 0 });
      for (const pid of seen) assert.equal(isRunning(pid), false, `worker ${pid} still runs`);
    },
  };
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
