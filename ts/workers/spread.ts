// How many connections each worker is to have: the system wakes whichever it likes, and long-lived connections stay there.

/** Below that many more than others have, it is not worth the trouble: to hand over costs as much as to accept. */
const slack = 8;

/**
 * From how many on a worker leaves what it accepts to the one with the fewest.
 * @param live connections of each worker
 */
export function ceilingOf(live: readonly number[]): number {
  if (live.length < 2) return Number.POSITIVE_INFINITY;
  const mean = live.reduce((sum, count) => sum + count, 0) / live.length;
  return Math.ceil(mean * 1.125) + slack;
}

/** Whether to tell it anew: each change of a few percent would be talk. */
export const isOtherCeiling = (told: number, ceiling: number): boolean =>
  told !== ceiling && (!Number.isFinite(told) || !Number.isFinite(ceiling) || Math.abs(told - ceiling) * 16 >= told);

/**
 * Parts of a limit: what each has, and an even part of what is free. Together they are `limit`, or what is there already.
 * @returns as many numbers, in the same order
 */
export function partsOf(limit: number, live: readonly number[]): number[] {
  const used = live.reduce((sum, count) => sum + count, 0);
  const free = Math.max(0, limit - used);
  const each = Math.floor(free / live.length);
  let rest = free - each * live.length;
  return live.map((count) => count + each + (rest-- > 0 ? 1 : 0));
}
