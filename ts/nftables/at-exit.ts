// One listener for the end of the process, however many proxies have rules in the kernel.

const works = new Set<() => void>();

const onExit = (): void => {
  for (const work of works) work();
};

/** Called when the process exits, unless `notAtExit` comes first. Must not wait for anything. */
export function atExit(work: () => void): void {
  if (works.size === 0) process.on('exit', onExit);
  works.add(work);
}

export function notAtExit(work: () => void): void {
  if (works.delete(work) && works.size === 0) process.off('exit', onExit);
}
