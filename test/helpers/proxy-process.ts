// A live proxy in a process of its own, whose memory, processor time and descriptors can be told from the test's.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/index.js';
import { moduleUrl, nodeArgs } from './this-run.js';

export interface IProcessState {
  readonly port: number;
  readonly cpuMs: number;
  readonly memoryBytes: number;
  /** The JavaScript heap, in use: garbage is collected first. */
  readonly heapBytes: number;
  /** Outside of the JavaScript heap, and in use: garbage is collected first. */
  readonly bufferBytes: number;
  /** Of the socket that holds the most, in both directions. */
  readonly mostQueuedBytes: number;
  /** That the process has open; 0 where /proc does not tell. */
  readonly descriptors: number;
  readonly live: number;
  readonly ends: Readonly<Record<string, number>>;
  /** Closed on arrival. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface IProxyProcess extends AsyncDisposable {
  readonly port: number;
  state(): Promise<IProcessState>;
  /** Puts other routes in force; one question at a time. */
  update(routes: readonly IRouteConfig[]): Promise<IProcessState>;
}

const compiled = [...nodeArgs, fileURLToPath(moduleUrl('test/helpers/proxy-process-child.ts'))];

/** `descriptors`: how many the process may have open once it is loaded. Its options must be JSON. At disposal it must end by itself. */
export async function startProxyProcess(
  options: Partial<ISmartProxyOptions>,
  descriptors?: number,
): Promise<IProxyProcess> {
  const limit = descriptors === undefined ? [] : [String(descriptors)];
  const args = ['--expose-gc', ...compiled, JSON.stringify(options), ...limit];
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const gone = once(running, 'exit').then(([code, signal]) => `the proxy's process ended with ${signal ?? code}`);
  const answer = async () => {
    const [state] = await Promise.race([once(running, 'message'), gone.then((how) => Promise.reject(new Error(how)))]);
    return state as IProcessState;
  };
  const ask = (question: 'state' | { readonly routes: readonly IRouteConfig[] }) => {
    running.send(question);
    return answer();
  };
  const { port } = await answer();
  return {
    port,
    state: () => ask('state'),
    update: (routes) => ask({ routes }),
    async [Symbol.asyncDispose]() {
      const timer = setTimeout(() => running.kill('SIGKILL'), 20_000);
      if (running.connected) running.send('stop');
      const how = await gone;
      clearTimeout(timer);
      if (!how.endsWith(' 0')) throw new Error(how);
    },
  };
}
