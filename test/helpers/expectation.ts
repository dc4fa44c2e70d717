// smartexpect's assertions, with `resolves` and `rejects`, and stricter where its own would let a wrong value pass:
// its toEqual takes any two Maps, Sets or Errors for equal, its toContain knows arrays only.

import { inspect, isDeepStrictEqual } from 'node:util';
import * as smartexpect from '@push.rocks/smartexpect';

type TAssertion = ReturnType<typeof smartexpect.expect>;
type TErrorClass = abstract new (...args: never[]) => Error;

const Assertion = smartexpect.expect(undefined).constructor as new (
  value: unknown,
  mode: 'sync' | 'async',
) => TAssertion;

const show = (value: unknown): string => inspect(value, { depth: 6, breakLength: 100, maxArrayLength: 50 });

export class Expectation extends Assertion {
  #negated = false;

  constructor(value: unknown) {
    super(value, 'sync');
  }

  override get not(): this {
    this.#negated = true;
    return super.not;
  }

  /** Same structure, same prototypes; NaN equals NaN, 0 and -0 differ. */
  override toEqual(expected: unknown): void {
    const value = this.#value();
    this.#judge(isDeepStrictEqual(value, expected), () => `${show(value)} to equal ${show(expected)}`);
  }

  /** The very same value (Object.is). */
  toBe(expected: unknown): void {
    const value = this.#value();
    this.#judge(Object.is(value, expected), () => `${show(value)} to be ${show(expected)}`);
  }

  /** An item of an array or Set, a key of a Map, a part of a string. */
  override toContain(item: unknown): void {
    const value = this.#value();
    this.#judge(contains(value, item), () => `${show(value)} to contain ${show(item)}`);
  }

  override toMatch(pattern: RegExp): void {
    const value = this.#value();
    if (typeof value !== 'string') throw new Error(`toMatch needs a string, got ${show(value)}`);
    this.#judge(value.search(pattern) >= 0, () => `${show(value)} to match ${pattern}`);
  }

  override toHaveLength(length: number): void {
    const value = this.#value();
    const got = (value as { length?: unknown } | null | undefined)?.length;
    if (typeof got !== 'number') throw new Error(`toHaveLength needs something with a length, got ${show(value)}`);
    this.#judge(got === length, () => `${show(value)} to have length ${length}, it has ${got}`);
  }

  /** The function throws: an instance of the class, or an error whose message matches. */
  override toThrow(wanted?: TErrorClass | RegExp | string): void {
    const value = this.#value();
    if (typeof value !== 'function') throw new Error(`toThrow needs a function, got ${show(value)}`);
    const outcome = run(value as () => unknown);
    const fits = outcome.threw && isWanted(outcome.error, wanted);
    const found = outcome.threw ? `it threw ${show(outcome.error)}` : 'it did not throw';
    this.#judge(fits, () => `the function to throw ${wanted === undefined ? '' : show(wanted)}; ${found}`);
  }

