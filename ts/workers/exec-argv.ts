// With which arguments of Node workers run, if nobody says so: those of this process that are not about this process alone.

import * as plugins from '../plugins.js';
import type { IProxyWorkersOptions } from './types.js';

/** A debugger listens on one port, and `brk` would wait for it in every worker. The rest says what to run, which is another file. */
const own =
  /^--(inspect(-brk|-port|-wait|-publish-uid)?|debug-port|eval|print|input-type|interactive|check|watch(-path|-preserve-output)?|test)(=|$)|^-(e|p|pe|i|c)$/;
/** Of these the value may be the next argument. */
const takesValue = /^(--(inspect-port|inspect-publish-uid|debug-port|eval|print|input-type|watch-path)|-(e|p|pe))$/;

/** `argv`: as `process.execArgv`. */
export function workerArgv(argv: readonly string[]): string[] {
  return argv.filter((arg, at) => !own.test(arg) && !takesValue.test(argv[at - 1] ?? ''));
}

/** What each worker runs, and how. */
export function programOf({ workerFile, execArgv }: Pick<IProxyWorkersOptions, 'workerFile' | 'execArgv'>) {
  const file = workerFile ?? new URL('./worker-entry.js', import.meta.url);
  const entry = file instanceof URL || file.startsWith('file:') ? plugins.url.fileURLToPath(file) : file;
  return { entry, execArgv: execArgv ?? workerArgv(plugins.process.execArgv) };
}
