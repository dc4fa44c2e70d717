// The documentation says what is true: its code compiles, its tables match the sources, its links lead somewhere.

import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transform } from 'esbuild';
import { endTable, errorTable, formatExplanation, type ISmartProxyOptions, SmartProxy } from '../ts/index.js';
import { loadYaml } from '../ts/plugins.js';
import { anchorsOf, codeBlocksOf, linksOf, rowsOf } from './helpers/markdown.js';
import { readTree, root, type TTree } from './helpers/source-text.js';
import { expect, tap } from './helpers/tapbundle.js';
import { moduleUrl } from './helpers/this-run.js';

const pages = await readPages();
const smartProxy = "import { SmartProxy } from '@push.rocks/smartproxy';";

const faulty: readonly IBlock[] = [
  { name: 'good.md:3', text: "import * as net from 'node:net';\nawait Promise.resolve(net);" },
  { name: 'bad.md:7', text: "const port: number = '80';" },
  { name: 'bad.md:9', text: "import { noSuchName } from '@push.rocks/smartproxy';" },
  { name: 'given.md:1', text: 'await proxy.stop();', given: `${smartProxy} declare const proxy: SmartProxy;` },
];
/** Of all blocks at once: to read the sources takes longer than anything else. */
let allFaults: Promise<string[]> | null = null;
const faultsOf = async (isMeant: (fault: string) => boolean): Promise<string[]> => {
  allFaults ??= compile([...blocksOf(pages), ...faulty]);
  return (await allFaults).filter(isMeant);
};
const isFaulty = (fault: string): boolean => faulty.some(({ name }) => fault.startsWith(`${name}: `));

tap.test('every TypeScript block of the documentation compiles against the sources', async () => {
  expect(await faultsOf((fault) => !isFaulty(fault))).toEqual([]);
});

tap.test('a block that does not compile is told by its page and line', async () => {
  const faults = await faultsOf(isFaulty);
  expect(faults).toHaveLength(2);
  expect(faults[0]).toMatch(/^bad\.md:7: .*TS2322/);
  expect(faults[1]).toMatch(/^bad\.md:9: .*TS2305/);
});

tap.test('the programs of the documentation have configurations without faults', async () => {
  const programs = blocksOf(pages).filter(({ text, given }) => isProgram(text) && !given);
  expect(programs.length).toBeGreaterThan(15);
  const faults: string[] = [];
  for (const { name, text } of programs) {
    await runBlock(text, { isDry: true }).catch((error: unknown) => faults.push(`${name}: ${error}`));
  }
  expect(faults).toEqual([]);
  const wrong = `${smartProxy} new SmartProxy({ routes: [{ match: { ports: 70_000 }, action: { type: 'block' } }] });`;
  await expect(runBlock(wrong, { isDry: true })).rejects.toThrow(/routes\[0\]\.match\.ports/);
});

