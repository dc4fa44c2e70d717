// Waits for a condition that no event announces.

export async function until(condition: () => boolean, withinMs: number, want: () => string): Promise<void> {
  const startMs = performance.now();
  while (!condition()) {
    if (performance.now() - startMs > withinMs) throw new Error(`not within ${withinMs} ms: ${want()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
