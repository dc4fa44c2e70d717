// How the demonstration lays out what it shows, and how it fails.

import { CommandError } from './host.js';

export const failed = (why: string) => new CommandError(2, `the demonstration failed: ${why}`);

export const ms = (value: number): string => `${value.toFixed(1)} ms`;

export const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ');

/** Pads the cells of each column to the widest. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}

/** `404 1, 200 3` of counts by name. */
export const countsText = (counts: Iterable<readonly [name: string | number, count: number]>): string =>
  [...counts]
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
