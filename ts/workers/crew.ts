// The processes: who is there, who is replaced and when, and how connections are spread over them.

import type { ILogger } from '../base/logger.js';
import type { IListeningPoint } from '../config/change.js';
import type { IMetricsExport } from '../observe/metrics-export.js';
import type { IHandle } from './handles.js';
import { HangWatch } from './hang-watch.js';
import { RestartPolicy } from './restart-policy.js';
import { ceilingOf, isOtherCeiling, partsOf } from './spread.js';
import type { IHandedOver } from './topics.js';
import type { IWorkerInfo } from './types.js';
import { type IWorkerProcessParts, WorkerProcess } from './worker-process.js';

export interface ICrewParts extends Pick<IWorkerProcessParts, 'entry' | 'execArgv' | 'handlers'> {
  readonly logger: ILogger;
  readonly hangMs: number;
  readonly mostInARow: number;
  /** To put another process in a place that became empty. */
  readonly refill: (number: number) => void;
  readonly onExit: (worker: WorkerProcess, how: string) => void;
  readonly onGaveUp: (info: IWorkerInfo) => void;
}

interface IPlace {
  readonly number: number;
  readonly policy: RestartPolicy;
  worker: WorkerProcess | null;
  timer: NodeJS.Timeout | null;
  restarts: number;
}

const quotaWithinMs = 10_000;
/** Whoever says nothing for that long, though it should each second, gets no connections of others. */
const livelyMs = 3_000;
/** Beside the time after which a worker that hangs is killed. */
const givenWithinMs = 10_000;
/** Beside the grace. */
const stopWithinMs = 15_000;
const leaveWithinMs = 5_000;

export class Crew {
  /** Connections of all together; null: each has its own limit. */
  limit: number | null = null;
  readonly #parts: ICrewParts;
  readonly #places = new Map<number, IPlace>();
  readonly #hangs: HangWatch;
  readonly #watch: NodeJS.Timeout;
  #replaces = false;
  #sharing: Promise<void> | null = null;
  #shareAgain = false;

  constructor(parts: ICrewParts) {
    this.#parts = parts;
    this.#hangs = new HangWatch(parts.hangMs, performance.now());
    this.#watch = setInterval(() => this.#killHanging(), this.#hangs.everyMs);
    this.#watch.unref();
  }

  /** False: whoever ends is not replaced. */
  get replaces(): boolean {
    return this.#replaces;
  }

