// What every test file is written with: `tap` on node:test, `expect` on smartexpect.
// Tests are collected and handed to node:test by start(), so that `tap.only` needs no flag.

import { type TestContext, test } from 'node:test';
import { expect } from './expectation.js';

export { expect };

/** True when the long form of the tests is asked for by LONG=1 in the environment. */
export const long = process.env.LONG === '1';

/** How many cases a property test tries: `short`, or a hundred times that in the long form. */
export const numRuns = (short = 400): number => (long ? short * 100 : short);

type TTestBody = (t: TestContext) => unknown;
type TAdd = (title: string, body: TTestBody) => void;

interface ICollected {
  readonly title: string;
  readonly body: TTestBody;
  readonly mode: 'normal' | 'only' | 'skip';
  readonly timeoutMs: number;
}

/** How long a file may linger after its last test before that counts as a leaked handle. */
const lingerMs = 10_000;

const collected: ICollected[] = [];
const troubles: string[] = [];
let timeoutMs = long ? 1_800_000 : 60_000;

const adder =
  (mode: ICollected['mode']): TAdd =>
  (title, body) => {
    collected.push({ title, body, mode, timeoutMs });
  };

export const tap = {
  /** Adds a test. Tests of a file run one after the other in the order they were added. */
  test: adder('normal'),
  /** With at least one of these in a file, its other tests are skipped. */
  only: { test: adder('only') },
  skip: { test: adder('skip') },
  /** Sets the time limit, in milliseconds, of the tests added after it in this file; 60 000 at first, or 1 800 000 in the long form. */
  timeout(ms: number): void {
    timeoutMs = ms;
  },
  /** Runs what was added. Resolves when all of it is done; failures show in the exit code. */
  async start(): Promise<void> {
    const tests = collected.splice(0);
    const onlySome = tests.some(({ mode }) => mode === 'only');
    await Promise.all(
      tests.map(({ title, body, mode, timeoutMs: timeout }) =>
        test(title, { timeout, skip: mode === 'skip' || (onlySome && mode !== 'only') }, async (t) => {
          await body(t);
        }),
      ),
    );
    setTimeout(failForLingering, lingerMs).unref();
  },
};

function failForLingering(): void {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const open = [...counts].map(([kind, count]) => (count === 1 ? kind : `${kind} (${count})`));
  process.stderr.write(`# still open after the last test: ${open.join(', ')}\n`);
  process.exit(1);
}

// node:test turns what happens after a test's end into a remark; here it fails the file.
process.on('uncaughtException', (error) => troubles.push(`uncaught exception: ${error?.stack ?? error}`));
process.on('unhandledRejection', (reason) => {
  troubles.push(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`);
});
process.on('warning', (warning) => {
  if (warning.name === 'MaxListenersExceededWarning') troubles.push(warning.stack ?? warning.message);
});
process.on('exit', () => {
  if (troubles.length === 0) return;
  for (const trouble of troubles) process.stderr.write(`# ${trouble}\n`);
  process.exitCode = 1;
});
