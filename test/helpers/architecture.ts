// The rules that keep ts/ in shape. Each takes a tree of sources and gives one sentence a fault; none means it holds.

import { type IImport, importsOf, mask, resolveOwn, type TTree } from './source-text.js';

type TRule = (tree: TTree) => string[];

interface IRow {
  /** Folders, or single files by their whole path. */
  readonly imports: readonly string[];
  /** Folders of which only types may be imported. */
  readonly types?: readonly string[];
}

const stages = ['flow/listen', 'flow/peek', 'flow/match', 'flow/guard', 'flow/forward'];
const upToFlow = ['base', 'codec', 'config', 'flow'];
const adminParts = ['admin-events.ts', 'admin-figures.ts'];
const parts = [...upToFlow, ...stages, 'http', 'certs', 'nftables', 'observe', 'admin', 'workers'];

/** What each folder may import, besides itself and plugins.ts. */
const table: Readonly<Record<string, IRow>> = {
  base: { imports: [] },
  codec: { imports: ['base'] },
  config: { imports: ['base', 'codec'] },
  flow: { imports: ['base', 'codec', 'config'] },
  ...Object.fromEntries(stages.map((stage) => [stage, { imports: upToFlow }])),
  http: { imports: [...upToFlow, 'flow/match', 'flow/guard', 'flow/forward'] },
  // It implements what the termination of TLS declares, and writes addresses into certificates.
  certs: { imports: ['base', 'codec', 'config'], types: ['flow', 'flow/forward'] },
  nftables: { imports: ['base', 'codec', 'config'] },
  // The words for ends are a page of data that logs and metrics spell out.
  observe: { imports: ['base', 'config', 'ts/flow/ends.ts'], types: ['flow', 'certs'] },
  admin: { imports: ['base'] },
  // Counts that are kept once for all processes, and figures that are added up, are those of a single process.
  workers: {
    imports: [...['base', 'codec', 'config', 'flow/guard', 'observe', 'admin'], 'admin-figures.ts', 'smart-proxy.ts'],
    types: ['flow', 'certs', 'nftables', 'group-parts.ts', 'host-parts.ts'],
  },
  compat: { imports: [...parts, 'smart-proxy.ts'], types: ['http-proxy.ts'] },
  // Like the command line, a user of the public interface; it reads what comes back by our codecs.
  attack: { imports: ['base', 'codec', 'index.ts'] },
  'attack.ts': { imports: ['attack'] },
  cli: { imports: ['index.ts', 'utils.ts', 'attack.ts'] },
  'plugins.ts': { imports: [] },
  'group-parts.ts': { imports: [...parts, 'kernel-side.ts'] },
  'host-parts.ts': { imports: [...parts, 'group-parts.ts'] },
  'kernel-side.ts': { imports: parts },
  'certificate-side.ts': { imports: parts },
  'proxy-parts.ts': { imports: [...parts, 'host-parts.ts', 'kernel-side.ts', 'certificate-side.ts'] },
  'admin-events.ts': { imports: parts },
  'admin-figures.ts': { imports: parts },
  'admin-side.ts': { imports: [...parts, 'group-parts.ts', 'host-parts.ts', 'proxy-parts.ts', ...adminParts] },
  'certificate-desk.ts': { imports: [...parts, 'proxy-parts.ts'] },
  'explain-view.ts': { imports: [...parts, 'proxy-parts.ts'] },
  'smart-proxy.ts': { imports: [...parts, 'host-parts.ts', 'proxy-parts.ts', 'explain-view.ts', 'admin-side.ts'] },
  'http-proxy.ts': { imports: ['base', 'config', 'flow', 'host-parts.ts', 'smart-proxy.ts'] },
  'utils.ts': { imports: parts },
  'index.ts': {
    imports: [
      ...parts,
      'host-parts.ts',
      'compat',
      'smart-proxy.ts',
      'http-proxy.ts',
      'utils.ts',
      'certificate-desk.ts',
    ],
  },
};

