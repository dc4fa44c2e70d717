// What a worker may ask of the primary.

import type { ILogger } from '../base/logger.js';
import type { IHandle } from './handles.js';
import type { PrimaryCounts } from './primary-counts.js';
import type { SharedPorts } from './shared-ports.js';
import type { IEventBatch, IToPrimary, IToWorker, TWorkerEvent } from './topics.js';
import { type THandlers, WithHandle } from './wire.js';
import { revivedFields } from './worker-log.js';
import type { WorkerProcess } from './worker-process.js';

type TChallenge = IToWorker['showChallenge']['in'];

export interface IPrimary {
  readonly ports: SharedPorts;
  readonly counts: PrimaryCounts;
  /** That are open now. */
  readonly challenges: Map<string, TChallenge>;
  readonly logger: ILogger;
  /** Those that serve, without this one. */
  readonly others: (than: WorkerProcess) => readonly WorkerProcess[];
  readonly status: (worker: WorkerProcess, live: number) => void;
  readonly handOver: (worker: WorkerProcess, port: number, live: number, handle: IHandle) => void;
  readonly event: (worker: WorkerProcess, event: TWorkerEvent) => void;
  readonly heard: (batch: IEventBatch) => void;
}

/** One worker that does not answer must not keep an authority waiting for all. */
const showWithinMs = 10_000;

export function primaryHandlers(worker: WorkerProcess, primary: IPrimary): THandlers<IToPrimary> {
  const { counts, challenges, logger } = primary;
  const toOthers = async (topic: 'showChallenge' | 'hideChallenge', challenge: TChallenge): Promise<undefined> => {
    await Promise.all(
      primary.others(worker).map(({ wire }) => wire.ask(topic, challenge, showWithinMs).catch(() => {})),
    );
    return undefined;
  };
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
    showChallenge: (challenge) => {
      challenges.set(keyOf(challenge), challenge);
      return toOthers('showChallenge', challenge);
    },
    hideChallenge: (challenge) => {
      challenges.delete(keyOf(challenge));
      return toOthers('hideChallenge', challenge);
    },
    status: ({ live }) => {
      primary.status(worker, live);
      return undefined;
    },
    handOver: ({ port, live }, handle) => {
      if (handle !== null) primary.handOver(worker, port, live, handle);
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

const keyOf = ({ kind, challenge: { name, token } }: TChallenge): string => `${kind} ${name} ${token}`;