  /** From now on whoever ends is replaced, those included that have ended already. */
  replace(): void {
    this.#replaces = true;
    for (const place of this.#places.values()) {
      if (place.worker === null) place.timer = setTimeout(() => this.#parts.refill(place.number), 0);
    }
  }

  /** Those that serve. */
  get ready(): WorkerProcess[] {
    return this.all.filter(({ isReady, isStopping }) => isReady && !isStopping);
  }

  get all(): WorkerProcess[] {
    return [...this.#places.values()].flatMap(({ worker }) => worker ?? []);
  }

  /** By number. */
  get infos(): IWorkerInfo[] {
    return this.all.map((worker) => this.infoOf(worker)).sort((a, b) => a.number - b.number);
  }

  infoOf({ number, pid, isReady, live }: WorkerProcess): IWorkerInfo {
    return { number, pid, isReady, connections: live, restarts: this.#places.get(number)?.restarts ?? 0 };
  }

  /** How often the place was filled, this time included. */
  startsOf(number: number): number {
    return (this.#places.get(number)?.restarts ?? 0) + 1;
  }

  /** Starts the process of a place; it is not ready yet. */
  spawn(number: number): WorkerProcess {
    const known = this.#places.get(number);
    const policy = known?.policy ?? new RestartPolicy(this.#parts.mostInARow);
    const place: IPlace = known ?? { number, policy, worker: null, timer: null, restarts: -1 };
    this.#places.set(number, place);
    place.restarts++;
    const { entry, execArgv, handlers } = this.#parts;
    const worker = new WorkerProcess({
      ...{ number, entry, execArgv, handlers },
      onExit: (ended, how) => this.#ended(place, ended, how),
    });
    place.worker = worker;
    return worker;
  }

  /** Every worker lets its connections end, within the grace; then none is left. `last`: the figures of one that told them. */
  async stop(graceMs: number, last: (worker: WorkerProcess, metrics: IMetricsExport) => void): Promise<void> {
    await Promise.all(
      this.all.map(async (worker) => {
        worker.isStopping = true;
        const metrics = await worker.wire.ask('stop', { graceMs }, graceMs + stopWithinMs).catch(() => null);
        if (metrics !== null) last(worker, metrics);
        await worker.leave(leaveWithinMs);
      }),
    );
  }

  /** Waits for none that is to be replaced, and watches nobody any more. */
  close(): void {
    this.#replaces = false;
    clearInterval(this.#watch);
    for (const { timer } of this.#places.values()) if (timer !== null) clearTimeout(timer);
  }

  /** A worker says how many connections it has. */
  told(worker: WorkerProcess, live: number): void {
    worker.told = live;
    this.spread();
  }

  /** A connection that somebody has too many to keep. */
  place(from: WorkerProcess, { point, live }: IHandedOver, handle: IHandle): void {
    from.told = live;
    void this.#give(point, handle);
    this.spread();
  }

  /** Until somebody has it: a worker may die, or hang, before it says so. */
  async #give(point: IListeningPoint, handle: IHandle): Promise<void> {
    // Whoever hangs is killed by then, and the next one gets it.
    const { hangMs, logger } = this.#parts;
    const withinMs = hangMs + givenWithinMs;
    for (let to = this.#fewest(); to !== null; to = this.#fewest()) {
      to.coming++;
      try {
        // What it tells after its answer has this one in it.
        await to.wire.ask('connection', point, withinMs, handle);
        to.told++;
        break;
      } catch {
        // One that lives may have it, or may have no descriptor for it: to give it to others too would serve it twice.
        if (to.isGone) continue;
        logger.warn({ worker: to.number }, 'a worker did not take a connection');
        break;
      } finally {
        to.coming--;
      }
    }
    handle.close();
  }

  #fewest(): WorkerProcess | null {
    const nowMs = performance.now();
    const lively = this.ready.filter(({ heardMs }) => nowMs - heardMs < livelyMs);
    const able = lively.length > 0 ? lively : this.ready;
    const room = able.filter(({ live, quota }) => quota === null || live < quota);
    const from = room.length > 0 ? room : able;
    return from.reduce<WorkerProcess | null>(
      (least, worker) => (least === null || worker.live < least.live ? worker : least),
      null,
    );
  }

  /** Tells everybody what is too many now. */
  spread(): void {
    const { ready } = this;
    const ceiling = ceilingOf(ready.map(({ live }) => live));
    for (const worker of ready) {
      if (!isOtherCeiling(worker.ceiling, ceiling)) continue;
      worker.ceiling = ceiling;
      worker.wire.tell('ceiling', ceiling);
    }
    if (this.limit !== null && ready.some(isTight)) void this.shareLimit();
  }

  /** Gives each a part of the limit by what it has: first less, then more, so that together they never have more. */
  async shareLimit(): Promise<void> {
    if (this.#sharing !== null) {
      this.#shareAgain = true;
      return await this.#sharing;
    }
    this.#sharing = this.#shareOnce();
    await this.#sharing;
    this.#sharing = null;
    if (!this.#shareAgain) return;
    this.#shareAgain = false;
    await this.shareLimit();
  }

  async #shareOnce(): Promise<void> {
    const { limit, ready } = this;
    if (limit === null || ready.length === 0) return;
    // Those that are about to come have theirs already.
    const reserved = this.all
      .filter((worker) => !ready.includes(worker))
      .reduce((sum, { quota }) => sum + (quota ?? 0), this.#vacant);
    const parts = partsOf(
      limit - reserved,
      ready.map(({ live }) => live),
    );
    const wishes = ready.map((worker, at) => ({ worker, part: parts[at] ?? 0 }));
    const less = wishes.filter(({ worker, part }) => worker.quota === null || part < worker.quota);
    await Promise.all(less.map(({ worker, part }) => setQuota(worker, part)));
    let left = limit - this.all.reduce((sum, { quota }) => sum + (quota ?? 0), this.#vacant);
    const more = wishes.filter(({ worker, part }) => worker.quota !== null && part > worker.quota);
    for (const { worker, part } of more) {
      const given = Math.min(part - (worker.quota ?? 0), left);
      if (given <= 0) continue;
      left -= given;
      await setQuota(worker, (worker.quota ?? 0) + given);
    }
  }

  /** What a worker that takes an empty place may have: one connection at least. null: no limit is shared. */
  get freeQuota(): number | null {
    if (this.limit === null) return null;
    const given = this.all.reduce((sum, { quota }) => sum + (quota ?? 0), this.#vacant - 1);
    return Math.max(1, this.limit - given);
  }

  /** Places that are to be filled again: each begins with one connection at least. */
  get #vacant(): number {
    return [...this.#places.values()].filter(({ worker, timer }) => worker === null && timer !== null).length;
  }

  #ended(place: IPlace, worker: WorkerProcess, how: string): void {
    const info = this.infoOf(worker);
    place.worker = null;
    place.timer = null;
    const delayMs =
      this.#replaces && !worker.isStopping ? place.policy.ended(performance.now() - worker.startedMs) : undefined;
    if (typeof delayMs === 'number') place.timer = setTimeout(() => this.#parts.refill(place.number), delayMs);
    this.#parts.onExit(worker, how);
    this.spread();
    if (delayMs === null) this.#parts.onGaveUp(info);
    else if (delayMs !== undefined)
      this.#parts.logger.warn({ worker: place.number, how, delayMs }, 'a worker ended: another takes its place');
  }

  #killHanging(): void {
    const { hangMs, logger } = this.#parts;
    // Those that start, and those that stop, have deadlines of their own.
    for (const worker of this.#hangs.look(performance.now(), this.ready)) {
      logger.error({ worker: worker.number, pid: worker.pid, hangMs }, 'a worker gives no sign of life: it is killed');
      worker.kill();
    }
  }
}

const isTight = ({ live, quota }: WorkerProcess): boolean => quota !== null && live * 8 >= quota * 7;

/** What does not answer is gone, or will be soon: its part is given to nobody until then. */
export async function setQuota(worker: WorkerProcess, part: number): Promise<void> {
  try {
    worker.quota = await worker.wire.ask('quota', part, quotaWithinMs);
  } catch {
    worker.quota = Math.max(worker.quota ?? 0, part);
  }
}
