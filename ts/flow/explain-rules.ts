// Tells what each rule of the guard says.

import type { TEnd } from './ends.js';
import type { IExplainStep } from './explain-types.js';
import type { IRuleVerdict } from './guard/guard.js';

/** Tells every rule; the word of the first that refuses. */
export function tellRules(verdicts: readonly IRuleVerdict[], steps: IExplainStep[]): TEnd | null {
  for (const { ok, why, end } of verdicts) {
    steps.push({ stage: 'guard', ok, text: why, ...(ok ? {} : { detail: { end } }) });
  }
  return verdicts.find(({ ok }) => !ok)?.end ?? null;
}
