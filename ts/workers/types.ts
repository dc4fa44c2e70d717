// What users of several workers write, and what they are told.

import type { ProxyError } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { ICertificateEvent } from '../certs/manager/manager-types.js';
import type { IAdminOptions, ISmartProxyOptions } from '../config/types.js';
import type { IPlan } from '../flow/plan.js';
import type { IHostControl } from '../host-parts.js';
import type { IStatistics } from '../observe/statistics.js';

export interface IProxyWorkersOptions {
  /**
   * Plain data; or the path or URL of a module whose default export is the options, or a function that gives them: it is loaded in
   * each worker, so that it may hold functions (handlers, target functions, a logger). Its named export `parts`, if it has one, is
   * the second argument of `new SmartProxy`.
   */
  readonly config: ISmartProxyOptions | string | URL;
  /** Default `'auto'`: one for each processor that this process may use. */
  readonly workers?: number | 'auto';
  /** Gets the lines of all workers, each with `worker`, its number. Default: the configuration's, if that is data; else silence. */
  readonly logger?: ILogger;
  /** Lines below it are not sent to the primary. Default `info`. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Milliseconds without a sign of life after which a worker is killed and replaced. Default 30 000. */
  readonly hangTimeout?: number;
  /** Milliseconds that a worker has to start, and to get ready for an update. Default 60 000. */
  readonly startTimeout?: number;
  /** Times that a worker may die soon after it was started, one after the other, before its place stays empty. Default 10. */
  readonly maxRestarts?: number;
  /** The admin interface, which the primary has for all workers. Default: the configuration's `admin`, also that of a module. */
  readonly admin?: IAdminOptions;
  /** What it may ask of the program. Default: it reloads a module, nothing else, and stops the workers alone. */
  readonly control?: IHostControl;
  /** What each worker runs: a module that calls `runWorker`. Default: one that only does that. */
  readonly workerFile?: string | URL;
  /** Arguments of Node for the workers. Default: those of this process, without those for a debugger or for what it runs. */
  readonly execArgv?: readonly string[];
}

export interface IWorkerInfo {
  /** 1 and up; a worker that replaces another has its number. */
  readonly number: number;
  readonly pid: number;
  readonly isReady: boolean;
  /** Connections, about a second ago at most. */
  readonly connections: number;
  /** How often this place was filled anew. */
  readonly restarts: number;
}

/** The figures of all workers, and of each that runs. */
export interface IWorkersStatistics extends IStatistics {
  readonly workers: readonly (IStatistics & { readonly worker: number })[];
}

/** Event name -> what its listeners get. Events of single connections and requests stay in the workers. */
export interface IProxyWorkersEvents {
  /** All workers serve. */
  listening: [ports: readonly number[]];
  'worker-online': [worker: IWorkerInfo];
  /** `how`: a signal, or an exit code. `isExpected`: it was told to stop. */
  'worker-exit': [worker: IWorkerInfo, how: string, isExpected: boolean];
  /** Its place stays empty. Once no worker is left, nobody is served any more. */
  'worker-gave-up': [worker: IWorkerInfo];
  'route-update': [plan: IPlan];
  certificate: [event: ICertificateEvent, worker: number];
  'target-down': [target: string, why: string, worker: number];
  'target-up': [target: string, worker: number];
  /** Something failed that no caller can be told. Without a listener it is only logged. */
  error: [error: ProxyError, worker: number | null];
}
