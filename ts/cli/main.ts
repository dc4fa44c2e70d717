// The command line: from arguments to an exit code. 0: fine; 1: the user's fault; 2: the environment's.

import { ConfigError, ProxyError } from '../index.js';
import { ConfigFileError } from './faults.js';
import { CommandError, type IHost, processHost } from './host.js';
import { makeProgram } from './program.js';

export async function main(args: readonly string[], host: IHost = processHost()): Promise<number> {
  try {
    const program = await makeProgram(host);
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    return tell(error, host);
  }
}

function tell(error: unknown, host: IHost): number {
  if (!(error instanceof Error)) return tell(new Error(String(error)), host);
  // commander has said what it has to say; help that was asked for ends like this too, with 0.
  if ('exitCode' in error && 'code' in error) return Number(error.exitCode);
  if (error instanceof CommandError) {
    if (error.message !== '') host.err(`smartproxy: ${error.message}`);
    return error.exitCode;
  }
  const known = error instanceof ConfigFileError || error instanceof ProxyError;
  host.err(`smartproxy: ${known ? error.message : (error.stack ?? error.message)}`);
  return error instanceof ConfigFileError || error instanceof ConfigError ? 1 : 2;
}
