// Whose turn it is to have a password compared.

import type { IClock, ITimer } from '../base/clock.js';
import type { Secret } from '../config/secret.js';

/** Resolves to whether they belong together. */
export type TCompare = (hash: Secret, password: string) => Promise<boolean>;

export interface IComparison {
  /** The same for the same password of the same user of the same rule: it is compared once for all who wait. */
  readonly key: string;
  readonly hash: Secret;
  readonly password: string;
  /** Who is asking. */
  readonly client: string;
  readonly signal: AbortSignal;
}

export type TComparison = boolean | 'busy';

/** At a time: half of the threads that Node has for such work, so that names and files have the rest. */
const maxRunning = 2;
const maxWaiting = 64;
/** Under way and waiting, of one client address. */
const maxOfClient = 4;
const maxWaitMs = 10_000;

interface IJob {
  readonly comparison: IComparison;
  readonly waiters: Set<(outcome: TComparison) => void>;
  timer: ITimer | null;
}

export class HashQueue {
  readonly #clock: IClock;
  readonly #compare: TCompare;
  readonly #jobs = new Map<string, IJob>();
  readonly #waiting = new Set<IJob>();
  readonly #clients = new Map<string, number>();
  #running = 0;

  constructor(clock: IClock, compare: TCompare) {
    this.#clock = clock;
    this.#compare = compare;
  }

  get stats() {
    return { running: this.#running, waiting: this.#waiting.size, clients: this.#clients.size };
  }

  /** `busy`: there is no place, or it took too long to get one. What fails to be compared is false. */
  compare(comparison: IComparison): Promise<TComparison> {
    const { key, client, signal } = comparison;
    const job = this.#jobs.get(key) ?? this.#enqueue(comparison, client);
    if (job === null || signal.aborted) return Promise.resolve('busy');
    return new Promise((resolve) => {
      const done = (outcome: TComparison): void => {
        signal.removeEventListener('abort', leave);
        resolve(outcome);
      };
      const leave = (): void => {
        job.waiters.delete(done);
        if (job.waiters.size === 0 && this.#waiting.delete(job)) this.#over(job, 'busy');
        done('busy');
      };
      job.waiters.add(done);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #enqueue(comparison: IComparison, client: string): IJob | null {
    const mine = this.#clients.get(client) ?? 0;
    if (mine >= maxOfClient || this.#waiting.size >= maxWaiting || comparison.signal.aborted) return null;
    const job: IJob = { comparison, waiters: new Set(), timer: null };
    this.#clients.set(client, mine + 1);
    this.#jobs.set(comparison.key, job);
    this.#waiting.add(job);
    job.timer = this.#clock.setTimer(() => {
      if (this.#waiting.delete(job)) this.#over(job, 'busy');
    }, maxWaitMs);
    // Whoever asked is among its waiters by then.
    queueMicrotask(() => this.#next());
    return job;
  }

  #next(): void {
    const [job] = this.#waiting;
    if (job === undefined || this.#running >= maxRunning) return;
    this.#waiting.delete(job);
    this.#running++;
    const { hash, password } = job.comparison;
    const finish = (outcome: boolean): void => {
      this.#running--;
      this.#over(job, outcome);
      this.#next();
    };
    this.#compare(hash, password).then(finish, () => finish(false));
    this.#next();
  }

  #over(job: IJob, outcome: TComparison): void {
    const { key, client } = job.comparison;
    job.timer?.cancel();
    this.#jobs.delete(key);
    const others = (this.#clients.get(client) ?? 1) - 1;
    if (others > 0) this.#clients.set(client, others);
    else this.#clients.delete(client);
    for (const done of [...job.waiters]) done(outcome);
  }
}
