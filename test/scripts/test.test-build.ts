import { spawnSync } from 'node:child_process';
import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { buildTests, outputOf } from '../../scripts/test-build.mjs';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('every source is compiled, knows where it came from, and is found below packages', async () => {
  const folder = await buildTests();
  try {
    expect(folder.startsWith(`${root}node_modules/`)).toBeTrue();
    const file = outputOf(folder, 'test/helpers/source-text.ts');
    const code = await readFile(file, 'utf8');
    expect(code).toContain(`"${pathToFileURL(`${root}test/helpers/source-text.ts`).href}"`);
    expect(code).toContain('sourceMappingURL=data:');
    await access(outputOf(folder, 'ts/index.ts'));
    // It runs, although neither a compiler nor its own sources are beside it.
    const { root: seen } = (await import(pathToFileURL(file).href)) as { root: string };
    expect(seen).toEqual(root);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

tap.test('what a run left that was killed is removed by the next', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const folder = await buildTests();
  try {
    const left = folder.replace(/\d+$/, String(dead));
    await mkdir(left);
    await buildTests();
    await expect(access(left)).rejects.toThrow();
    await access(outputOf(folder, 'ts/index.ts'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

export default tap.start();
