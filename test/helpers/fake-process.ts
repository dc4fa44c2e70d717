// A process that can be killed between any two things it does to the world, within the one that tests.

export interface IFakeProcess {
  readonly isDead: boolean;
  /** How many things it has done to the world. */
  readonly steps: number;
  /** Does one thing to the world; never settles once the process is dead. */
  act<T>(what: string, effect: () => T | Promise<T>): Promise<T>;
  kill(): void;
  /** What is called when it dies. */
  readonly atDeath: Set<() => void>;
}

export interface ICrash {
  /** Which thing it does as its last, counted from 1. */
  readonly step: number;
  /** True: it dies before the thing is done, else before it hears of it. */
  readonly before: boolean;
}

export function makeFakeProcess(crash: ICrash | null = null, trace: string[] | null = null): IFakeProcess {
  let isDead = false;
  let steps = 0;
  const atDeath = new Set<() => void>();
  const kill = () => {
    if (isDead) return;
    isDead = true;
    for (const free of atDeath) free();
  };
  const forever = <T>() => new Promise<T>(() => {});
  return {
    get isDead() {
      return isDead;
    },
    get steps() {
      return steps;
    },
    async act<T>(what: string, effect: () => T | Promise<T>): Promise<T> {
      if (isDead) return forever<T>();
      steps++;
      trace?.push(what);
      const isLast = crash?.step === steps;
      if (isLast && crash.before) kill();
      if (isDead) return forever<T>();
      try {
        return await effect();
      } finally {
        if (isLast) kill();
        // biome-ignore lint/correctness/noUnsafeFinally: the dead hear neither results nor errors
        if (isDead) return forever<T>();
      }
    },
    kill,
    atDeath,
  };
}
