// Configuration files that are code: JavaScript and TypeScript whose default export is the options, or gives them.

import * as plugins from '../plugins.js';
import { ConfigFileError, type IPlace } from './faults.js';

/** How often code was loaded: a module is read again only under an address that was never used. */
let loads = 0;

/**
 * Runs the file anew, each time. The modules that it imports may stay as they were read first.
 * @throws ConfigFileError if it cannot be run or exports nothing
 */
export async function runCodeFile(file: string): Promise<unknown> {
  // Node knows modules by where they really are.
  const path = await plugins.fs.promises.realpath(file);
  try {
    const exported = path.endsWith('.ts') && !stripsTypes() ? await importByJiti(path) : await importNatively(path);
    if (exported === undefined) throw new Error('it has no default export');
    return await (typeof exported === 'function' ? exported() : exported);
  } catch (error) {
    throw new ConfigFileError(file, [
      { path: '', want: 'code whose default export is the options', got: told(error), ...(await placeOf(error, path)) },
    ]);
  }
}

/** Node 22.18, 23.6 and later run TypeScript by leaving its types out. */
const stripsTypes = (): boolean => Boolean(Reflect.get(process.features, 'typescript'));

async function importNatively(path: string): Promise<unknown> {
  const { href } = plugins.url.pathToFileURL(path);
  // CommonJS modules are remembered by their path, whatever the address that they are imported under.
  delete plugins.module.createRequire(href).cache[path];
  const module = (await import(loads++ === 0 ? href : `${href}?reload=${loads}`)) as { default?: unknown };
  return module.default;
}

async function importByJiti(path: string): Promise<unknown> {
  const { createJiti } = await plugins.loadJiti();
  const { href } = plugins.url.pathToFileURL(path);
  return await createJiti(href, { moduleCache: false, fsCache: false }).import(path, { default: true });
}

const told = (error: unknown): string => String(error).replace(/\s*\n\s*/g, ' ');

/** Where in the file it happened. */
async function placeOf(error: unknown, path: string): Promise<IPlace | null> {
  const told = placeInStack(error instanceof Error ? (error.stack ?? '') : '', path);
  return told === null && error instanceof SyntaxError ? await placeOfSyntaxError(path) : told;
}

function placeInStack(stack: string, path: string): IPlace | null {
  const at = stack.indexOf(path);
  const [, line, column] =
    at < 0 ? [] : (/^(?:\?reload=\d+)?:(\d+)(?::(\d+))?/.exec(stack.slice(at + path.length)) ?? []);
  return line === undefined ? null : { line: Number(line), column: Number(column ?? 1) };
}

/** Node tells the place of a syntax error to those who start it with the file, not to those who import it. */
async function placeOfSyntaxError(path: string): Promise<IPlace | null> {
  const output = await new Promise<string>((resolve) => {
    plugins.childProcess.execFile(process.execPath, ['--check', path], { timeout: 10_000 }, (_, __, errors) =>
      resolve(errors),
    );
  });
  const [first = '', , marks = ''] = output.split('\n');
  const line = first.includes(path) ? /:(\d+)$/.exec(first)?.[1] : undefined;
  return line === undefined ? null : { line: Number(line), column: Math.max(0, marks.indexOf('^')) + 1 };
}
