// The last net for tests that a starved machine can break: a file that failed runs once more, when nothing else does.
import { failuresOf } from './test-summary.mjs';

/** More than these are no accident. */
export const mostRetries = 5;

/**
 * Resolves to the results that count. `runAgain` is given a file that failed and resolves to its second result, which replaces
 * the first and, if it is good, holds it as `flaky`. Where too many failed, nothing runs again.
 */
export async function retryFailed(results, runAgain) {
  const isFailed = (result) => failuresOf(result).length > 0;
  if (results.filter(isFailed).length > mostRetries) return results;
  const final = [];
  for (const first of results) {
    if (!isFailed(first)) {
      final.push(first);
      continue;
    }
    const second = await runAgain(first.file);
    final.push(isFailed(second) ? second : { ...second, flaky: first });
  }
  return final;
}
