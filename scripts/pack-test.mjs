// Packs the package as it would be published and uses it from a fresh project: what is in it, its types, its command.
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const { name, version, bin, exports: entries, packageManager } = manifest;
const specifiers = Object.keys(entries).map((entry) => name + entry.slice(1));
/** What may be in the tarball. */
const allowed = [
  /^dist_ts\/.+\.(js|d\.ts)$/,
  /^assets\//,
  /^docs\/.+\.md$/,
  /^(cli\.js|package\.json|readme(\.\w+)?\.md|changelog\.md|license)$/i,
];
const counts = { passed: 0, failed: 0 };
const folder = await mkdtemp(join(tmpdir(), 'smartproxy-pack-'));
// What a parent pnpm or npm put into the environment would steer the ones that are started here.
const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_|^NODE_V8_COVERAGE$/i.test(key)));

try {
  await test();
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;

async function test() {
  const tarball = join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
  if (!(await check('the package is packed', pack))) return;
  const files = await listTarball(tarball);
  await check('the tarball holds what a user needs', () => holdsWhatIsNeeded(files));
  await check('the tarball holds what its readme links to', () => holdsLinks(files));
  await check('the tarball holds nothing else', () => holdsNothingElse(files));
  await check('nothing is run where it is installed', () => runsNothing(tarball));
  const project = join(folder, 'project');
  if (!(await check('a fresh project installs it', () => install(project, tarball)))) return;
  await check('every entry can be imported at run time', () => importEntries(project));
  await check('its types compile under strict NodeNext', () => compile(project));
  await check('its command runs', () => runCommand(project));
}

async function check(title, body) {
  try {
    await body();
    counts.passed++;
    console.log(`ok   ${title}`);
    return true;
  } catch (error) {
    counts.failed++;
    console.log(`FAIL ${title}\n${[error.message, error.stdout, error.stderr].filter(Boolean).join('\n')}`);
    return false;
  }
}

async function pack() {
  const [manager, managerVersion] = packageManager.split('@');
  const pnpm = `${manager}@${managerVersion.split('.')[0]}`;
  await run('npx', ['-y', pnpm, 'pack', '--pack-destination', folder], { cwd: root, env });
}

async function listTarball(tarball) {
  const { stdout } = await run('tar', ['-tzf', tarball], { maxBuffer: 1e7 });
  return stdout
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('/'))
    .map((line) => line.replace(/^package\//, ''));
}

function holdsWhatIsNeeded(files) {
  const targets = Object.values(entries).flatMap((entry) => Object.values(entry));
  const needed = [
    ...[...targets, ...Object.values(bin)].map((path) => path.replace(/^\.\//, '')),
    ...['package.json', 'readme.md', 'changelog.md', 'license', 'assets/certs/cert.pem', 'assets/certs/key.pem'],
  ];
  const missing = needed.filter((path) => !files.includes(path));
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
}

async function holdsLinks(files) {
  const readme = await readFile(join(root, 'readme.md'), 'utf8');
  const links = [...readme.matchAll(/\]\(([^)#]+)[^)]*\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^\w+:/.test(link));
  const missing = links.filter((link) => !files.includes(link));
  if (links.length === 0 || missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
}

async function holdsNothingElse(files) {
  const foreign = files.filter((path) => !allowed.some((pattern) => pattern.test(path)));
  const compiled = files.filter((path) => path.startsWith('dist_ts/'));
  const stale = [];
  for (const path of compiled) {
    const source = path.replace(/^dist_ts\//, 'ts/').replace(/\.(d\.ts|js)$/, '.ts');
    await access(join(root, source)).catch(() => stale.push(path));
  }
  if (foreign.length > 0) throw new Error(`does not belong there: ${foreign.join(', ')}`);
  if (stale.length > 0) throw new Error(`without a source: ${stale.join(', ')}`);
}

async function runsNothing(tarball) {
  const { stdout } = await run('tar', ['-xzOf', tarball, 'package/package.json']);
  const { scripts = {} } = JSON.parse(stdout);
  const found = ['preinstall', 'install', 'postinstall', 'prepare'].filter((script) => script in scripts);
  if (found.length > 0) throw new Error(`scripts that installers run or ask about: ${found.join(', ')}`);
}

async function install(project, tarball) {
  await mkdir(project);
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }));
  await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], { cwd: project, env });
}

async function importEntries(project) {
  const lines = specifiers.map(
    (specifier) =>
      `if (Object.keys(await import('${specifier}')).length === 0) throw new Error('${specifier} is empty');`,
  );
  await writeFile(join(project, 'run.mjs'), lines.join('\n'));
  await run(process.execPath, ['run.mjs'], { cwd: project, env });
}

/** Every export is named in a declaration file of the user's, so that no type in it may be missing. */
async function compile(project) {
  const lines = specifiers.map((specifier, i) => `export * as entry${i} from '${specifier}';`);
  await writeFile(
    join(project, 'user.ts'),
    `import { type IRouteConfig, SmartProxy } from '${name}';
const route: IRouteConfig = {
  name: 'echo',
  match: { ports: 0 },
  action: { type: 'forward', target: { host: '127.0.0.1', port: 7 } },
};
export const proxy: SmartProxy = new SmartProxy({ routes: [route] });
// @ts-expect-error: a route without an action is no route.
export const wrong: IRouteConfig = { match: { ports: 0 } };
${lines.join('\n')}\n`,
  );
  const compilerOptions = {
    ...{ module: 'NodeNext', moduleResolution: 'NodeNext', target: 'ES2023', strict: true, noEmit: true },
    ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
    // The user's project has no types of Node of its own; those of this repository stand in.
    ...{ lib: ['ES2023', 'ESNext.Disposable'], types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['user.ts'] }));
  await run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json'], { cwd: project, env });
}

async function runCommand(project) {
  for (const command of Object.keys(bin)) {
    const { stdout } = await run(join(project, 'node_modules/.bin', command), ['--help'], { cwd: project, env });
    if (!stdout.includes(command)) throw new Error(`${command} --help prints:\n${stdout}`);
  }
}
