// The shape of the sources: each rule is shown to fail on a small tree, then asked about the real one.

import * as childProcess from 'node:child_process';
import * as fs from 'node:fs';
import {
  capabilityRule,
  cycleRule,
  dependencyRule,
  folderRule,
  forbiddenRule,
  lengthRule,
  outsideRule,
  syncRule,
  testFileRule,
} from './helpers/architecture.js';
import { readTree, root, type TTree } from './helpers/source-text.js';
import { expect, tap } from './helpers/tapbundle.js';

const sources = await readTree(['ts'], ['.ts']);
const tests = await readTree(['test'], ['.ts']);
const helpers = new Map([...tests].filter(([path]) => !/\/test\.[^/]+$/.test(path)));
const scripts = await readTree(['scripts'], ['.mjs', '.mts']);
const packageJson = JSON.parse(await fs.promises.readFile(`${root}package.json`, 'utf8')) as {
  dependencies: Record<string, string>;
};
const syncNames = Object.keys({ ...fs, ...childProcess }).filter((name) => name.endsWith('Sync'));

const tree = (files: Record<string, string>): TTree => new Map(Object.entries(files));
const importing = (from: string, to: string, what = 'import { x }'): TTree => tree({ [from]: `${what} from '${to}';` });

tap.test('folders import only what the table allows', async () => {
  expect(folderRule(sources)).toEqual([]);
});

tap.test('the rule about folders knows what is not allowed', async () => {
  const wrong: [string, string][] = [
    ['ts/base/a.ts', '../codec/a.js'],
    ['ts/codec/a.ts', '../config/a.js'],
    ['ts/config/a.ts', '../flow/a.js'],
    ['ts/flow/peek/a.ts', '../match/a.js'],
    ['ts/flow/connection.ts', './peek/a.js'],
    ['ts/flow/stages.ts', './guard/a.js'],
    ['ts/flow/peek/a.ts', '../../smart-proxy.js'],
    ['ts/http/a.ts', '../flow/peek/a.js'],
    ['ts/certs/acme/a.ts', '../../flow/a.js'],
    ['ts/observe/a.ts', '../flow/connection.js'],
    ['ts/cli/a.ts', '../base/errors.js'],
    ['ts/smart-proxy.ts', './index.js'],
    ['ts/smart-proxy.ts', './compat/a.js'],
    ['ts/index.ts', './cli/a.js'],
    ['ts/plugins.ts', './base/a.js'],
  ];
  for (const [from, to] of wrong) expect(folderRule(importing(from, to))).toHaveLength(1);
  expect(folderRule(importing('ts/other/a.ts', '../base/a.js'))).toEqual([
    'ts/other/a.ts: its folder has no row in the table',
  ]);
  expect(folderRule(importing('ts/admin/a.ts', '../flow/a.js', 'import type { X }'))).toHaveLength(1);
});

tap.test('the rule about folders knows what is allowed', async () => {
  const right: [string, string][] = [
    ['ts/flow/peek/a.ts', '../../codec/a.js'],
    ['ts/flow/peek/a.ts', '../../plugins.js'],
    ['ts/flow/peek/a.ts', '../stages.js'],
    ['ts/flow/pipeline.ts', './peek/a.js'],
    ['ts/flow/explain.ts', './match/a.js'],
    ['ts/http/a.ts', '../flow/guard/a.js'],
    ['ts/smart-proxy.ts', './flow/match/a.js'],
    ['ts/cli/a.ts', '../index.js'],
  ];
  for (const [from, to] of right) expect(folderRule(importing(from, to))).toEqual([]);
  expect(folderRule(importing('ts/observe/a.ts', '../flow/a.js', 'import type { X }'))).toEqual([]);
  expect(folderRule(importing('ts/flow/stages.ts', './guard/a.js', 'export type { X }'))).toEqual([]);
});

