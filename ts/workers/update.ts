// An update of all workers as one: everybody gets ready, and only then does anybody go.

import { messageOf, ProxyError } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { IListeningPoint } from '../config/change.js';
import type { IPlan } from '../flow/plan.js';
import type { ICommitted, IUpdateWish } from './topics.js';
import { WireError } from './wire.js';
import type { WorkerProcess } from './worker-process.js';

export interface IUpdateParts {
  readonly workers: readonly WorkerProcess[];
  readonly logger: ILogger;
  readonly withinMs: number;
}

export interface IUpdated {
  readonly plan: IPlan;
  readonly points: readonly IListeningPoint[];
  readonly kernelFallsBack: boolean;
}

/**
 * A worker that is gone, or does not answer, takes no part: what takes its place begins with what is in force then.
 * @throws what a worker objects; no worker has changed anything then
 */
export async function updateAll(wish: IUpdateWish, parts: IUpdateParts): Promise<IUpdated> {
  const [first, ...others] = parts.workers;
  if (first === undefined) throw new ProxyError('NOT_RUNNING', 'no worker runs');
  const ready: WorkerProcess[] = [];
  try {
    // Worker 1 finds out what the kernel can do, which others then go by; without it all go by what it found last.
    const answer = await prepare(first, wish, parts);
    if (answer !== null) ready.push(first);
    const kernelFallsBack = answer?.kernelFallsBack ?? wish.kernelFallsBack;
    const prepared = await Promise.allSettled(
      others.map(async (worker) => {
        if ((await prepare(worker, { ...wish, kernelFallsBack }, parts)) !== null) ready.push(worker);
      }),
    );
    for (const one of prepared) if (one.status === 'rejected') throw one.reason;
    // Only the first can still fail: it alone changes the kernel.
    const committed: (ICommitted | null)[] = [];
    if (ready.includes(first)) committed.push(await commit(first, parts));
    const rest = ready.filter((worker) => worker !== first);
    committed.push(...(await Promise.all(rest.map((worker) => commitSurely(worker, parts)))));
    const done = committed.flatMap((one) => one ?? []);
    if (done.length === 0) throw new ProxyError('NOT_RUNNING', 'no worker is left');
    return {
      plan: sumPlans(done.map(({ plan }) => plan)),
      points: done.flatMap(({ points }) => points),
      kernelFallsBack,
    };
  } catch (error) {
    await Promise.all(ready.map((worker) => worker.wire.ask('abort', null, parts.withinMs).catch(() => {})));
    throw error;
  }
}

/** null: it takes no part. */
async function prepare(worker: WorkerProcess, wish: IUpdateWish, { withinMs, logger }: IUpdateParts) {
  try {
    return await worker.wire.ask('prepare', wish, withinMs);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    logger.error({ worker: worker.number, why: error.message }, 'a worker takes no part in an update');
    worker.kill();
    await worker.gone;
    return null;
  }
}

async function commit(worker: WorkerProcess, { withinMs }: IUpdateParts): Promise<ICommitted | null> {
  try {
    return await worker.wire.ask('commit', null, withinMs);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    worker.kill();
    await worker.gone;
    return null;
  }
}

/** By now others have gone: one that fails must not serve what nobody else does. */
async function commitSurely(worker: WorkerProcess, parts: IUpdateParts): Promise<ICommitted | null> {
  try {
    return await commit(worker, parts);
  } catch (error) {
    parts.logger.error(
      { worker: worker.number, why: messageOf(error) },
      'a worker failed in an update: it is replaced',
    );
    worker.kill();
    await worker.gone;
    return null;
  }
}

/** Where workers listen; null: it is not known of each. */
export async function pointsOf(workers: readonly WorkerProcess[]): Promise<IListeningPoint[] | null> {
  const lists = await Promise.all(workers.map(({ wire }) => wire.ask('points', null, 10_000).catch(() => null)));
  return lists.some((points) => points === null) ? null : lists.flatMap((points) => points ?? []);
}

/** The same routes everywhere, the connections of all. */
function sumPlans(plans: readonly IPlan[]): IPlan {
  const [plan] = plans as [IPlan];
  const connections = {
    stay: plans.reduce((sum, one) => sum + one.connections.stay, 0),
    cut: plans.reduce((sum, one) => sum + one.connections.cut, 0),
  };
  return { ...plan, connections };
}
