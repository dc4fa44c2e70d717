// From what zod finds to faults: the branch of a union that was meant, a fault for each unknown key, suggestions.

import type * as plugins from '../plugins.js';
import { gotText, type IPathFault, type TKey, valueAt } from './faults.js';
import { wantFormer } from './former.js';
import { knownOptions, wantFunction } from './schema-base.js';

type TIssue = plugins.zod.core.$ZodIssue;

/** The faults of `root`, whose parse gave `issues`. */
export function faultsOf(issues: readonly TIssue[], root: unknown): IPathFault[] {
  return issues.flatMap((issue) => faultsOfIssue(issue, [], root));
}

function faultsOfIssue(issue: TIssue, above: readonly TKey[], root: unknown): IPathFault[] {
  // Symbols are no keys of plain data.
  const path = [...above, ...(issue.path as TKey[])];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownOption(issue.message, key, [...path, key], valueAt(root, [...path, key])));
  }
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors);
    if (branch !== null) return branch.flatMap((inner) => faultsOfIssue(inner, path, root));
  }
  if (issue.code === 'invalid_key') return issue.issues.flatMap((inner) => faultsOfIssue(inner, path, root));
  const value = valueAt(root, path);
  return [{ path, want: issue.message, got: holdsSecret(path) ? kindOf(value) : gotText(value) }];
}

/** Keys, passphrases, credentials and what header rules set: a token perhaps. */
function holdsSecret(path: readonly TKey[]): boolean {
  const [place, name] = path.slice(-2);
  if (path.some((key) => authentication.has(key))) return !(typeof name === 'string' && harmless.has(name));
  if (name === 'key') return place !== 'loadBalancing';
  if (place === 'admin' && name === 'token') return true;
  return name === 'passphrase' || name === 'hmacKey' || name === 'body' || fieldRecords.has(place ?? '');
}

const authentication: ReadonlySet<TKey> = new Set(['authentication', 'basicAuth', 'jwtAuth', 'forwardAuth']);

/** What of authentication may be shown where it is at fault. */
const harmless: ReadonlySet<string> = new Set(['type', 'realm']);

const fieldRecords: ReadonlySet<TKey> = new Set(['request', 'response', 'headers', 'customHeaders']);

/**
 * The one branch that did not fail for being of another type; of several the one that knows most of what is there; null
 * if that is none or still several.
 */
function meantBranch(branches: readonly (readonly TIssue[])[]): readonly TIssue[] | null {
  const meant = branches.filter((issues) => issues.length > 0 && !issues.some(isOtherType));
  const fewest = Math.min(...meant.map(unknownKeys));
  const best = meant.filter((issues) => unknownKeys(issues) === fewest);
  return best.length === 1 ? (best[0] ?? null) : null;
}

const unknownKeys = (issues: readonly TIssue[]): number =>
  issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0), 0);

const isOtherType = (issue: TIssue): boolean =>
  issue.path.length === 0 &&
  (issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.message === wantFunction);

/** What an unknown option holds is not shown: it may be a password. */
function unknownOption(place: string, key: string, path: readonly TKey[], value: unknown): IPathFault {
  const former = wantFormer(place, key);
  if (former !== null) return { path, want: former, got: kindOf(value) };
  return { path, want: `a known option${hint(place, key)}`, got: `an unknown name with ${kindOf(value)}` };
}

const kindOf = (value: unknown): string =>
  typeof value === 'object' || typeof value === 'function' ? gotText(value) : `a ${typeof value}`;

function hint(place: string, key: string): string {
  const known = knownOptions.get(place) ?? [];
  const close = closest(key, known);
  if (close !== null) return ` (did you mean \`${close}\`?)`;
  const elsewhere = [...knownOptions].filter(([, options]) => options.includes(key)).map(([other]) => other);
  if (elsewhere.length > 0) return ` (\`${key}\` belongs in: ${elsewhere.join(', ')})`;
  return ` (of ${known.join(', ')})`;
}

/** The name that was probably meant: the same but for case, at most two slips away, or one a beginning of the other. */
export function closest(name: string, known: readonly string[]): string | null {
  const wanted = name.toLowerCase();
  // Comparing is quadratic in the length.
  if (wanted.length > 60) return null;
  let best: string | null = null;
  let bestSlips = Math.min(2, Math.floor(wanted.length / 2)) + 1;
  for (const candidate of known) {
    const slips = slipsBetween(wanted, candidate.toLowerCase());
    if (slips < bestSlips) [best, bestSlips] = [candidate, slips];
  }
  return best ?? known.find((candidate) => isBeginning(wanted, candidate.toLowerCase())) ?? null;
}

const isBeginning = (a: string, b: string): boolean =>
  Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));

/** Letters to insert, drop, change or swap with their neighbour (optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : change;
      row.push(Math.min(change, swap, at(last, j) + 1, at(row, j - 1) + 1));
    }
    before = last;
    last = row;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
