// What the results of test files amount to: the counts, and whether the run is good.

/** The failed tests of a file, each with its reason, and whatever went wrong around them. */
export function failuresOf({ tests, troubles }) {
  const failed = tests.filter(({ outcome }) => outcome === 'failed');
  return [...failed.map(({ name, why }) => `${name}\n${indent(why ?? '')}`), ...troubles];
}

export function indent(text) {
  return text.replace(/^/gm, '  ');
}

/** `lines` is for people, `last` for programs. What passed at its second run counts as passed, and its first is told whole. In CI a skipped test is a failed run; without a test no run is good. */
export function summarise(results, ci) {
  const lines = [];
  const flaky = results.filter((result) => result.flaky !== undefined);
  if (flaky.length > 0) lines.push('', `flaky: ${flaky.length} file${flaky.length === 1 ? '' : 's'}`);
  for (const { flaky: first } of flaky) {
    lines.push(`  ${first.file} failed, and passed when it ran again alone. Its failure:`);
    for (const failure of failuresOf(first)) lines.push(indent(indent(failure)));
  }
  const failing = results.flatMap((result) => failuresOf(result).map((why) => `  ${result.file}: ${firstLine(why)}`));
  if (failing.length > 0) lines.push('', 'Failed:', ...failing);
  // Subtests count with the test they are in.
  const tests = results.flatMap(({ file, tests: all }) =>
    all.filter(({ nesting }) => nesting === 0).map((test) => ({ ...test, file })),
  );
  const count = (wanted) => tests.filter(({ outcome }) => outcome === wanted).length;
  const skipped = count('skipped');
  if (skipped > 0) lines.push('', ci ? 'Skipped, which fails this run:' : 'Skipped:');
  for (const { file, name, outcome } of tests) if (outcome === 'skipped') lines.push(`  ${file}: ${name}`);
  const failed = count('failed') + results.reduce((sum, { troubles }) => sum + troubles.length, 0);
  const passed = count('passed');
  const last = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  return { lines, last, good: failed === 0 && passed > 0 && !(ci && skipped > 0) };
}

const firstLine = (text) => text.split('\n')[0];
