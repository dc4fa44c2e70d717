// What the commands need of the process they run in, what they fail with, and nothing else of it: tests give their own.

import type { EventEmitter } from 'node:events';

export interface IHost {
  /** Writes a line of results. */
  out(line: string): void;
  /** Writes a line about what went wrong. */
  err(line: string): void;
  /** Emits `SIGINT`, `SIGTERM`, `SIGHUP`. */
  readonly signals: Pick<EventEmitter, 'on' | 'off'>;
  /** As in `process.versions.node`. */
  readonly nodeVersion: string;
  /** The environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** 1: the user's fault; 2: the environment's. */
export type TExitCode = 1 | 2;

/** Ends a command with a message for people, or with none where all is said already. */
export class CommandError extends Error {
  readonly exitCode: TExitCode;

  constructor(exitCode: TExitCode, message = '') {
    super(message);
    this.exitCode = exitCode;
  }
}

export function processHost(): IHost {
  // A reader that leaves early (`| head`) or a terminal that is gone must not end a proxy.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return {
    out: (line) => console.log(line),
    err: (line) => console.error(line),
    signals: process,
    nodeVersion: process.versions.node,
    env: process.env,
  };
}