  /** Goes on with what the promise resolves to. To be awaited; without an assertion it asserts that it resolves. */
  get resolves(): TLater {
    return later({ promise: this.#value(), settles: 'resolves', steps: [] });
  }

  /** Goes on with what the promise rejects with (`toThrow` judges that error). To be awaited. */
  get rejects(): TLater {
    return later({ promise: this.#value(), settles: 'rejects', steps: [] });
  }

  #value(): unknown {
    let value: unknown = this.baseReference;
    for (const key of this.propertyDrillDown) {
      if (value === null || value === undefined) return value;
      value = (value as Record<string | number, unknown>)[key];
    }
    return value;
  }

  #judge(ok: boolean, message: () => string): void {
    if (ok !== this.#negated) return;
    throw new Error(`expected ${this.#negated ? 'not: ' : ''}${message()}`);
  }
}

/** Says what must be true of a value; throws if it is not. */
export const expect = (value: unknown): Expectation => new Expectation(value);

type TSteps = 'not' | 'property' | 'arrayItem';
type TTerminal = Exclude<keyof Expectation, TSteps | 'resolves' | 'rejects' | 'timeout' | keyof ILaterSteps>;

interface ILaterSteps extends PromiseLike<unknown> {
  readonly not: TLater;
  property(name: string): TLater;
  arrayItem(index: number): TLater;
  /** Fails if the promise has not settled after `ms` milliseconds. */
  withTimeout(ms: number): TLater;
}

/** An expectation about a promise's outcome: the same words, each giving a promise. */
export type TLater = ILaterSteps & {
  readonly [K in TTerminal]: Expectation[K] extends (...args: infer A) => unknown
    ? (...args: A) => Promise<void>
    : never;
};

interface ILaterState {
  readonly promise: unknown;
  readonly settles: 'resolves' | 'rejects';
  readonly steps: readonly ((expectation: Expectation) => Expectation)[];
  readonly timeoutMs?: number;
}

function later(state: ILaterState): TLater {
  const withStep = (step: (expectation: Expectation) => Expectation) =>
    later({ ...state, steps: [...state.steps, step] });
  const words: Record<string, unknown> = {
    property: (name: string) => withStep((expectation) => expectation.property(name)),
    arrayItem: (index: number) => withStep((expectation) => expectation.arrayItem(index)),
    withTimeout: (ms: number) => later({ ...state, timeoutMs: ms }),
  };
  return new Proxy(words, {
    get(_, word: string) {
      if (word === 'not') return withStep((expectation) => expectation.not);
      if (word === 'then') {
        const settled = settle(state);
        return settled.then.bind(settled);
      }
      return words[word] ?? ((...args: unknown[]) => judgeLater(state, word, args));
    },
  }) as unknown as TLater;
}

async function judgeLater(state: ILaterState, word: string, args: unknown[]): Promise<void> {
  const value = await settle(state);
  const asThrown = state.settles === 'rejects' && word === 'toThrow';
  const subject = asThrown ? throwing(value) : value;
  const expectation = state.steps.reduce((soFar, step) => step(soFar), expect(subject));
  const method = Reflect.get(expectation, word) as unknown;
  if (typeof method !== 'function') throw new Error(`no such expectation: ${word}`);
  Reflect.apply(method, expectation, args);
}

const throwing = (error: unknown) => () => {
  throw error;
};

async function settle({ promise, settles, timeoutMs }: ILaterState): Promise<unknown> {
  if (typeof (promise as PromiseLike<unknown> | null)?.then !== 'function') {
    throw new Error(`${settles} needs a promise, got ${show(promise)}`);
  }
  const outcome = await limited(outcomeOf(promise as PromiseLike<unknown>), timeoutMs);
  if (outcome === 'late') throw new Error(`expected the promise to settle within ${timeoutMs} ms`);
  if (settles === 'resolves' && outcome.threw) {
    throw new Error(`expected the promise to resolve; it rejected with ${show(outcome.error)}`, {
      cause: outcome.error,
    });
  }
  if (settles === 'rejects' && !outcome.threw) {
    throw new Error(`expected the promise to reject; it resolved to ${show(outcome.value)}`);
  }
  return outcome.threw ? outcome.error : outcome.value;
}

type TOutcome = { readonly threw: false; readonly value: unknown } | { readonly threw: true; readonly error: unknown };

async function outcomeOf(promise: PromiseLike<unknown>): Promise<TOutcome> {
  try {
    return { threw: false, value: await promise };
  } catch (error) {
    return { threw: true, error };
  }
}

async function limited(outcome: Promise<TOutcome>, timeoutMs: number | undefined): Promise<TOutcome | 'late'> {
  if (timeoutMs === undefined) return outcome;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}

function run(fn: () => unknown): TOutcome {
  try {
    return { threw: false, value: fn() };
  } catch (error) {
    return { threw: true, error };
  }
}

function isWanted(error: unknown, wanted: TErrorClass | RegExp | string | undefined): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted === 'function') return error instanceof wanted;
  const message = error instanceof Error ? error.message : String(error);
  return typeof wanted === 'string' ? message.includes(wanted) : message.search(wanted) >= 0;
}

function contains(value: unknown, item: unknown): boolean {
  if (typeof value === 'string') return value.includes(String(item));
  if (Array.isArray(value)) return value.includes(item);
  if (value instanceof Set || value instanceof Map) return value.has(item);
  throw new Error(`toContain needs an array, a string, a Set or a Map, got ${show(value)}`);
}
