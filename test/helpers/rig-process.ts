// Starts a real program for a test, waits until it is ready, and leaves nothing of it behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface IProcess extends AsyncDisposable {
  readonly pid: number;
  /** Everything it wrote so far, both streams. */
  output(): string;
  /** True until its end was seen. */
  isRunning(): boolean;
  /** Resolves when it is gone: with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  signal(name: NodeJS.Signals): void;
}

export interface IProcessOptions {
  /** What its output shows, or what must come true, before it can be used. */
  readonly ready?: RegExp | (() => Promise<boolean>);
  readonly withinMs?: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to its input, which is then closed. */
  readonly input?: string;
}

/** Rejects if the program cannot be started, ends before it is ready, or is not ready in time. */
export async function startProcess(
  program: string,
  args: readonly string[],
  { ready, withinMs = 25_000, cwd, env, input }: IProcessOptions = {},
): Promise<IProcess> {
  let output = '';
  // A group of its own: what it starts ends with it.
  const child = spawn(program, args, { cwd, env: env ?? process.env, detached: true });
  const ended = endOf(child);
  // One that cannot be started is told by the wait for its start.
  ended.catch(() => {});
  // A program that ends early has no reader for its input.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const stop = async () => {
    killGroup(pid);
    await ended;
  };
  const describe = () => `${program} ${args.join(' ')}: ${isRunning() ? 'not ready' : 'ended'}; it wrote:\n${output}`;
  const isReady = ready instanceof RegExp ? async () => ready.test(output) : ready;
  try {
    const deadlineMs = performance.now() + withinMs;
    while (isReady && isRunning() && !(await isReady())) {
      if (performance.now() > deadlineMs) throw new Error(describe());
      await sleep(10);
    }
    if (ready && !isRunning()) throw new Error(describe());
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pid,
    ended,
    isRunning,
    output: () => output,
    signal: (name) => child.kill(name),
    [Symbol.asyncDispose]: stop,
  };
}

/** Ready when something listens there. */
export const accepts = (port: number) => (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

/** Runs a program to its end; rejects with its output unless its exit code is 0. */
export async function runProcess(program: string, args: readonly string[], options: IProcessOptions = {}) {
  await using running = await startProcess(program, args, options);
  const timer = setTimeout(() => running.signal('SIGKILL'), options.withinMs ?? 30_000);
  const end = await running.ended;
  clearTimeout(timer);
  if (end !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${end}; it wrote:\n${running.output()}`);
  return running.output();
}

/** `close` comes after the last of the output, `exit` may come before. */
async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return signal ?? code ?? 0;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group is gone already.
  }
}
