import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { commentOf, restoreResult, restoreTraces } from '../../scripts/test-traces.mjs';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

const source =
  "interface IGone {\n  readonly a: number;\n}\n\nexport function fail(): IGone {\n  throw new Error('x');\n}\n";

tap.test('a trace through what was compiled leads to the lines of the source', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'ts/a.js');
  await mkdir(join(folder.path, 'ts'));
  await writeFile(join(folder.path, 'package.json'), '{ "type": "module" }');
  const { code, map } = await transform(source, {
    ...{ loader: 'ts', sourcefile: 'file:///there/ts/a.ts', sourcemap: 'external', sourcesContent: false },
  });
  await writeFile(file, code + commentOf(map));
  const { fail } = (await import(pathToFileURL(file).href)) as { fail(): void };
  let trace = '';
  try {
    fail();
  } catch (error) {
    trace = String((error as Error).stack);
  }
  expect(restoreTraces(trace, folder.path)).toContain('at fail (/there/ts/a.ts:6:9)');
  const result = { file: 'a', troubles: [], ms: 1, output: trace, tests: [] };
  expect(restoreResult(result, folder.path).output).toContain('/there/ts/a.ts:6:9');
  const test = { name: 'b', nesting: 0, outcome: 'failed', ms: 1, why: trace } as const;
  expect(restoreResult({ ...result, tests: [test] }, folder.path).tests[0]?.why).toContain('/there/ts/a.ts:6:9');
});

tap.test('other places, and modules of which nothing is known, stay as they are', async () => {
  await using folder = await makeFolder();
  await writeFile(join(folder.path, 'b.js'), 'export {};\n');
  const text = `at ${folder.path}/b.js:1:1, ${folder.path}/none.js:1:1, ${folder.path}-2/b.js:1:1, node:net:1:1, ${folder.path}`;
  expect(restoreTraces(text, folder.path)).toEqual(text);
});

export default tap.start();
