// What the package brings with it: dependencies that are pinned and run nothing, and no parser of Node that is lenient.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTree, root } from './helpers/source-text.js';
import { expect, tap } from './helpers/tapbundle.js';

interface IManifest {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const read = async (path: string): Promise<IManifest> => JSON.parse(await readFile(join(root, path), 'utf8'));
const installs = ({ scripts = {} }: IManifest): string[] =>
  ['preinstall', 'install', 'postinstall'].filter((name) => scripts[name] !== undefined);

tap.test('no dependency runs a script when it is installed', async () => {
  const own = await read('package.json');
  expect(installs(own)).toEqual([]);
  const names = Object.keys(own.dependencies ?? {});
  expect(names.length).toBeGreaterThan(5);
  for (const name of names)
    expect([name, installs(await read(`node_modules/${name}/package.json`))]).toEqual([name, []]);
  // Those of the development are kept from it too, but for one, which brings a program.
  const workspace = await readFile(join(root, 'pnpm-workspace.yaml'), 'utf8');
  expect(/^onlyBuiltDependencies: (.*)$/m.exec(workspace)?.[1]).toEqual('[esbuild]');
});

tap.test('every package of the lock file is of the registry and has its hash', async () => {
  const text = await readFile(join(root, 'pnpm-lock.yaml'), 'utf8');
  const [, section = ''] = /^packages:\n([\s\S]*?)^snapshots:/m.exec(text) ?? [];
  const packages = section.split(/^ {2}(?=\S)/m).filter((part) => part.trim() !== '');
  expect(packages.length).toBeGreaterThan(50);
  const isPinned = (part: string) => /^ {4}resolution: \{integrity: sha512-[A-Za-z0-9+/]{86}==\}$/m.test(part);
  expect(packages.filter((part) => !isPinned(part)).map((part) => part.split('\n')[0])).toEqual([]);
});

tap.test('no source asks for a lenient parser', async () => {
  const lenient = /insecureHTTPParser|insecure-http-parser|lenientFlags|joinDuplicateHeaders|setLenient/i;
  const found = [...(await readTree(['ts'], ['.ts']))].filter(([, text]) => lenient.test(text)).map(([path]) => path);
  expect(found).toEqual([]);
  expect(lenient.test('http.createServer({ insecureHTTPParser: true })')).toBeTrue();
});

export default tap.start();
