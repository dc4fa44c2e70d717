// Which coding of content a client takes (RFC 9110 §12.5.3).

import type { ICompression } from '../config/types.js';

export type TCoding = NonNullable<ICompression['algorithms']>[number];

/** Elements of Accept-Encoding that are read. */
const maxElements = 50;

/**
 * The coding with the highest weight, of equals the first of `offered`; null if content must go as it is. A client that
 * sends no Accept-Encoding would take anything, but those that do not know of codings are among them.
 */
export function chooseCoding(accepted: string | null, offered: readonly TCoding[]): TCoding | null {
  if (accepted === null) return null;
  const weights = weightsOf(accepted);
  const other = weights.get('*') ?? 0;
  let best: TCoding | null = null;
  // What is taken as it is with a higher weight than any coding stays so.
  let bestWeight = weights.get('identity') ?? 0;
  for (const coding of offered) {
    const weight = weights.get(coding) ?? other;
    if (weight > bestWeight || (weight === bestWeight && weight > 0 && best === null)) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}

function weightsOf(accepted: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const element of accepted.split(',', maxElements)) {
    const [name = '', ...parameters] = element.split(';');
    const coding = name.trim().toLowerCase();
    if (coding !== '') weights.set(coding === 'x-gzip' ? 'gzip' : coding, weightOf(parameters));
  }
  return weights;
}

/** RFC 9110 §12.4.2; what is no weight counts as a refusal. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=', 2);
    if (name.trim().toLowerCase() !== 'q') continue;
    const text = value.trim();
    return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0;
  }
  return 1;
}
