import type { ITestFileResult } from './test-file.mjs';

export function failuresOf(result: Pick<ITestFileResult, 'tests' | 'troubles'>): string[];

export function indent(text: string): string;

export function summarise(
  results: readonly Pick<ITestFileResult, 'file' | 'tests' | 'troubles'>[],
  ci: boolean,
): { lines: string[]; last: string; good: boolean };