tap.test('functions of the examples answer as they say', async () => {
  const block = codeBlocksOf(pages.get('docs/examples.md') ?? '').find(({ text }) => text.includes("'/hello/:name'"));
  await using proxy = await runBlock((block?.text ?? '').replace(/ports: 8080/g, 'ports: 0'));
  const ask = (path: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${proxy.getListeningPorts()[0]}${path}`, init);
  expect(await (await ask('/hello/you')).json()).toEqual({ hello: 'you', from: '127.0.0.1' });
  const digest = await ask('/digest', { method: 'POST', body: 'abc' });
  expect(await digest.text()).toMatch(/^ba7816bf8f01cfea/);
  const reader = (await ask('/clock')).body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toMatch(/^data: \d{4}-\d\d-\d\dT/);
  await reader?.cancel();
});

tap.test('the table of errors matches the sources', async () => {
  const rows = rowsOf(pages.get('docs/errors.md') ?? '');
  const told = rows.map(([code, blame, status, another]) => [code, blame, status, another]);
  const real = Object.entries(errorTable).map(([code, { blame, status, tryNext }]) => {
    return [code, blame, String(status), tryNext ? 'yes' : 'no'];
  });
  expect(told).toEqual(real);
  for (const [code, , , , when = ''] of rows) if (when.length < 10) throw new Error(`${code}: when does it appear?`);
});

tap.test('the page of HTTP has every status of the table of errors, and the times of the configuration', async () => {
  const rows = rowsOf(pages.get('docs/http.md') ?? '');
  const statuses = Object.values(errorTable).map(({ status }) => String(status));
  // Nobody is sent 499.
  expect(
    [...new Set(statuses)].filter((status) => status !== '499' && !rows.some(([first]) => first === status)),
  ).toEqual([]);
  const units: Readonly<Record<string, number>> = { s: 1_000, min: 60_000, h: 3_600_000 };
  const defaults = new Map(rowsOf(pages.get('docs/configuration.md') ?? '').map(([name, value = '']) => [name, value]));
  const times = rows.flatMap(([name = '', text = '']) => {
    const [, count, unit = ''] = /^(\d+) (s|min|h)$/.exec(text) ?? (text === 'none' ? ['', '0', 's'] : []);
    return count === undefined ? [] : [[name, Number(count) * (units[unit] ?? 0)]];
  });
  expect(times).toHaveLength(9);
  expect(times).toEqual(times.map(([name]) => [name, Number(defaults.get(String(name))?.replace(/ /g, ''))]));
});

tap.test('the figures of the readme are those of the page on performance', async () => {
  const [, section = ''] = (pages.get('readme.md') ?? '').split('## How fast');
  const figures = section.split('\n## ')[0]?.match(/\b\d+(?:\.\d+)?(?= (?:us|ms|kB)\b| \|)/g) ?? [];
  expect(figures.length).toBeGreaterThan(8);
  const measured = pages.get('docs/performance.md') ?? '';
  expect(figures.filter((figure) => !new RegExp(`\\| ${figure}(?: [a-zA-Z ]+)? +\\|`).test(measured))).toEqual([]);
});

tap.test('the table of ends matches the sources', async () => {
  const told = rowsOf(pages.get('docs/ends.md') ?? '');
  const real = Object.entries(endTable).map(([word, { by, phases, blame, meaning }]) => {
    return [word, by, phases.length === 6 ? 'any' : phases.join(', '), blame ?? 'nobody', meaning];
  });
  expect(told).toEqual(real);
});

tap.test('every code and every word of the tables is used by the sources', async () => {
  const sources = [...(await readTree(['ts'], ['.ts']))].filter(([path]) => !/(base.errors|flow.ends)\.ts$/.test(path));
  const text = sources.map(([, content]) => content).join('\n');
  const isUsed = (name: string) => name === 'CONFIG_INVALID' || text.includes(`'${name}'`);
  expect(Object.keys({ ...errorTable, ...endTable }).filter((name) => !isUsed(name))).toEqual([]);
  expect(isUsed('no_such_word')).toBeFalse();
});

tap.test('links inside the repository lead to files and headings that exist', async () => {
  expect(await brokenLinks(pages)).toEqual([]);
  const wrong = new Map([
    ['docs/a.md', '[x](b.md) [y](#none) [z](https://a.test) [here](#a-b) ![i](../license)\n# A, b'],
  ]);
  expect(await brokenLinks(wrong)).toEqual(['docs/a.md: b.md', 'docs/a.md: #none']);
});

tap.test('every page can be reached from the readme, every decision from their list', async () => {
  const reached = new Set(['readme.md']);
  for (const path of reached) {
    for (const link of linksOf(pages.get(path) ?? '')) reached.add(join(dirname(path), link.split('#')[0] ?? ''));
  }
  expect([...pages.keys()].filter((path) => path.startsWith('docs/') && !reached.has(path))).toEqual([]);
  const listed = linksOf(pages.get('docs/decisions/README.md') ?? '').map((link) => `docs/decisions/${link}`);
  const decisions = [...pages.keys()].filter((path) => /^docs\/decisions\/(?!README)/.test(path));
  expect(decisions.filter((path) => !listed.includes(path))).toEqual([]);
});

tap.test('no file tells of the machine it was written on', async () => {
  const files = await readTree(
    ['ts', 'test', 'scripts', 'docs', '.ci'],
    ['.ts', '.mjs', '.mts', '.md', '.json', 'run'],
  );
  expect(machinePaths(new Map([...files, ...pages]))).toEqual([]);
  const paths = ['work', 'root', 'home/somebody', 'Users/somebody'].map((path) => `see /${path}/x`);
  for (const text of paths) expect(machinePaths(new Map([['a', text]]))).toHaveLength(1);
  expect(machinePaths(new Map([['a', 'the framework/x, https://a.test/home/x/y, ~/x']]))).toEqual([]);
});

tap.test('the scripts that the documentation names exist', async () => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const known = new Set([...Object.keys(scripts), 'install', 'add', 'pack', 'exec', 'run']);
  for (const [path, text] of pages) {
    for (const [, name = ''] of text.matchAll(/\bpnpm(?:@\d+)? ([a-z]+)\b(?=[^\n]*`|[^`]*```)/g)) {
      if (!known.has(name)) throw new Error(`${path}: there is no pnpm ${name}`);
    }
  }
});

tap.test('the trace that the page of the command line shows is what explain says', async () => {
  const blocks = codeBlocksOf(pages.get('docs/cli.md') ?? '').map(({ text }) => text.trim());
  const yaml = blocks.find((text) => text.includes('yaml-language-server')) ?? '';
  const proxy = new SmartProxy((await loadYaml()).parse(yaml) as ISmartProxyOptions);
  const query = { port: 443, domain: 'shop.example.com', clientIp: '203.0.113.9' };
  expect(blocks).toContain(formatExplanation(proxy.explain(query)));
});