tap.test('no file imports itself by way of others', async () => {
  expect(cycleRule(sources)).toEqual([]);
  const loop = tree({
    'ts/a.ts': "import { b } from './b.js';",
    'ts/b.ts': "import type { C } from './c.js';",
    'ts/c.ts': "export { a } from './a.js';",
    'ts/d.ts': "import { a } from './a.js';",
  });
  expect(cycleRule(loop)).toEqual(['cycle: ts/a.ts -> ts/b.ts -> ts/c.ts -> ts/a.ts']);
  const diamond = tree({
    'ts/a.ts': "import { b } from './b.js';\nimport { c } from './c.js';",
    'ts/b.ts': "import { d } from './d.js';",
    'ts/c.ts': "import { d } from './d.js';",
  });
  expect(cycleRule(diamond)).toEqual([]);
});

tap.test('disk, processes and network are used only where they may be', async () => {
  expect(capabilityRule(sources)).toEqual([]);
  const wrong = {
    'ts/flow/a.ts': 'plugins.childProcess.spawn()',
    'ts/base/lifecycle.ts': 'await plugins.fs.promises.readFile(x)',
    'ts/codec/a.ts': 'plugins.net.isIP(x)',
    'ts/config/a.ts': 'plugins.dns.lookup(x)',
    'ts/flow/match/a.ts': 'plugins.tls.connect(x)',
    'ts/smart-proxy.ts': 'await plugins.loadPino()',
    'ts/flow/b.ts': 'const { childProcess } = plugins;',
    'ts/flow/c.ts': 'f(plugins);',
  };
  for (const [path, text] of Object.entries(wrong)) expect(capabilityRule(tree({ [path]: text }))).toHaveLength(1);
  const right = {
    'ts/base/fs-utils.ts': "import * as plugins from '../plugins.js';\nplugins.fs.promises.readFile(x)",
    'ts/nftables/a.ts': 'plugins.childProcess.execFile(x)',
    'ts/flow/peek/a.ts': 'plugins.net.isIP(x)',
    'ts/codec/a.ts': "// plugins.net\nconst a = 'plugins.fs' + b.plugins.fs;",
    'ts/cli/a.ts': 'await plugins.loadPino()',
    'ts/config/a.ts': 'const { zod } = plugins;',
  };
  expect(capabilityRule(tree(right))).toEqual([]);
});

tap.test('modules from outside come through plugins.ts', async () => {
  expect(outsideRule(sources)).toEqual([]);
  expect(outsideRule(importing('ts/flow/a.ts', 'node:net'))).toHaveLength(1);
  expect(outsideRule(importing('ts/flow/a.ts', 'zod', 'import type { z }'))).toHaveLength(1);
  expect(outsideRule(importing('ts/flow/a.ts', '../plugins.js', 'import { net }'))).toHaveLength(1);
  expect(outsideRule(importing('ts/flow/a.ts', './b.ts'))).toHaveLength(1);
  expect(outsideRule(tree({ 'ts/flow/a.ts': "const x = await import('pino');" }))).toHaveLength(1);
  expect(outsideRule(importing('ts/flow/a.ts', 'node:net', 'import type { Socket }'))).toEqual([]);
  expect(outsideRule(importing('ts/flow/a.ts', '../plugins.js', 'import * as plugins'))).toEqual([]);
  expect(outsideRule(importing('ts/plugins.ts', 'zod', 'import * as zod'))).toEqual([]);
});

tap.test('every dependency has its reason and its use', async () => {
  expect(dependencyRule(Object.keys(packageJson.dependencies))(sources)).toEqual([]);
  const page = "// zod: a reason.\nimport * as zod from 'zod';\nexport { zod };\n";
  const user = { 'ts/a.ts': 'plugins.zod.x' };
  expect(dependencyRule(['zod'])(tree({ 'ts/plugins.ts': page, ...user }))).toEqual([]);
  expect(dependencyRule(['zod'])(tree({ 'ts/plugins.ts': page }))).toEqual(['plugins.zod: nobody uses it']);
  expect(dependencyRule([])(tree({ 'ts/plugins.ts': page, ...user }))).toHaveLength(1);
  expect(dependencyRule(['zod', 'yaml'])(tree({ 'ts/plugins.ts': page, ...user }))).toHaveLength(1);
  expect(dependencyRule(['zod'])(tree({ 'ts/plugins.ts': page.slice(page.indexOf('\n')), ...user }))).toHaveLength(1);
  expect(dependencyRule(['zod'])(tree({ 'ts/plugins.ts': `${page}import './b.js';`, ...user }))).toHaveLength(1);
});

