import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { main } from '../../ts/cli/main.js';
import { fakeHost } from '../helpers/fake-host.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeFolder } from '../helpers/make-folder.js';
import { startNodeProxy } from '../helpers/naive-proxies.js';
import { expect, tap } from '../helpers/tapbundle.js';

async function runAttack(...args: string[]) {
  const host = fakeHost();
  const code = await main(['attack', ...args], host);
  const errors = host.errors.join('\n');
  return { code, errors, out: host.lines.filter((line) => !host.errors.includes(line)).join('\n') };
}

async function writeConfig(port = 80) {
  const folder = await makeFolder();
  const file = join(folder.path, 'proxy.yaml');
  const text = `routes:
  - match: { ports: ${port}, domains: a.test }
    action: { type: forward, target: { host: 192.0.2.1, port: 80 } }
  - match: { ports: ${port}, domains: a.test, path: /admin/* }
    action: { type: block }
`;
  await writeFile(file, text);
  return { file, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

tap.test('a configuration is attacked by itself', async () => {
  await using config = await writeConfig();
  const { code, errors, out } = await runAttack('--config', config.file, '--only', 'path,upgrade');
  expect([code, errors]).toEqual([0, '']);
  expect(out).toMatch(
    /^port 80: http:\/\/a\.test\/ \(what reaches the target is seen\)\n {2}note: HTTP\/2 is not spoken/,
  );
  expect(out).toMatch(/\n {2}path {7}\d+ refused, \d+ harmless, no finding\n/);
  expect(out).toMatch(/\n\d+ attacks: \d+ refused, \d+ harmless, no finding$/);
  expect(out).not.toMatch(/HTTP\/1\.1/);
  const all = await runAttack('--config', config.file, '--only', 'upgrade', '--all');
  expect(all.out).toMatch(/\n {4}refused {2}HTTP\/1\.1 CONNECT: 501, /);
});

tap.test('a configuration is told what must be protected in it', async () => {
  await using config = await writeConfig();
  const args = ['--config', config.file, '--only', 'path', '--protected', '/admin/users', '--protected', '/open'];
  const { code, errors, out } = await runAttack(...args);
  expect([code, errors]).toEqual([0, '']);
  expect(out).toMatch(/note: \/open is not protected: it is answered by 200/);
  expect((await runAttack(...args, '--all')).out).toContain('/%61dmin/users (a letter encoded)');
});

tap.test('findings on a proxy that runs are told, and end with 1; its configuration says what it serves', async () => {
  await using origin = await startHttpOrigin();
  await using proxy = await startNodeProxy(origin.port, ({ url }, passed) =>
    url?.startsWith('/admin') ? 403 : passed,
  );
  await using config = await writeConfig(proxy.port);
  const args = ['--config', config.file, '--target', `127.0.0.1:${proxy.port}`, '--only', 'path'];
  const { code, errors, out } = await runAttack(...args);
  expect(code).toEqual(1);
  expect(errors).toMatch(/^smartproxy: \d+ findings$/);
  expect(out).toContain('FINDING path: /%61dmin/secret (a letter encoded) (HTTP/1.1)\n');
  expect(out).toContain('  why        it was answered by 200, and the path itself is refused\n');
  const { out: text } = await runAttack(...args, '--json');
  const { findings, reports } = JSON.parse(text) as { findings: number; reports: { results: object[] }[] };
  expect(findings).toBeGreaterThan(5);
  expect(Object.keys(reports[0]?.results[0] ?? {}).sort()).toEqual(
    'about cameBack change clause expected family name sent verdict version why'.split(' '),
  );
});

tap.test('without a configuration, options say what a proxy serves', async () => {
  await using origin = await startHttpOrigin();
  await using proxy = await startNodeProxy(origin.port, ({ headers, url }, passed) =>
    headers.authorization === 'Basic YTpi' && headers.host === 'b.test' && url?.startsWith('/x') ? passed : 401,
  );
  const options = ['--host', 'b.test', '--path', '/x', '--header', 'Authorization: Basic YTpi', '--only', 'trust'];
  const { code, out } = await runAttack('--target', `localhost:${proxy.port}`, ...options);
  expect(code).toEqual(1);
  expect(out).toMatch(/^http:\/\/b\.test\/x at .* \(judged by answers alone\)\n/);
  // The origin tells what it is told.
  expect(out).toContain('FINDING trust: X-Forwarded-For: 203.0.113.66');
});

tap.test('arguments that make no sense are the fault of the user', async () => {
  await using config = await writeConfig();
  const wrong: [RegExp, ...string[]][] = [
    [/want --config, --target or both/],
    [/--target: want a port, host:port/, '--target', 'http://a.test'],
    [/--target: want an address of this machine, or --i-own-this-target, got 192\.0\.2\.1/, '--target', '192.0.2.1:80'],
    [/--only: want framing, .*, got smuggling/, '--config', config.file, '--only', 'smuggling'],
    [/--header: want 'name: value', got "x"/, '--target', '127.0.0.1:1', '--header', 'x'],
    [/--path: it goes with --target/, '--config', config.file, '--path', '/x'],
  ];
  for (const [want, ...args] of wrong) {
    const { code, errors, out } = await runAttack(...args);
    expect([args, code, out]).toEqual([args, 1, '']);
    expect(errors).toMatch(want);
  }
  const { code, errors } = await runAttack('--target', '127.0.0.1:1');
  expect(code).toEqual(2);
  expect(errors).toMatch(/^smartproxy: an innocent request is not answered: connect ECONNREFUSED 127\.0\.0\.1:1$/);
});

export default tap.start();
