// What path patterns share: their face, the bands of their specificity.

/** How a pattern is found: by a look at a map (`exact`), by what it begins with, or by trying it. */
export type TPathForm = 'exact' | 'params' | 'prefix' | 'glob';

export interface IPathMatch {
  /** By name; null: the pattern has none. */
  readonly params: Readonly<Record<string, string>> | null;
  /** What the star at the end stands for; null: there is none. */
  readonly remainder: string | null;
}

export interface IPathPattern {
  /** As configured. */
  readonly text: string;
  readonly form: TPathForm;
  /** Of `exact` the path; else the whole segments that every path begins with, with the slash behind them. */
  readonly key: string;
  /** Greater is more specific: exact > with parameters > longer prefix > glob > 0, no pattern at all. */
  readonly specificity: number;
  /** `path` is in its normal form, without the query. Allocates nothing; linear in its length. */
  test(path: string): boolean;
  match(path: string): IPathMatch | null;
}

/** Each form has a band of its own; within a band the literal length decides, and no length reaches the next band. */
export const pathBands = { glob: 10_000, prefix: 20_000, params: 30_000, exact: 40_000 } as const;

export const inBand = (band: number, literalLength: number): number => band + Math.min(literalLength, 9_999);
