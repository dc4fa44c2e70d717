// Questions to workers, with bounded waits: one that is gone, or hangs, is left out.

import { ProxyError } from '../base/errors.js';
import type { IPlan, IUpdateOptions } from '../flow/plan.js';
import type { IGroupView } from '../group-parts.js';
import type { IToWorker, TViewCall } from './topics.js';
import { WireError } from './wire.js';
import type { WorkerProcess } from './worker-process.js';

/** People wait for it. Whoever hangs says nothing, however long. */
export const answerWithinMs = 5_000;
/** Workers that are asked, one after the other, until one answers. */
const mostTried = 3;

export interface IAnswerOf<T> {
  readonly worker: WorkerProcess;
  readonly answer: T;
}

export class Asking {
  readonly #workers: () => readonly WorkerProcess[];

  /** `workers`: those that serve, or let their connections end. */
  constructor(workers: () => readonly WorkerProcess[]) {
    this.#workers = workers;
  }

  /** By number. */
  get workers(): readonly WorkerProcess[] {
    return [...this.#workers()].sort((a, b) => a.number - b.number);
  }

  /** What those say that answer. */
  async each<T>(ask: (worker: WorkerProcess) => Promise<T>): Promise<readonly IAnswerOf<T>[]> {
    const answers = this.workers.map((worker) =>
      ask(worker).then(
        (answer) => [{ worker, answer }],
        () => [],
      ),
    );
    return (await Promise.all(answers)).flat();
  }

  /** Of the first that answers. @throws what it answers with; ProxyError NOT_RUNNING if none does */
  async first<T>(ask: (worker: WorkerProcess) => Promise<T>): Promise<IAnswerOf<T>> {
    for (const worker of this.workers.slice(0, mostTried)) {
      try {
        return { worker, answer: await ask(worker) };
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }
    throw new ProxyError('NOT_RUNNING', this.workers.length === 0 ? 'no worker runs' : 'no worker answers');
  }

  /** Of this one alone. @throws what it answers with; ProxyError NOT_RUNNING if it does not */
  async of<T>(number: number, ask: (worker: WorkerProcess) => Promise<T>): Promise<T> {
    const worker = this.workers.find((each) => each.number === number);
    if (worker === undefined) throw new ProxyError('NOT_RUNNING', `worker ${number} does not run`);
    try {
      return await ask(worker);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new ProxyError('NOT_RUNNING', `worker ${number}: ${error.message}`);
    }
  }

  /** The first plans; connections are those of all that answer. @throws as `first` */
  async plan<T extends IPlan>(ask: (worker: WorkerProcess) => Promise<T>, options: IUpdateOptions): Promise<T> {
    const { worker: planner, answer: plan } = await this.first(ask);
    const removed = new Set(plan.routes.removed);
    const others = await this.each(async (worker) =>
      worker === planner ? null : await worker.wire.ask('metrics', { history: false }, answerWithinMs),
    );
    let { stay, cut } = plan.connections;
    for (const { connections } of others.flatMap(({ answer }) => answer ?? [])) {
      const gone = connections.byRoute.filter(([route]) => options.closeRemoved === true && removed.has(route));
      const ended = gone.reduce((sum, [, count]) => sum + count, 0);
      cut += ended;
      stay += connections.active - ended;
    }
    return { ...plan, connections: { stay, cut } };
  }
}

/** The worker's own view, as JSON there and back. @throws WireError; what the worker answers with */
export async function askView<K extends TViewCall>(
  { wire }: WorkerProcess,
  name: K,
  ...args: Parameters<IGroupView[K]>
): Promise<Awaited<ReturnType<IGroupView[K]>>> {
  const question: IToWorker['view']['in'] = { name, args: JSON.stringify(args) };
  return JSON.parse(await wire.ask('view', question, answerWithinMs));
}