/** What puts the stages in their order, what explains them, and the compiled configuration that serves them all. */
const joins = (path: string): boolean => /^ts\/flow\/(pipeline|snapshot|inside|explain(-[\w-]+)?)\.ts$/.test(path);
/** They name types of several stages and nothing else: what one stage gives the next, what an update would change. */
const typeJoiners = ['stages', 'plan', 'http-front', 'challenge-source'].map((name) => `ts/flow/${name}.ts`);
const joinsTypes = ({ from, to, typeOnly }: IEdge) =>
  typeOnly && typeJoiners.includes(from) && stages.includes(rowOf(to));

/** The row of the table a file belongs to. */
function rowOf(path: string): string {
  const [, first = '', second = '', ...rest] = path.split('/');
  return first === 'flow' && rest.length > 0 ? `${first}/${second}` : first;
}

/** A folder imports only what its row of the table names; a stage never imports another stage. */
export const folderRule: TRule = (tree) =>
  edgesOf(tree).flatMap((edge) => {
    const { from, to, typeOnly } = edge;
    const row = table[rowOf(from)];
    if (!row) return [`${from}: its folder has no row in the table`];
    const target = rowOf(to);
    if (target === rowOf(from) || target === 'plugins.ts' || row.imports.includes(target)) return [];
    if (row.imports.includes(to) || joinsTypes(edge)) return [];
    if (typeOnly && row.types?.includes(target)) return [];
    if (joins(from) && stages.includes(target)) return [];
    return [`${from}: may not import ${to}`];
  });

/** No file imports itself by way of others, not even for types. */
export const cycleRule: TRule = (tree) => {
  const next = new Map<string, string[]>();
  for (const edge of edgesOf(tree)) {
    if (!joinsTypes(edge)) next.set(edge.from, [...(next.get(edge.from) ?? []), edge.to]);
  }
  const done = new Set<string>();
  const faults: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const loop = way.indexOf(path);
    if (loop >= 0) faults.push(`cycle: ${[...way.slice(loop), path].join(' -> ')}`);
    if (loop >= 0 || done.has(path)) return;
    for (const to of next.get(path) ?? []) visit(to, [...way, path]);
    done.add(path);
  };
  for (const path of next.keys()) visit(path, []);
  return faults;
};

const pure = /^ts\/(codec|config|flow\/match)\//;
const cli = /^ts\/cli\//;
const outsideWorld = ['net', 'tls', 'dgram', 'dns', 'http', 'https', 'http2', 'cluster', 'workerThreads'];

