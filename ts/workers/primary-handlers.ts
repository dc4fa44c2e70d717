// What a worker may ask of the primary.

import type { ILogger } from '../base/logger.js';
import type { IHandle } from './handles.js';
import type { PrimaryChallenges } from './primary-challenges.js';
import type { PrimaryCounts } from './primary-counts.js';
import type { SharedPorts } from './shared-ports.js';
import type { IEventBatch, IHandedOver, IToPrimary, TWorkerEvent } from './topics.js';
import { type THandlers, WithHandle } from './wire.js';
import { revivedFields } from './worker-log.js';
import type { WorkerProcess } from './worker-process.js';

export interface IPrimary {
  readonly ports: SharedPorts;
  readonly counts: PrimaryCounts;
  readonly challenges: PrimaryChallenges;
  readonly logger: ILogger;
  readonly status: (worker: WorkerProcess, live: number) => void;
  readonly handOver: (worker: WorkerProcess, handed: IHandedOver, handle: IHandle) => void;
  readonly event: (worker: WorkerProcess, event: TWorkerEvent) => void;
  readonly heard: (batch: IEventBatch) => void;
}

export function primaryHandlers(worker: WorkerProcess, primary: IPrimary): THandlers<IToPrimary> {
  const { counts, challenges, logger } = primary;
  return {
    loaded: () => undefined,
    share: async (point) => {
      const { handle, port } = await primary.ports.open(point);
      return new WithHandle(port, handle);
    },
    // By the process: what one held is given back when it is gone, not when its place is.
    count: (count) => counts.count(worker.pid, count),
    leave: ([scope, key]) => {
      counts.leave(worker.pid, scope, key);
      return undefined;
    },
    rate: ({ scope, key, rule }) => counts.rates.take(scope, key, rule),
    showChallenge: (challenge) => challenges.show(worker, challenge),
    hideChallenge: (challenge) => challenges.hide(worker, challenge),
    status: ({ live }) => {
      primary.status(worker, live);
      return undefined;
    },
    handOver: (handed, handle) => {
      if (handle !== null) primary.handOver(worker, handed, handle);
      return undefined;
    },
    log: ({ level, fields, message }) => {
      logger[level]({ worker: worker.number, ...revivedFields(fields) }, message);
      return undefined;
    },
    event: (event) => {
      primary.event(worker, event);
      return undefined;
    },
    heard: (batch) => {
      primary.heard(batch);
      return undefined;
    },
  };
}
