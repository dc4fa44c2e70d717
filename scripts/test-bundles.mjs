// Packages of many small files, each made one file for a test run: to find and open 96 files takes longer than to run them.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Those that many test files load. One that is missing here costs time, never a failure. */
const packages = ['zod', '@push.rocks/smartexpect', 'minimatch', 'jose'];

/** Puts them where modules below `folder` look for packages first. Whoever resolves from the sources gets the packages. */
export async function bundlePackages(folder) {
  await Promise.all(
    packages.map(async (name) => {
      const home = join(folder, 'node_modules', name);
      await build({
        entryPoints: [fileURLToPath(import.meta.resolve(name))],
        outfile: join(home, 'index.js'),
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        keepNames: true,
        logLevel: 'error',
      });
      await mkdir(home, { recursive: true });
      await writeFile(join(home, 'package.json'), JSON.stringify({ type: 'module', exports: './index.js' }));
    }),
  );
}
