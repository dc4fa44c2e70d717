// Waits for a condition that no event announces.

/** Each wait is given this at least: what comes at once may take a starved machine seconds. */
const leastPatienceMs = 15_000;

/** Rejects when the condition has not come true in time. Never a way to learn that something is quick, or does not happen. */
export async function until(condition: () => boolean, withinMs: number, want: () => string): Promise<void> {
  const patienceMs = Math.max(withinMs, leastPatienceMs);
  const startMs = performance.now();
  while (!condition()) {
    if (performance.now() - startMs > patienceMs) throw new Error(`not within ${patienceMs} ms: ${want()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/**
 * Lets what is on its way between sockets of this process arrive: that takes turns of its loop, and on a starved machine a time
 * may pass with hardly one.
 */
export async function someTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}
