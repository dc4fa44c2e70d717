// `run --workers`: the same file, served by several processes.

import { type IHostControl, ProxyWorkers } from '../index.js';
import * as plugins from '../plugins.js';
import { type IConfigFile, isCodeFile } from './config-file.js';
import { CommandError } from './host.js';
import { makeLog, type TLogLevel } from './log.js';
import type { IReloadable } from './reload.js';

/** @throws CommandError for what is no number */
export function workerCount(given: string | undefined): number {
  if (given === undefined) return 1;
  if (given === 'auto') return plugins.os.availableParallelism();
  const count = /^\d{1,3}$/.test(given) ? Number(given) : 0;
  if (count < 1 || count > 256) throw new CommandError(1, `--workers: want auto or 1 to 256, got ${given}`);
  return count;
}

export interface IWorkersOfFile {
  readonly proxy: ProxyWorkers;
  readonly reloadable: IReloadable;
}

export interface IWorkersWish {
  readonly workers: number;
  readonly control: IHostControl;
  readonly logLevel: TLogLevel;
}

/** Data is handed to the workers; code is run by each of them. */
export async function makeWorkers(
  { file, options }: IConfigFile,
  { workers, control, logLevel }: IWorkersWish,
): Promise<IWorkersOfFile> {
  const isCode = isCodeFile(file);
  const proxy = new ProxyWorkers({
    config: isCode ? file : options,
    workers,
    control,
    ...(options.admin === undefined ? {} : { admin: options.admin }),
    logger: await makeLog(logLevel),
    logLevel: logLevel === 'silent' ? 'error' : logLevel,
    workerFile: new URL('./worker.js', import.meta.url),
  });
  const reloadable: IReloadable = {
    updateRoutes: (routes) => (isCode ? proxy.reload() : proxy.updateRoutes(routes)),
    getListeningPorts: () => proxy.getListeningPorts(),
  };
  return { proxy, reloadable };
}
