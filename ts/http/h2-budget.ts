// Counts what a peer does that costs us more than it (h2-limits.ts says what, and how much is let pass).

import type { IClock } from '../base/clock.js';
import type { IH2Budgets, TH2BudgetName } from './h2-limits.js';

interface ILevel {
  readonly name: TH2BudgetName;
  level: number;
  /** When it was last let run out. */
  atMs: number;
  total: number;
}

export class H2Budget {
  readonly #budgets: IH2Budgets;
  readonly #clock: IClock;
  readonly #bornMs: number;
  /** Of what was counted, which is little on most connections; null: nothing. */
  #levels: ILevel[] | null = null;

  constructor(budgets: IH2Budgets, clock: IClock) {
    this.#budgets = budgets;
    this.#clock = clock;
    this.#bornMs = clock.nowMs();
  }

  /** False: over the budget. */
  spend(name: TH2BudgetName): boolean {
    const state = this.#levelOf(name) ?? this.#make(name);
    state.total++;
    state.level++;
    const { burst, perSecond } = this.#budgets[name];
    if (state.level <= burst) return true;
    // Time is asked only here: what was emptied meanwhile is found out at once.
    const now = this.#clock.nowMs();
    state.level = Math.max(0, state.level - ((now - state.atMs) * perSecond) / 1_000);
    state.atMs = now;
    return state.level <= burst;
  }

  get nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Gives back what an ordinary use of the protocol earns. */
  earn(name: TH2BudgetName, amount: number): void {
    const state = this.#levelOf(name);
    if (state !== undefined) state.level = Math.max(0, state.level - amount);
  }

  /** How many there were. */
  total(name: TH2BudgetName): number {
    return this.#levelOf(name)?.total ?? 0;
  }

  #levelOf(name: TH2BudgetName): ILevel | undefined {
    if (this.#levels !== null) for (const state of this.#levels) if (state.name === name) return state;
    return undefined;
  }

  #make(name: TH2BudgetName): ILevel {
    const state = { name, level: 0, atMs: this.#bornMs, total: 0 };
    if (this.#levels === null) this.#levels = [state];
    else this.#levels.push(state);
    return state;
  }
}
