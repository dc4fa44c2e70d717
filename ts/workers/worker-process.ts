// One child process with its channel, as the primary sees it. It is started once and ends once.

import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import * as plugins from '../plugins.js';
import type { IHandle } from './handles.js';
import type { IStarted, IStartWish, IToPrimary, IToWorker } from './topics.js';
import { type THandlers, Wire, WireError } from './wire.js';

export interface IWorkerProcessParts {
  /** 1, 2, ...: its place. A process that takes it over has the same. */
  readonly number: number;
  /** The module that it runs. */
  readonly entry: string;
  readonly execArgv: readonly string[];
  readonly handlers: (worker: WorkerProcess) => THandlers<IToPrimary>;
  readonly onExit: (worker: WorkerProcess, how: string) => void;
}

const lastWordsMs = 500;

export class WorkerProcess {
  readonly number: number;
  readonly wire: Wire<IToWorker, IToPrimary>;
  readonly startedMs = performance.now();
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  /** Serves. */
  isReady = false;
  /** Was told to stop: its end is no failure. */
  isStopping = false;
  isGone = false;
  /** Connections that it has told of; and those that are on their way to it, of which it knows nothing yet. */
  told = 0;
  coming = 0;
  heardMs = performance.now();
  silentMs = 0;
  ceiling = Number.POSITIVE_INFINITY;
  /** Connections that it may have; null: no limit is shared. */
  quota: number | null = null;
  readonly #child: ChildProcess;
  #how: string | null = null;

  constructor({ number, entry, execArgv, handlers, onExit }: IWorkerProcessParts) {
    this.number = number;
    const child = plugins.childProcess.fork(entry, [], { serialization: 'advanced', execArgv: [...execArgv] });
    this.#child = child;
    this.wire = new Wire<IToWorker, IToPrimary>(
      {
        send: (message, handle, sent) => {
          if (!child.connected) return sent(new Error('the worker is gone'));
          // Types know the handles that Node documents.
          child.send(message as object, handle as unknown as Socket, {}, sent);
        },
      },
      handlers(this),
    );
    child.on('message', (message: unknown, handle) => {
      this.heardMs = performance.now();
      this.silentMs = 0;
      this.wire.received(message, (handle as IHandle | undefined) ?? null);
    });
    this.gone = new Promise((resolve) => {
      const ended = (how: string) => {
        if (this.isGone) return;
        this.isGone = true;
        this.#how = how;
        this.isReady = false;
        this.wire.close();
        onExit(this, how);
        resolve();
      };
      child.on('exit', (code, signal) => {
        const how = signal ?? `exit code ${code}`;
        // It serves no more, but what it said last may still be on its way. Of half a message there is no end.
        this.isReady = false;
        if (!child.connected) return ended(how);
        const timer = setTimeout(() => ended(how), lastWordsMs);
        child.on('disconnect', () => {
          clearTimeout(timer);
          ended(how);
        });
      });
      child.on('error', (error) => {
        if (child.pid === undefined) ended(error.message);
      });
    });
  }

  get live(): number {
    return this.told + this.coming;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws what keeps it from starting; ProxyError NOT_RUNNING if it is gone or takes too long */
  async start(wish: IStartWish, withinMs: number): Promise<IStarted> {
    try {
      const started = await this.wire.ask('start', wish, withinMs);
      if (this.isGone) throw new WireError('it is gone');
      this.isReady = true;
      return started;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const why = this.#how === null ? error.message : `it ended: ${this.#how}`;
      throw new ProxyError('NOT_RUNNING', `worker ${this.number} does not start: ${why}`);
    }
  }

  /** It does nothing more, whatever it is doing. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Lets it end by itself; after `withinMs` it is killed. */
  async leave(withinMs: number): Promise<void> {
    if (this.#child.connected) {
      this.wire.flush();
      this.#child.disconnect();
    }
    const timer = setTimeout(() => this.kill(), withinMs);
    await this.gone;
    clearTimeout(timer);
  }
}
