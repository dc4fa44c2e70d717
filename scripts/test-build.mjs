// Compiles ts/ and test/ once for all test files of a run, which costs each of them a second less than tsx does.
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { bundlePackages } from './test-bundles.mjs';
import { commentOf } from './test-traces.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Below node_modules, where packages are found and tools do not look. */
const cache = join(root, 'node_modules/.cache');
const prefix = 'smartproxy-tests-';
const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };

/** Resolves to the folder, of this process alone, that holds `ts/` and `test/` as JavaScript. */
export async function buildTests() {
  const folder = join(cache, `${prefix}${process.pid}`);
  await sweep();
  await mkdir(folder, { recursive: true });
  // What the sources reach outside of ts/ and test/.
  for (const name of ['scripts', 'package.json']) await symlink(join(root, name), join(folder, name));
  await bundlePackages(folder);
  for (const part of ['ts', 'test']) {
    const files = (await readdir(join(root, part), { recursive: true })).filter((file) => file.endsWith('.ts'));
    await Promise.all(files.map((file) => compile(join(root, part, file), outputOf(folder, join(part, file)))));
  }
  return folder;
}

/** Where a source, named from the root of the repository, is found once compiled. */
export function outputOf(folder, source) {
  return join(folder, source.replace(/\.ts$/, '.js'));
}

async function compile(source, output) {
  const url = pathToFileURL(source).href;
  // Whatever a file looks for beside itself it finds beside its source.
  const define = { 'import.meta.url': JSON.stringify(url) };
  const settings = {
    loader: 'ts',
    target: 'node20',
    sourcefile: url,
    sourcemap: 'external',
    sourcesContent: false,
    define,
    tsconfigRaw,
  };
  const text = await readFile(source, 'utf8');
  const made = await transform(text, settings).catch(
    // To be told by each test that needs this file.
    ({ message }) => ({ code: `throw new SyntaxError(${JSON.stringify(message)});\n`, map: '' }),
  );
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, made.map === '' ? made.code : made.code + commentOf(made.map));
}

/** Removes what runs left behind that were killed. */
async function sweep() {
  const names = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith(prefix));
  for (const name of names) {
    const pid = Number(name.slice(prefix.length));
    if (pid === process.pid || !isRunning(pid)) await rm(join(cache, name), { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
