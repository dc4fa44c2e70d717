// A worker's part of the admin interface, which the primary has for all: it answers what it is asked, and tells events.

import type { IAdminEvent, IAdminUpdate, TAdminEventKind } from '../admin/view.js';
import { ProxyError } from '../base/errors.js';
import type { IAdminOptions, ISmartProxyOptions } from '../config/types.js';
import type { IGroupView, IRestoredRoutes } from '../group-parts.js';
import type { IToWorker, TViewCall } from './topics.js';
import type { TToPrimaryWire } from './worker-parts.js';

/** Characters of JSON that wait for the primary; what happens meanwhile is lost, and counted. */
export const mostWaiting = 256 * 1024;
/** Beside what waits, one batch is on its way. */
const takeWithinMs = 10_000;

export class WorkerAdmin {
  readonly #wire: Pick<TToPrimaryWire, 'ask'>;
  #view: IGroupView | null = null;
  /** By kind, what ends it. */
  readonly #hearing = new Map<TAdminEventKind, { stop: () => void }>();
  #waiting: string[] = [];
  #waitingLength = 0;
  #dropped = new Map<TAdminEventKind, number>();
  #isSending = false;

  constructor(wire: Pick<TToPrimaryWire, 'ask'>) {
    this.#wire = wire;
  }

  attach(view: IGroupView): void {
    this.#view = view;
  }

  async answer({ name, args }: IToWorker['view']['in']): Promise<string> {
    const call: TViewCall = name;
    const answer: unknown = await Reflect.apply(this.#known[call], this.#known, JSON.parse(args) as unknown[]);
    return JSON.stringify(answer);
  }

  async restore(given: unknown, options: IAdminUpdate): Promise<IRestoredRoutes> {
    return await this.#known.restore(given, options);
  }

  /** Tells events of these kinds, and no others. */
  async hear(kinds: readonly TAdminEventKind[]): Promise<undefined> {
    for (const [kind, { stop }] of this.#hearing) {
      if (kinds.includes(kind)) continue;
      this.#hearing.delete(kind);
      stop();
    }
    // All at once: the next wish may come before these are heard of.
    await Promise.all(kinds.map((kind) => this.#hearing.has(kind) || this.#listen(kind)));
    return undefined;
  }

  async #listen(kind: TAdminEventKind): Promise<void> {
    const hearing = { stop: () => {} };
    this.#hearing.set(kind, hearing);
    hearing.stop = await this.#known.subscribe(new Set([kind]), (event) => this.#take(kind, event));
    // It may have been called off meanwhile.
    if (this.#hearing.get(kind) !== hearing) hearing.stop();
  }

  #take(kind: TAdminEventKind, event: IAdminEvent): void {
    if (this.#waitingLength > mostWaiting) {
      this.#dropped.set(kind, (this.#dropped.get(kind) ?? 0) + 1);
      return;
    }
    const text = JSON.stringify(event);
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    if (!this.#isSending) void this.#send();
  }

  /** One batch after the other: a primary that has no time for them is not given more. */
  async #send(): Promise<void> {
    this.#isSending = true;
    // What else happens in this turn goes along.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = { events: `[${this.#waiting.join()}]`, dropped: [...this.#dropped] };
      this.#waiting = [];
      this.#waitingLength = 0;
      this.#dropped = new Map();
      await this.#wire.ask('heard', batch, takeWithinMs).catch(() => {});
    }
    this.#isSending = false;
  }

  get #known(): IGroupView {
    if (this.#view === null) throw new ProxyError('NOT_RUNNING', 'the worker has not started');
    return this.#view;
  }
}

/** Plain, whatever made it. */
export const adminOf = ({ admin }: ISmartProxyOptions): IAdminOptions | null =>
  admin === undefined ? null : (JSON.parse(JSON.stringify(admin)) as IAdminOptions);
