import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { main } from '../../ts/cli/main.js';
import { fakeHost } from '../helpers/fake-host.js';
import { makeFolder } from '../helpers/make-folder.js';
import { startEcho } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** Runs a command that ends by itself. */
async function runMain(...args: string[]) {
  const host = fakeHost();
  const code = await main(args, host);
  const errors = host.errors.join('\n');
  return { code, errors, out: host.lines.filter((line) => !host.errors.includes(line)).join('\n') };
}

/** A folder with a good and a faulty file. */
async function makeFiles() {
  const folder = await makeFolder();
  const [good, bad] = [join(folder.path, 'good.yaml'), join(folder.path, 'bad.yaml')];
  const routes = `routes:
  - name: shop
    match: { ports: 8443, domains: shop.test }
    action: { type: forward, target: { host: 10.0.0.1, port: 443 }, tls: { mode: passthrough } }
    security: { ipBlockList: [192.0.2.0/24] }
`;
  await writeFile(good, routes);
  await writeFile(bad, `${routes}    nam: x\nproxyIP: []\n`);
  return { good, bad, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

tap.test('help and the version are no failure', async () => {
  const help = await runMain('--help');
  expect(help.code).toEqual(0);
  for (const name of ['run', 'forward', 'check', 'explain', 'schema', 'demo']) expect(help.out).toContain(`  ${name} `);
  expect((await runMain('run', '--help')).out).toContain('--watch');
  const version = await runMain('--version');
  expect(version.code).toEqual(0);
  expect(version.out).toMatch(/^\d+\.\d+\.\d+/);
});

tap.test('arguments that make no sense are the fault of the user', async () => {
  const wrong: [RegExp, ...string[]][] = [
    [/Usage: smartproxy/],
    [/unknown command 'chekc'[\s\S]*Did you mean check/, 'chekc'],
    [/unknown option '--wach'[\s\S]*Did you mean --watch/, 'run', '--config', 'x.yaml', '--wach'],
    [/required option '--config <file>'/, 'run'],
    [/Allowed choices are debug, info/, 'run', '--config', 'x.yaml', '--log-level', 'loud'],
    [/missing required argument 'to'/, 'forward', '1'],
    [/too many arguments/, 'check', '--config', 'x.yaml', 'y.yaml'],
    [/TO: want host:port/, 'forward', '1', '2'],
    [/FROM: want a port/, 'forward', 'x', 'a.test:1'],
    [/listenAddress/, 'forward', 'a.test:1', 'b.test:1'],
    [/domains/, 'forward', '0', 'b.test:1', '--domain', 'not a name'],
    [/Allowed choices are passthrough/, 'forward', '0', 'b.test:1', '--tls', 'terminate'],
    [/Allowed choices are 1, 2/, 'forward', '0', 'b.test:1', '--proxy-protocol', '3'],
    [/x\.toml: want a file that ends in/, 'check', '--config', 'x.toml'],
  ];
  for (const [want, ...args] of wrong) {
    const { code, errors, out } = await runMain(...args);
    expect(errors).toMatch(want);
    expect([args, code, out]).toEqual([args, 1, '']);
  }
});

tap.test('a command that no version has is told', async () => {
  expect((await runMain('surprise')).errors).toContain('unknown command');
});

tap.test('check tells a good file from a faulty one', async () => {
  await using files = await makeFiles();
  expect(await runMain('check', '--config', files.good)).toEqual({
    code: 0,
    errors: '',
    out: `${files.good} is good: 1 route`,
  });
  const { code, errors, out } = await runMain('check', '--config', files.bad);
  expect([code, errors]).toEqual([1, '']);
  const lines = out.split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toEqual(`2 faults in ${files.bad}:`);
  expect(lines[1]).toContain(`${files.bad}:6:5: routes[0].nam: want a known option (did you mean \`name\`?)`);
  expect(lines[2]).toContain(`${files.bad}:7:1: proxyIP: want a known option (did you mean \`proxyIPs\`?)`);
});

tap.test('check tells programs the same', async () => {
  await using files = await makeFiles();
  const good = await runMain('check', '--config', files.good, '--json');
  expect([good.code, JSON.parse(good.out)]).toEqual([0, { file: files.good, ok: true, faults: [] }]);
  const bad = await runMain('check', '--config', files.bad, '--json');
  expect(bad.code).toEqual(1);
  const { ok, faults } = JSON.parse(bad.out) as { ok: boolean; faults: { path: string; line: number; want: string }[] };
  expect(ok).toBeFalse();
  expect(faults.map(({ path, line }) => [path, line])).toEqual([
    ['routes[0].nam', 6],
    ['proxyIP', 7],
  ]);
});

tap.test('explain tells where a connection would go, for people and for programs', async () => {
  await using files = await makeFiles();
  const query = ['explain', '--config', files.good, 'https://shop.test:8443/x'];
  const { code, out } = await runMain(...query, '--from', '198.51.100.1', '--alpn', 'h2');
  expect(code).toEqual(0);
  expect(out).toContain('the ClientHello is read: shop.test, TLSv1.3, ALPN h2');
  expect(out.split('\n').at(-1)).toEqual('= forward to 10.0.0.1:443');
  const refused = await runMain(...query, '--from', '192.0.2.7', '--json');
  expect(refused.code).toEqual(0);
  const { outcome, end, route } = JSON.parse(refused.out) as Record<string, unknown>;
  expect([outcome, end, route]).toEqual(['refused', 'route_ip_blocked', { key: 'shop', name: 'shop', index: 0 }]);
  expect((await runMain(...query, '--no-tls')).out).toContain('= no_route');
  expect((await runMain('explain', '--config', files.good, 'tcp://:1')).out).toContain('= not_listening');
});

tap.test('explain refuses what nobody can be asked', async () => {
  await using files = await makeFiles();
  const ask = (...args: string[]) => runMain('explain', '--config', files.good, ...args);
  const from = await ask('https://shop.test:8443', '--from', 'nobody');
  expect([from.code, from.errors]).toEqual([1, 'smartproxy: --from: want an IP address, got "nobody"']);
  expect((await ask('gopher://x')).code).toEqual(1);
  expect((await runMain('explain', '--config', files.bad, 'https://shop.test')).code).toEqual(1);
});

tap.test('the schema is the one of the configuration', async () => {
  const { code, out } = await runMain('schema');
  expect(code).toEqual(0);
  const schema = JSON.parse(out) as { $schema: string; required: string[]; properties: object };
  expect(schema.$schema).toEqual('https://json-schema.org/draft/2020-12/schema');
  expect(schema.required).toEqual(['routes']);
  expect(Object.keys(schema.properties)).toContain('maxConnections');
  expect(Object.keys(schema.properties)).not.toContain('logger');
});

tap.test('a file that cannot be read and a port that is taken are faults of the environment', async () => {
  const gone = await runMain('run', '--config', 'no-such-file.yaml');
  expect(gone.code).toEqual(2);
  expect(gone.errors).toContain('cannot read no-such-file.yaml');
  await using echo = await startEcho();
  const taken = await runMain('forward', `127.0.0.1:${echo.port}`, '127.0.0.1:1');
  expect(taken.code).toEqual(2);
  expect(taken.errors).toContain(`cannot listen on 127.0.0.1 port ${echo.port}`);
});

tap.test('a defect of ours is told with its stack', async () => {
  const host = fakeHost();
  const broken = { ...host, out: () => { throw new RangeError('broken pipe dream'); } }; // biome-ignore format: one line
  expect(await main(['schema'], broken)).toEqual(2);
  expect(host.errors[0]).toMatch(/^smartproxy: RangeError: broken pipe dream\n {4}at /);
});

export default tap.start();
