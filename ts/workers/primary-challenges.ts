// The challenges of authorities that workers show: each is shown by all, those that start meanwhile included.

import type { IToWorker } from './topics.js';
import type { WorkerProcess } from './worker-process.js';

export type TChallenge = IToWorker['showChallenge']['in'];

/** One worker that does not answer must not keep an authority waiting for all. */
const showWithinMs = 10_000;

type TShower = Pick<WorkerProcess, 'wire'>;

export class PrimaryChallenges {
  readonly #ready: () => readonly TShower[];
  /** As many as there are orders under way. */
  readonly #open = new Map<string, { readonly by: TShower; readonly challenge: TChallenge }>();

  /** `ready`: the workers that serve. */
  constructor(ready: () => readonly TShower[]) {
    this.#ready = ready;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Resolves when all others show it, or do not answer. */
  async show(by: TShower, challenge: TChallenge): Promise<undefined> {
    this.#open.set(keyOf(challenge), { by, challenge });
    return await this.#tellOthers(by, 'showChallenge', challenge);
  }

  async hide(by: TShower, challenge: TChallenge): Promise<undefined> {
    this.#open.delete(keyOf(challenge));
    return await this.#tellOthers(by, 'hideChallenge', challenge);
  }

  /** To a worker that is new. */
  async showTo({ wire }: TShower): Promise<void> {
    const asked = Array.from(this.#open.values(), ({ challenge }) =>
      wire.ask('showChallenge', challenge, showWithinMs).catch(() => {}),
    );
    await Promise.all(asked);
  }

  /** The worker is gone, and its orders with it. */
  ended(by: TShower): void {
    for (const shown of [...this.#open.values()]) if (shown.by === by) void this.hide(by, shown.challenge);
  }

  async #tellOthers(by: TShower, topic: 'showChallenge' | 'hideChallenge', challenge: TChallenge): Promise<undefined> {
    const others = this.#ready().filter((worker) => worker !== by);
    await Promise.all(others.map(({ wire }) => wire.ask(topic, challenge, showWithinMs).catch(() => {})));
    return undefined;
  }
}

const keyOf = ({ kind, challenge: { name, token } }: TChallenge): string => `${kind} ${name} ${token}`;
