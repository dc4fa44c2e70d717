// The events of ProxyWorkers. What a listener throws is its own affair.

import type { EventEmitter } from 'node:events';
import { messageOf, ProxyError, type TErrorCode } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { TWorkerEvent } from './topics.js';
import type { IProxyWorkersEvents, IWorkerInfo } from './types.js';

export class WorkersReporter {
  readonly #emitter: EventEmitter;
  readonly #logger: ILogger;

  constructor(emitter: EventEmitter, logger: ILogger) {
    this.#emitter = emitter;
    this.#logger = logger;
  }

  emit<K extends keyof IProxyWorkersEvents>(name: K, ...args: IProxyWorkersEvents[K]): void {
    // Called one by one: the emitter would stop at the first that throws, and throw an `error` event that nobody hears.
    for (const listener of this.#emitter.rawListeners(name)) {
      try {
        const result: unknown = Reflect.apply(listener, this.#emitter, args);
        if (result instanceof Promise) result.catch((error) => this.#threw(name, error));
      } catch (error) {
        this.#threw(name, error);
      }
    }
  }

  /** An event of a worker that is the whole proxy's. */
  workerEvent(worker: number, event: TWorkerEvent): void {
    if (event.name === 'certificate') this.emit('certificate', event.event, worker);
    else if (event.name === 'target-down') this.emit('target-down', event.target, event.why, worker);
    else if (event.name === 'target-up') this.emit('target-up', event.target, worker);
    else this.emit('error', new ProxyError((event.code ?? 'NOT_RUNNING') as TErrorCode, event.message), worker);
  }

  gaveUp(info: IWorkerInfo): void {
    this.failed(`worker ${info.number} died too often: it is not replaced any more`, null, info.number);
    this.emit('worker-gave-up', info);
  }

  /** Something that no caller can be told. */
  failed(message: string, cause: unknown, worker: number): void {
    this.#logger.error({ worker, error: cause }, message);
    const code = cause instanceof ProxyError ? cause.code : 'NOT_RUNNING';
    this.emit('error', new ProxyError(code, message, { cause }), worker);
  }

  #threw(event: string, error: unknown): void {
    this.#logger.error({ error, event, why: messageOf(error) }, 'an event listener threw');
  }
}
