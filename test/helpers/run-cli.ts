// The command line as users have it: `node cli.js`, compiled, in a process of its own.

import { execFile } from 'node:child_process';
import { type IProcess, type IProcessOptions, startProcess } from './rig-process.js';
import { root } from './source-text.js';

const cli = `${root}cli.js`;
/** What is compiled for users is no part of what coverage asks about, and to count it makes a command slower by half. */
const env = { ...process.env, NODE_V8_COVERAGE: '' };

export interface IFinished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], { cwd }: { readonly cwd?: string } = {}): Promise<IFinished> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [cli, ...args], { cwd, env, timeout: 20_000 }, (error, out, err) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

export interface IStartedCli extends IProcess {
  /** The first port that it says it listens on. */
  readonly port: number;
}

/** Starts a command that goes on; ready when it says that it listens. */
export async function startCli(args: readonly string[], options: IProcessOptions = {}): Promise<IStartedCli> {
  const listens = /listening on port (\d+)/;
  const running = await startProcess(process.execPath, [cli, ...args], { ready: listens, env, ...options });
  return Object.assign(running, { port: Number(listens.exec(running.output())?.[1]) });
}
