import { spawnSync } from 'node:child_process';
import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import * as zod from 'zod';
import { buildTests, outputOf } from '../../scripts/test-build.mjs';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test(
  'every source is compiled and knows where it came from, packages are one file each; what a killed run left is removed',
  async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const left = `${root}node_modules/.cache/smartproxy-tests-${dead}`;
    await mkdir(left, { recursive: true });
    const folder = await buildTests();
    try {
      await expect(access(left)).rejects.toThrow();
      // Packages are found from there.
      expect(folder.startsWith(`${root}node_modules/`)).toBeTrue();
      const file = outputOf(folder, 'test/helpers/source-text.ts');
      const code = await readFile(file, 'utf8');
      expect(code).toContain(`"${pathToFileURL(`${root}test/helpers/source-text.ts`).href}"`);
      expect(code).toContain('sourceMappingURL=data:');
      await access(outputOf(folder, 'ts/index.ts'));
      const bundle = (await import(pathToFileURL(`${folder}/node_modules/zod/index.js`).href)) as object;
      expect(Object.keys(bundle)).toEqual(Object.keys(zod));
      const { root: seen } = (await import(pathToFileURL(file).href)) as { root: string };
      expect(seen).toEqual(root);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

export default tap.start();
