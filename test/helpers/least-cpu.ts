// What a piece of work costs this process, as far as a busy machine lets us know.

/** The least CPU time, in milliseconds, of a few runs: other processes only ever make it longer. */
export function leastCpuMs(work: () => void, runs = 6): number {
  const costs = Array.from({ length: runs }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...costs);
}
