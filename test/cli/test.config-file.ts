import { rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfigFile, stateOf } from '../../ts/cli/config-file.js';
import { ConfigFileError } from '../../ts/cli/faults.js';
import { CommandError } from '../../ts/cli/host.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

const caughtFrom = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => new Error('nothing was thrown'),
    (error) => error,
  );

tap.test('a good file gives its options, a faulty one every fault with its place', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'proxy.yaml');
  await writeFile(file, 'routes:\n  - match: { ports: 0 }\n    action: { type: block }\n');
  expect((await readConfigFile(file)).options).toEqual({
    routes: [{ match: { ports: 0 }, action: { type: 'block' } }],
  });
  await writeFile(file, 'routes:\n  - match: { ports: x }\n    action: { type: blok }\nx: 1\n');
  const error = await caughtFrom(readConfigFile(file));
  if (!(error instanceof ConfigFileError)) throw error;
  expect(error.faults.map(({ path, line }) => [path, line])).toEqual([
    ['routes[0].match.ports', 2],
    ['routes[0].action.type', 3],
    ['x', 4],
  ]);
});

tap.test('what is no object of options at all is a fault of the file', async () => {
  await using folder = await makeFolder();
  for (const [i, text] of ['', '5', '[]', '"routes"'].entries()) {
    const file = join(folder.path, `${i}.yaml`);
    await writeFile(file, text);
    if (!((await caughtFrom(readConfigFile(file))) instanceof ConfigFileError)) throw new Error(`${text} is taken`);
  }
});

tap.test('functions have their place in code alone', async () => {
  await using folder = await makeFolder();
  const [data, code] = [join(folder.path, 'a.json'), join(folder.path, 'a.mjs')];
  const route = `"match": { "ports": 0 }, "action": { "type": "socket-handler", "socketHandler": "x" }`;
  await writeFile(data, `{ "routes": [{ ${route} }] }`);
  await writeFile(code, `export default { routes: [{ ${route.replace('"x"', '() => {}')} }] };`);
  const error = await caughtFrom(readConfigFile(data));
  if (!(error instanceof ConfigFileError)) throw error;
  expect(error.faults.map(({ path, want }) => [path, want])).toEqual([
    ['routes[0].action.socketHandler', 'a function'],
  ]);
  expect((await readConfigFile(code)).options.routes).toHaveLength(1);
});

tap.test(
  'a file that is not there is the fault of the environment, one of another kind the fault of the user',
  async () => {
    await using folder = await makeFolder();
    const gone = await caughtFrom(readConfigFile(join(folder.path, 'a.json')));
    const goneCode = await caughtFrom(readConfigFile(join(folder.path, 'a.mjs')));
    const other = await caughtFrom(readConfigFile(join(folder.path, 'a.toml')));
    for (const [error, exitCode] of [
      [gone, 2],
      [goneCode, 2],
      [other, 1],
    ] as const) {
      if (!(error instanceof CommandError)) throw error;
      expect(error.exitCode).toEqual(exitCode);
    }
  },
);

tap.test('the state of a file is another after each way of changing it, and none where it is gone', async () => {
  await using folder = await makeFolder();
  const at = (name: string) => join(folder.path, name);
  const states: (string | null)[] = [];
  const look = async () => states.push(await stateOf(at('a')));
  await writeFile(at('a'), '1');
  await look();
  await writeFile(at('a'), '12');
  await look();
  await writeFile(at('b'), '12');
  await rename(at('b'), at('a'));
  await look();
  await writeFile(at('c'), '12');
  await unlink(at('a'));
  await symlink('c', at('a'));
  await look();
  expect(new Set(states).size).toEqual(4);
  await unlink(at('a'));
  expect(await stateOf(at('a'))).toBeNull();
});

export default tap.start();
