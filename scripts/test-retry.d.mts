import type { ITestFileResult } from './test-file.mjs';

export const mostRetries: number;

export function retryFailed<T extends Pick<ITestFileResult, 'file' | 'tests' | 'troubles'>>(
  results: readonly T[],
  runAgain: (file: string) => Promise<T>,
): Promise<(T & { readonly flaky?: T })[]>;