/** Which modules only some files may use, and which files. */
const capabilities: readonly { readonly of: readonly string[]; readonly allowed: (path: string) => boolean }[] = [
  {
    of: ['childProcess'],
    allowed: (path) => path === 'ts/certs/dns-answers.ts' || /^ts\/(nftables|workers|cli)\//.test(path),
  },
  { of: ['fs'], allowed: (path) => path === 'ts/base/fs-utils.ts' || /^ts\/(certs|admin|cli)\//.test(path) },
  { of: ['loadCommander', 'loadPino', 'loadYaml', 'loadJiti'], allowed: (path) => cli.test(path) },
  { of: ['requireHttps'], allowed: (path) => path.startsWith('ts/certs/acme/') },
  { of: ['loadJose'], allowed: (path) => /^ts\/(certs\/acme\/|http\/auth-)/.test(path) },
  { of: outsideWorld, allowed: (path) => !pure.test(path) },
];

/** The disk, child processes and the network are used only where the table of capabilities says. */
export const capabilityRule: TRule = (tree) =>
  codeOf(tree).flatMap(([path, { bare }]) => {
    const used = usedPlugins(bare);
    const loose = /(?<![.\w])plugins\b(?!\.)/.test(bare.replace(taken, '').replace(/\* as plugins from\b/g, ''));
    const faults = loose ? [`${path}: plugins is neither plugins.name nor { name } = plugins`] : [];
    for (const { of, allowed } of capabilities) {
      const wrong = new Set(used.filter((name) => of.includes(name) && !allowed(path)));
      for (const name of wrong) faults.push(`${path}: may not use plugins.${name}`);
    }
    return faults;
  });

const taken = /\{([\w\s,]*)\}\s*=\s*plugins\s*;/g;

/** Names used as `plugins.name` or taken by `const { name } = plugins;`. */
function usedPlugins(bare: string): string[] {
  const dotted = [...bare.matchAll(/(?<![.\w])plugins\.(\w+)/g)].map((match) => match[1] ?? '');
  return [...dotted, ...[...bare.matchAll(taken)].flatMap((match) => namesIn(match[1] ?? ''))];
}

const namesIn = (list: string): string[] => list.split(',').flatMap((name) => name.trim() || []);

/** Modules from outside come in through plugins.ts alone, which is imported whole; types of node:* are free. */
export const outsideRule: TRule = (tree) =>
  everyImport(tree).flatMap(({ from, specifier, typeOnly, clause }) => {
    const own = resolveOwn(from, specifier);
    if (own === 'ts/plugins.ts')
      return clause === '* as plugins' ? [] : [`${from}: import * as plugins, not ${clause}`];
    if (own !== null) return specifier.endsWith('.js') ? [] : [`${from}: ${specifier} lacks its .js`];
    if (from === 'ts/plugins.ts' || (typeOnly && specifier.startsWith('node:'))) return [];
    return [`${from}: ${specifier} may only be imported in plugins.ts`];
  });

/** Every dependency is in plugins.ts with a reason and is used; what is in plugins.ts is a dependency or Node's. */
export const dependencyRule =
  (dependencies: readonly string[]): TRule =>
  (tree) => {
    const text = tree.get('ts/plugins.ts') ?? '';
    const others = codeOf(tree).filter(([path]) => path !== 'ts/plugins.ts');
    const used = new Set(others.flatMap(([, { bare }]) => usedPlugins(bare)));
    const imported = new Set(importsOf(text).map(({ specifier }) => specifier));
    const faults: string[] = [];
    for (const specifier of imported) {
      if (specifier.startsWith('.')) faults.push(`ts/plugins.ts: ${specifier} is our own`);
      else if (!specifier.startsWith('node:') && !dependencies.includes(specifier)) {
        faults.push(`ts/plugins.ts: ${specifier} is no dependency`);
      }
    }
    for (const dependency of dependencies) {
      if (!imported.has(dependency)) faults.push(`${dependency}: a dependency that plugins.ts does not import`);
      else if (!hasReason(text, dependency)) faults.push(`${dependency}: plugins.ts does not say why it is here`);
    }
    for (const name of exportedNames(text)) if (!used.has(name)) faults.push(`plugins.${name}: nobody uses it`);
    return faults;
  };

const hasReason = (text: string, dependency: string): boolean =>
  text.split('\n').some((line) => line.startsWith('// ') && new RegExp(`^// ${dependency}\\b.*:`).test(line));

function exportedNames(text: string): string[] {
  const { bare } = mask(text);
  const lists = [...bare.matchAll(/export \{([^}]*)\}/g)].flatMap((match) => namesIn(match[1] ?? ''));
  const constants = [...bare.matchAll(/export const (\w+)/g)].map((match) => match[1] ?? '');
  return [...lists, ...constants];
}

/** No file is longer than that. */
export const lengthRule =
  (limitLines: number): TRule =>
  (tree) =>
    [...tree].flatMap(([path, text]) => {
      const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
      return lines > limitLines ? [`${path}: ${lines} lines, at most ${limitLines}`] : [];
    });

interface IForbidden {
  readonly pattern: RegExp;
  readonly what: string;
  readonly allowed?: (path: string) => boolean;
}

