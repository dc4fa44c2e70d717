// The log of a running proxy: JSON lines on standard error.

import type { ILogger } from '../index.js';
import * as plugins from '../plugins.js';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export type TLogLevel = (typeof logLevels)[number];

export async function makeLog(level: TLogLevel): Promise<ILogger> {
  const pino = await plugins.loadPino();
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: pino.stdSerializers.err },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Not waiting for the disk or the terminal: the library logs on its data path.
  const log: ILogger = pino<never>(options, pino.destination({ dest: 2, sync: false }));
  return log;
}
