// The process of a worker, from its first line to its last. Run by the primary, with a channel to it.

import type { Socket } from 'node:net';
import { ConfigError } from '../base/errors.js';
import type { ISmartProxyOptions } from '../config/types.js';
import type { IHostParts } from '../host-parts.js';
import type { IHandle } from './handles.js';
import { type ILoaded, Worker } from './worker.js';

const lookMs = 1_000;

/** So that a module is read again. */
let loads = 0;

/** @throws ConfigError if it gives no options */
export async function loadModule(module: string): Promise<ILoaded> {
  const { default: given, parts = {} } = (await import(loads++ === 0 ? module : `${module}?reload=${loads}`)) as {
    default?: unknown;
    parts?: IHostParts;
  };
  const options: unknown = await (typeof given === 'function' ? given() : given);
  if (typeof options !== 'object' || options === null) {
    const want = 'a module whose default export is the options, or a function that gives them';
    throw new ConfigError([{ path: 'config', want, got: typeof options }]);
  }
  return { options: options as ISmartProxyOptions, parts };
}

/** Serves until the primary has ended it, or is gone. Then the process ends, whatever a configuration's module still has open. */
export function runWorker(load: (module: string) => Promise<ILoaded> = loadModule): void {
  const worker = new Worker({
    load,
    end: {
      send: (message, handle, sent) => {
        if (!process.connected) return sent(new Error('the primary is gone'));
        // Types know the handles that Node documents.
        process.send?.(message, handle as unknown as Socket, {}, sent);
      },
    },
  });
  // A terminal and a service manager tell the whole group: it is the primary that decides, and that lets connections finish.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('message', (message, handle) => worker.wire.received(message, (handle as IHandle | undefined) ?? null));
  let isLeft = false;
  const left = () => {
    if (isLeft) return;
    isLeft = true;
    worker.wire.close();
    void worker.stop(null).finally(() => process.exit(0));
  };
  process.on('disconnect', left);
  // Of a primary that died in the middle of a message there is no such event: Node waits for the rest of it.
  setInterval(() => {
    if (!process.connected) left();
  }, lookMs).unref();
  worker.begin();
}