const forbidden: readonly IForbidden[] = [
  { pattern: /(?<![.\w])console\s*\./, what: 'console', allowed: (path) => cli.test(path) },
  {
    pattern: /\bprocess\.(exit|abort|reallyExit|kill)\b/,
    what: 'ending the process',
    // A worker is a process of its own.
    allowed: (path) => cli.test(path) || path === 'ts/workers/worker-main.ts',
  },
  { pattern: /(?:[:<|&]|\bas|\bextends|=>)\s*any\b(?!\s*[:?(.])|,\s*any\s*>/, what: 'any' },
  { pattern: /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w/m, what: 'enum' },
  { pattern: /^\s*(export\s+)?(declare\s+)?namespace\s+\w/m, what: 'namespace' },
  { pattern: /(?<![.\w])(eval|require)\s*\(|\bnew Function\b/, what: 'code or modules at run time' },
];

/** No console and no end of the process outside cli/, and nowhere `any`, enums, namespaces or unfinished business. */
export const forbiddenRule: TRule = (tree) =>
  codeOf(tree).flatMap(([path, { bare }]) => {
    const text = tree.get(path) ?? '';
    const judged = withoutExcused(text, bare);
    const found = forbidden.filter(({ pattern, allowed }) => pattern.test(judged) && !allowed?.(path));
    const faults = found.map(({ what }) => `${path}: ${what}`);
    return /\b(TODO|FIXME)\b/.test(text) ? [...faults, `${path}: unfinished business`] : faults;
  });

/** Leaves out the lines for which a comment gives the linter a reason to allow `any`. */
function withoutExcused(text: string, bare: string): string {
  const lines = text.split('\n');
  const isExcused = (i: number) => /biome-ignore lint\/suspicious\/noExplicitAny: \w/.test(lines[i - 1] ?? '');
  return bare
    .split('\n')
    .filter((_, i) => !isExcused(i))
    .join('\n');
}

/** The synchronous calls to files and processes are for stopSync alone, which exit handlers need. */
export const syncRule =
  (syncNames: readonly string[]): TRule =>
  (tree) =>
    codeOf(tree).flatMap(([path, { bare }]) => {
      const outside = withoutBodiesOf('stopSync', bare);
      const used = [...outside.matchAll(/\b(\w+Sync)\b/g)].map((match) => match[1] ?? '');
      return [...new Set(used)].filter((name) => syncNames.includes(name)).map((name) => `${path}: ${name}`);
    });

function withoutBodiesOf(method: string, bare: string): string {
  const start = new RegExp(`\\b${method}\\s*\\([^)]*\\)[^{;]*\\{`).exec(bare);
  if (!start) return bare;
  let depth = 1;
  let at = start.index + start[0].length;
  while (at < bare.length && depth > 0) {
    if (bare[at] === '{') depth++;
    if (bare[at] === '}') depth--;
    at++;
  }
  return bare.slice(0, start.index) + withoutBodiesOf(method, bare.slice(at));
}

/** Test files run by themselves, with nothing left out by `only`. */
export const testFileRule: TRule = (tree) =>
  codeOf(tree)
    .filter(([path]) => /\/test\.[^/]+\.ts$/.test(path))
    .flatMap(([path, { bare }]) => {
      const faults = /\btap\.only\b/.test(bare) ? [`${path}: leaves tests out by only`] : [];
      if (!bare.trimEnd().endsWith('export default tap.start();'))
        faults.push(`${path}: does not end with tap.start()`);
      // What is drawn anew in each run fails one run in a hundred, and nobody can repeat it.
      if (/\bfc\.assert\(/.test(bare) && !/\bseed\b/.test(bare)) faults.push(`${path}: a property without a seed`);
      return /\bprocess\.exit\b/.test(bare) ? [...faults, `${path}: ends the process`] : faults;
    });

const codeOf = (tree: TTree) => [...tree].map(([path, text]) => [path, mask(text)] as const);

const everyImport = (tree: TTree): (IImport & { readonly from: string })[] =>
  [...tree].flatMap(([from, text]) => importsOf(text).map((found) => ({ ...found, from })));

interface IEdge {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const edgesOf = (tree: TTree): IEdge[] =>
  everyImport(tree).flatMap(({ from, specifier, typeOnly }) => {
    const to = resolveOwn(from, specifier);
    return to === null ? [] : [{ from, to, typeOnly }];
  });