async function readPages(): Promise<TTree> {
  const below = await readTree(['docs', 'assets'], ['.md']);
  const top = ['readme.md', 'readme.hints.md', 'readme.problems.md', 'changelog.md'];
  const texts = await Promise.all(top.map((path) => readFile(join(root, path), 'utf8').catch(() => null)));
  return new Map([...top.flatMap((path, i) => (texts[i] ? [[path, texts[i]] as const] : [])), ...below]);
}

const blocksOf = (tree: TTree) =>
  [...tree].flatMap(([path, text]) =>
    codeBlocksOf(text)
      .filter(({ language }) => language === 'ts' || language === 'typescript')
      .map((block) => ({ name: `${path}:${block.line}`, text: block.text, given: block.given })),
  );

/** Complete, and not about certificates that this machine would have to have. */
const isProgram = (text: string): boolean =>
  /new (?:Smart|Http)Proxy\(/.test(text) && !text.includes('declare const') && !text.includes('readFile(');

/** Runs a program; its `proxy` is given back. `isDry`: nothing listens, updates are planned, what it prints is lost. */
async function runBlock(text: string, { isDry = false } = {}): Promise<SmartProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'smartproxy-docs-'));
  const { start, updateRoutes } = SmartProxy.prototype;
  const { log } = console;
  try {
    const program = text.replaceAll("'@push.rocks/smartproxy'", `'${moduleUrl('ts/index.ts')}'`);
    const named = /^(?:await using|const) proxy\b/m.test(text) ? 'proxy' : 'null';
    const whole = `${program}\nexport const made = ${named};`;
    const { code } = await transform(whole, { loader: 'ts', target: 'node20' });
    await writeFile(join(folder, 'block.mjs'), code);
    if (isDry) {
      SmartProxy.prototype.start = async () => {};
      SmartProxy.prototype.updateRoutes = async function (routes) {
        return this.plan(routes);
      };
      console.log = () => {};
    }
    return ((await import(join(folder, 'block.mjs'))) as { made: SmartProxy }).made;
  } finally {
    Object.assign(SmartProxy.prototype, { start, updateRoutes });
    console.log = log;
    await rm(folder, { recursive: true, force: true });
  }
}

interface IBlock {
  readonly name: string;
  readonly text: string;
  readonly given?: string;
}

/** One program of all blocks; gives a line for each fault. */
async function compile(blocks: readonly IBlock[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'smartproxy-docs-'));
  try {
    const files = blocks.map((_, i) => `block-${i}.ts`);
    // What is given stands on the first line, so that the block's own lines keep their numbers, one later.
    // The last line makes a module of a block that imports nothing.
    const source = ({ text, given = '' }: IBlock) => `${given.replaceAll('\n', ' ')}\n${text}\nexport {};\n`;
    await Promise.all(blocks.map((block, i) => writeFile(join(folder, `block-${i}.ts`), source(block))));
    const paths = {
      '@push.rocks/smartproxy': [join(root, 'ts/index.ts')],
      '@push.rocks/smartproxy/utils': [join(root, 'ts/utils.ts')],
      '@push.rocks/smartproxy/attack': [join(root, 'ts/attack.ts')],
    };
    // What only looks for unused names has no place in examples.
    const rules = { rootDir: '/', noEmit: true, noUnusedLocals: false, noUnusedParameters: false, paths };
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions: rules, include: [], files };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const output = await runCompiler(folder);
    return output.split('\n').flatMap((line) => {
      const fault = /^block-(\d+)\.ts\((\d+),\d+\): (error .*)$/.exec(line);
      if (fault) return [`${blocks[Number(fault[1])]?.name}: line ${Number(fault[2]) - 1} of the block: ${fault[3]}`];
      return line.includes('error TS') && !line.includes('ts/') ? [line] : [];
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runCompiler(cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      join(root, 'node_modules/.bin/tsc'),
      ['-p', 'tsconfig.json', '--pretty', 'false'],
      { cwd },
      (error, out) => {
        // tsc ends with a number when it has found faults; anything else is a failure to run.
        if (error && typeof error.code !== 'number') reject(error);
        else resolve(out);
      },
    );
  });
}

async function brokenLinks(tree: TTree): Promise<string[]> {
  const broken: string[] = [];
  for (const [path, text] of tree) {
    for (const link of linksOf(text)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : join(dirname(path), file);
      const there = file === '' || (await isThere(join(root, target)));
      const content = tree.get(target);
      if (!there || (anchor && content !== undefined && !anchorsOf(content).includes(anchor))) {
        broken.push(`${path}: ${link}`);
      }
    }
  }
  return broken;
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

function machinePaths(tree: TTree): string[] {
  const pattern = /(?<![\w.~/-])\/(work|root|home\/\w+|Users\/\w+)\/\w/;
  return [...tree].flatMap(([path, text]) => {
    const line = text.split('\n').findIndex((content) => pattern.test(content));
    return line < 0 ? [] : [`${path}:${line + 1}`];
  });
}

export default tap.start();
