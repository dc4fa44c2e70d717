import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCodeFile } from '../../ts/cli/code-file.js';
import { ConfigFileError, type IPlacedFault } from '../../ts/cli/faults.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** Writes files into a folder and gives their paths by name. */
async function makeFiles(files: Record<string, string>) {
  const folder = await makeFolder();
  const at = (name: string) => join(folder.path, name);
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(at(name), text)));
  return { at, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function faultOf(path: string): Promise<IPlacedFault> {
  const error: unknown = await runCodeFile(path).then(
    () => new Error(`${path} runs`),
    (caught) => caught,
  );
  if (!(error instanceof ConfigFileError)) throw error;
  expect(error.file).toEqual(path);
  return error.faults[0] as IPlacedFault;
}

tap.test('options, functions and promises are taken from ES modules, CommonJS and TypeScript', async () => {
  await using files = await makeFiles({
    'a.mjs': 'export default { a: 1 };',
    'b.mjs': 'export default () => ({ a: 2 });',
    'c.mjs': 'export default async () => ({ a: 3 });',
    'd.mjs': 'export default Promise.resolve({ a: 4 });',
    'e.js': 'module.exports = { a: 5 };',
    'f.ts': 'interface IX { a: number }\nconst x: IX = { a: 6 };\nexport default async (): Promise<IX> => x;',
  });
  for (const [i, name] of ['a.mjs', 'b.mjs', 'c.mjs', 'd.mjs', 'e.js', 'f.ts'].entries()) {
    expect(await runCodeFile(files.at(name))).toEqual({ a: i + 1 });
  }
});

tap.test('a file that changed is run anew, whatever kind of module it is', async () => {
  const text = { 'a.mjs': 'export default', 'b.js': 'module.exports =', 'c.ts': 'export default' };
  await using files = await makeFiles({});
  for (const [name, beginning] of Object.entries(text)) {
    for (const count of [1, 2, 3]) {
      await writeFile(files.at(name), `${beginning} { count: ${count} };`);
      expect(await runCodeFile(files.at(name))).toEqual({ count });
    }
  }
});

tap.test('code behind a symbolic link is run anew too', async () => {
  await using files = await makeFiles({ 'real.js': 'module.exports = { count: 1 };' });
  await symlink('real.js', files.at('link.js'));
  expect(await runCodeFile(files.at('link.js'))).toEqual({ count: 1 });
  await writeFile(files.at('real.js'), 'module.exports = { count: 2 };');
  expect(await runCodeFile(files.at('link.js'))).toEqual({ count: 2 });
});

tap.test('what the code throws is told with its place', async () => {
  await using files = await makeFiles({
    'a.mjs': "const a = 1;\nexport default () => {\n  throw new TypeError('it is\\nbroken');\n};",
    'b.ts': "const a: number = 1;\nthrow new RangeError('b');",
  });
  const first = await faultOf(files.at('a.mjs'));
  expect([first.got, first.line]).toEqual(['TypeError: it is broken', 3]);
  const second = await faultOf(files.at('b.ts'));
  expect([second.got, second.line]).toEqual(['RangeError: b', 2]);
});

tap.test('a slip of syntax is told with its place', async () => {
  await using files = await makeFiles({ 'a.mjs': 'const a = 1;\nexport default { b: [ };' });
  const { got, line, column } = await faultOf(files.at('a.mjs'));
  expect(got).toMatch(/^SyntaxError: /);
  expect([line, column]).toEqual([2, 23]);
});

tap.test('code without a default export, or that throws no error, is refused', async () => {
  await using files = await makeFiles({
    'a.mjs': 'export const a = 1;',
    'b.mjs': "export default () => Promise.reject('no');",
  });
  expect((await faultOf(files.at('a.mjs'))).got).toContain('no default export');
  expect((await faultOf(files.at('b.mjs'))).got).toEqual('no');
});

export default tap.start();