tap.test('no source is longer than 300 lines, nor is any helper of tests', async () => {
  expect(lengthRule(300)(new Map([...sources, ...scripts, ...helpers]))).toEqual([]);
  expect(lengthRule(300)(tree({ 'ts/a.ts': 'x\n'.repeat(300) }))).toEqual([]);
  expect(lengthRule(300)(tree({ 'ts/a.ts': 'x\n'.repeat(301) }))).toEqual(['ts/a.ts: 301 lines, at most 300']);
});

tap.test('synchronous calls stay in stopSync', async () => {
  expect(syncNames).toContain('readFileSync');
  expect(syncNames).toContain('execFileSync');
  const rule = syncRule(syncNames);
  expect(rule(sources)).toEqual([]);
  expect(rule(tree({ 'ts/a.ts': 'plugins.fs.readFileSync(x)' }))).toEqual(['ts/a.ts: readFileSync']);
  expect(rule(tree({ 'ts/a.ts': 'class A { stopSync(): void { if (x) { execFileSync(y); } } }' }))).toEqual([]);
  expect(rule(tree({ 'ts/a.ts': 'class A { stopSync() { f(); } stop() { execSync(y); } }' }))).toEqual([
    'ts/a.ts: execSync',
  ]);
});

tap.test('what the sources never do', async () => {
  expect(forbiddenRule(sources)).toEqual([]);
  const wrong = [
    ...[
      'console.log(x)',
      'process.exit(1)',
      'plugins.process.abort()',
      'let a: any;',
      'f(x as any)',
      'Map<string, any>',
    ],
    ...['export enum A {}', 'const enum A {}', 'namespace A {}', "require('x')", 'eval(x)', 'f((a: any) => a)'],
    ...['// TODO: later', 'const a = (): any => x', 'let a: any[] = []'],
  ];
  for (const text of wrong) expect(forbiddenRule(tree({ 'ts/a.ts': text }))).toHaveLength(1);
  const right = [
    'Promise.any(x)',
    '// any console.log',
    "'any'",
    'x.console.log()',
    'f({ any: 1 })',
    'anything(x)',
    'f(a, any)',
  ];
  for (const text of right) expect(forbiddenRule(tree({ 'ts/a.ts': text }))).toEqual([]);
  const reason = '// biome-ignore lint/suspicious/noExplicitAny: a reason';
  expect(forbiddenRule(tree({ 'ts/a.ts': `${reason}\nlet a: any;` }))).toEqual([]);
  expect(forbiddenRule(tree({ 'ts/a.ts': `${reason}\n\nlet a: any;` }))).toHaveLength(1);
  expect(forbiddenRule(tree({ 'ts/cli/a.ts': 'console.log(x); process.exit(1)' }))).toEqual([]);
});

tap.test('test files run by themselves and leave nothing out', async () => {
  expect(testFileRule(tests)).toEqual([]);
  const end = 'export default tap.start();\n';
  expect(testFileRule(tree({ 'test/a/test.b.ts': `tap.test(x);\n${end}` }))).toEqual([]);
  expect(testFileRule(tree({ 'test/a/test.b.ts': `tap.only.test(x);\n${end}` }))).toHaveLength(1);
  expect(testFileRule(tree({ 'test/a/test.b.ts': 'tap.test(x);' }))).toHaveLength(1);
  expect(testFileRule(tree({ 'test/a/test.b.ts': `process.exit(0);\n${end}` }))).toHaveLength(1);
  expect(testFileRule(tree({ 'test/a/test.b.ts': `fc.assert(x, { numRuns: 1 });\n${end}` }))).toHaveLength(1);
  expect(testFileRule(tree({ 'test/a/test.b.ts': `fc.assert(x, { seed: 1, numRuns: 1 });\n${end}` }))).toEqual([]);
});

export default tap.start();
