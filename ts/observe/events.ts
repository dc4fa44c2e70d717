// The events of a SmartProxy: typed, and harmless to it whatever its listeners do.

import type { EventEmitter } from 'node:events';
import { messageOf, ProxyError, type TErrorCode } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { ICertificateEvent } from '../certs/manager/manager-types.js';
import type { Connection, IConnectionRecord } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import type { IFlowObserver, IRequestObserver, IRequestRecord } from '../flow/observer.js';
import type { IPlan } from '../flow/plan.js';

/** Event name -> what its listeners get. */
export interface ISmartProxyEvents {
  /** All ports listen. */
  listening: [ports: readonly number[]];
  /** A connection was admitted on its route; its target is not dialed yet. */
  connection: [connection: IConnectionRecord];
  /**
   * A connection ended, for the reason given. Those that never had a route are reported too; those that were closed on
   * arrival, because the proxy was full, are in the metrics alone.
   */
  'connection-end': [connection: IConnectionRecord, end: TEnd];
  /** An HTTP request is over; 499 is the status of one whose client left before it had its answer. */
  request: [request: IRequestReport];
  /** New routes are in force. */
  'route-update': [plan: IPlan];
  /** A target (`host:port`) is passed over from now on; `why` says what happened. */
  'target-down': [target: string, why: string];
  /** It is used again. */
  'target-up': [target: string];
  /** What becomes of a certificate that the proxy gets by itself. */
  certificate: [event: ICertificateEvent];
  /** Something failed that no caller can be told. Without a listener it is only logged. */
  error: [error: ProxyError];
}

/** A request as events tell it: plain data. */
export interface IRequestReport extends Omit<IRequestRecord, 'connection' | 'error'> {
  readonly connectionId: string;
  readonly clientIp: string;
  /** Why it has no proper answer; null if it has one. */
  readonly error: string | null;
  /** The same as a word of the table of errors. */
  readonly code: TErrorCode | null;
}

/** Emits what the data plane reports. A listener that throws or rejects is logged and changes nothing for the others. */
export class EventReporter implements IFlowObserver, IRequestObserver {
  readonly #emitter: EventEmitter;
  readonly #logger: ILogger;

  constructor(emitter: EventEmitter, logger: ILogger) {
    this.#emitter = emitter;
    this.#logger = logger;
  }

  emit<K extends keyof ISmartProxyEvents>(name: K, ...args: ISmartProxyEvents[K]): void {
    // Called one by one: the emitter would stop at the first that throws, and throw an `error` event that nobody hears.
    for (const listener of this.#emitter.rawListeners(name)) {
      try {
        const result: unknown = Reflect.apply(listener, this.#emitter, args);
        if (result instanceof Promise) result.catch((error) => this.#failed(name, error));
      } catch (error) {
        this.#failed(name, error);
      }
    }
  }

  connectionOpened(connection: Connection): void {
    // Of a socket that is closed nobody can ask it any more.
    if (this.#emitter.listenerCount('connection-end') > 0) connection.learnServerIp();
  }

  connectionRouted(connection: Connection): void {
    if (this.#emitter.listenerCount('connection') > 0) this.emit('connection', connection.snapshot());
  }

  connectionEnded(connection: Connection, end: TEnd): void {
    if (this.#emitter.listenerCount('connection-end') > 0) this.emit('connection-end', connection.snapshot(), end);
  }

  connectionRefused(): void {}

  requestEnded(record: IRequestRecord): void {
    if (this.#emitter.listenerCount('request') === 0) return;
    const { connection, error, ...rest } = record;
    const { id: connectionId, clientIp } = connection;
    const code = error instanceof ProxyError ? error.code : null;
    this.emit('request', { ...rest, connectionId, clientIp, error: error === null ? null : error.message, code });
  }

  requestRefused(): void {}

  #failed(event: string, error: unknown): void {
    this.#logger.error({ error, event, why: messageOf(error) }, 'an event listener threw');
  }
}
