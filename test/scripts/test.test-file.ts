import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ITestFileResult, runTestFile } from '../../scripts/test-file.mjs';
import { expect, tap } from '../helpers/tapbundle.js';

const cwd = fileURLToPath(new URL('../..', import.meta.url));

tap.test('passed, failed and skipped tests are told apart, with the reason of a failure', async () => {
  const { tests, troubles } = await runText(`
    import { test } from 'node:test';
    test('good', () => {});
    test('bad', () => { throw new Error('the reason'); });
    test('later', { skip: true }, () => {});
    test('some day', { todo: true }, () => { throw new Error('not yet'); });
  `);
  expect(tests.map(({ name, outcome }) => `${name}: ${outcome}`)).toEqual([
    'good: passed',
    'bad: failed',
    'later: skipped',
    'some day: skipped',
  ]);
  expect(tests[1]?.why).toContain('the reason');
  expect(troubles).toEqual([]);
});

tap.test('a file whose tests all pass has no troubles', async () => {
  const { tests, troubles } = await runText(`import { test } from 'node:test'; test('good', () => {});`);
  expect(tests).toHaveLength(1);
  expect(troubles).toEqual([]);
});

tap.test('a file without a test is in trouble', async () => {
  expect((await runText('export {};')).troubles).toEqual(['no test ran']);
});

tap.test('a file that does not compile is in trouble and shows why', async () => {
  const { troubles, output } = await runText('const = 1;', { isCompiled: false });
  expect(troubles).toEqual(['ended with exit code 1', 'no test ran']);
  expect(output).toContain('ERROR: Expected identifier');
});

tap.test('a file that hangs is killed when its time is up, with what it started', async () => {
  const { troubles } = await runText(
    `import { spawn } from 'node:child_process';
     spawn('sleep', ['600'], { stdio: 'inherit' });
     setInterval(() => {}, 1000);`,
    { timeoutMs: 2000 },
  );
  expect(troubles).toEqual(['not done after 2 s: killed', 'no test ran']);
});

for (const [where, options] of [
  ['in the group of the file', "{ stdio: 'ignore' }"],
  ['in a group of its own', "{ stdio: 'ignore', detached: true }"],
  ['holding the output of the file', "{ stdio: 'inherit', detached: true }"],
] as const) {
  tap.test(`a process that outlives its file ${where} is told and killed`, async () => {
    const { troubles, output } = await runText(
      `
      import { spawn } from 'node:child_process';
      import { test } from 'node:test';
      test('good', () => {
        const child = spawn('sleep', ['601'], ${options});
        child.unref();
        console.log('pid=' + child.pid);
      });
    `,
      { patienceMs: 500 },
    );
    const pid = Number(/pid=(\d+)/.exec(output)?.[1]);
    expect(troubles).toEqual([`left processes running: sleep 601 (${pid})`]);
    expect(await isRunning(pid)).toBeFalse();
  });
}

async function runText(
  text: string,
  { timeoutMs = 60_000, patienceMs = 5_000, isCompiled = true } = {},
): Promise<ITestFileResult> {
  const folder = await mkdtemp(join(tmpdir(), 'smartproxy-test-'));
  const file = join(folder, isCompiled ? 'test.fixture.mjs' : 'test.fixture.mts');
  const compiled = isCompiled ? { compiled: file } : {};
  try {
    await writeFile(file, text);
    return await runTestFile({
      file,
      ...compiled,
      node: process.execPath,
      timeoutMs,
      patienceMs,
      env: process.env,
      cwd,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** False for a zombie too: its new parent may be slow to bury it. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return !stat.includes(') Z');
}

export default tap.start();
