import type { ITestFileResult } from './test-file.mjs';

type TResult = Pick<ITestFileResult, 'file' | 'tests' | 'troubles'>;

export function failuresOf(result: Pick<TResult, 'tests' | 'troubles'>): string[];

export function indent(text: string): string;

export function summarise(
  results: readonly (TResult & { readonly flaky?: TResult })[],
  ci: boolean,
): { lines: string[]; last: string; good: boolean };
