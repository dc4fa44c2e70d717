// Events of single connections and requests: workers tell them while somebody listens, and only then.

import type { IAdminEvent, TAdminEventKind } from '../admin/view.js';
import { systemClock } from '../base/clock.js';
import type { IEventBatch } from './topics.js';
import type { WorkerProcess } from './worker-process.js';

type THear = (event: IAdminEvent) => void;

export class RelayedEvents {
  readonly #workers: () => readonly WorkerProcess[];
  readonly #hearing = new Map<IAdminEvent['kind'], Set<THear>>();

  constructor(workers: () => readonly WorkerProcess[]) {
    this.#workers = workers;
  }

  /** Gives the function that ends it. */
  listen(kind: TAdminEventKind, hear: THear): () => void {
    const heard = this.#hearing.get(kind) ?? new Set();
    this.#hearing.set(kind, heard);
    heard.add(hear);
    if (heard.size === 1) this.#tellAll();
    return () => {
      if (!heard.delete(hear) || heard.size > 0) return;
      this.#hearing.delete(kind);
      this.#tellAll();
    };
  }

  /** It knows of no listeners yet. */
  online(worker: WorkerProcess): void {
    if (this.#hearing.size > 0) this.#tell(worker);
  }

  received({ events, dropped }: IEventBatch): void {
    for (const event of JSON.parse(events) as readonly IAdminEvent[]) this.#pass(event.kind, event);
    // Lost after these were taken.
    for (const [kind, count] of dropped)
      this.#pass(kind, { kind: 'dropped', at: systemClock.wallMs(), data: { count } });
  }

  #pass(kind: IAdminEvent['kind'], event: IAdminEvent): void {
    for (const hear of this.#hearing.get(kind) ?? []) hear(event);
  }

  #tellAll(): void {
    for (const worker of this.#workers()) this.#tell(worker);
  }

  #tell({ wire }: WorkerProcess): void {
    wire.tell('hear', [...this.#hearing.keys()] as TAdminEventKind[]);
  }
}
