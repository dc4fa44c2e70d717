// Port ranges in their one form: spans, sorted and apart from each other.

import { deepFreeze } from './freeze.js';
import type { IPortSpan, TPortRange } from './types.js';

/** Port 0 stands for a free port and is never part of a longer span. The result is frozen. */
export function mergePorts(range: TPortRange): readonly IPortSpan[] {
  if (typeof range === 'number') return Object.freeze([spanOf(range)]);
  if (!isList(range)) return Object.freeze([Object.freeze({ from: range.from, to: range.to })]);
  return deepFreeze(mergeSpans(range.map((entry) => (typeof entry === 'number' ? spanOf(entry) : entry))));
}

const spanOf = (port: number): IPortSpan => Object.freeze({ from: port, to: port });

const isList = (range: TPortRange): range is readonly (number | IPortSpan)[] => Array.isArray(range);

/** Joins what overlaps or touches. */
export function mergeSpans(spans: readonly IPortSpan[]): IPortSpan[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || from > last.to + 1 || (last.to === 0 && from > 0)) merged.push({ from, to });
    else if (to > last.to) last.to = to;
  }
  return merged;
}

/** `443`, `80,8000-8010`. */
export const portsText = (spans: readonly IPortSpan[]): string =>
  spans.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
