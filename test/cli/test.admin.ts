// The commands that ask a running proxy, against `run` in the same process.

import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { main } from '../../ts/cli/main.js';
import { connectTcp } from '../helpers/clients.js';
import { fakeHost, type IFakeHost } from '../helpers/fake-host.js';
import { freePorts } from '../helpers/free-port.js';
import { makeFolder } from '../helpers/make-folder.js';
import { startEcho } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';

const token = 'token-of-the-command-line';

const yaml = (targetPort: number, name = 'echo', more = '') => `listenAddress: 127.0.0.1
routes:
  - name: ${name}
    match: { ports: 0 }
    action: { type: forward, target: { host: 127.0.0.1, port: ${targetPort} } }
${more}`;

interface IRunning {
  readonly host: IFakeHost;
  readonly ended: Promise<number>;
  /** Of the first route. */
  readonly port: number;
  readonly admin: string;
}

async function startRun(file: string, args: readonly string[] = [], env: IFakeHost['env'] = {}): Promise<IRunning> {
  const host = fakeHost({ env });
  const ended = main(['run', '--config', file, '--log-level', 'silent', '--admin', '127.0.0.1:0', ...args], host);
  const [, port] = /on port (\d+)/.exec(await host.line(/^listening on/)) ?? [];
  const [, admin = ''] = /^admin interface on http:\/\/([^/]+)\/$/.exec(await host.line(/^admin interface/)) ?? [];
  return { host, ended, port: Number(port), admin };
}

async function ask(args: readonly string[], env: IFakeHost['env'] = {}) {
  const host = fakeHost({ env });
  const code = await main(args, host);
  return {
    code,
    out: host.lines.filter((line) => !host.errors.includes(line)).join('\n'),
    err: host.errors.join('\n'),
  };
}

tap.test('a proxy that runs tells its status, connections and figures, and is stopped', async () => {
  await using echo = await startEcho();
  await using folder = await makeFolder();
  const file = `${folder.path}/a.yaml`;
  await writeFile(file, yaml(echo.port));
  const running = await startRun(file);
  await using client = await connectTcp(running.port);
  client.send('hello\r\n');
  await client.receive(7);
  const at = ['--admin', running.admin];

  const status = await ask(['status', ...at]);
  expect([status.code, status.err]).toEqual([0, '']);
  expect(status.out).toMatch(
    /^smartproxy \d+\.\d+\.\d+ in process \d+ on Node [\d.]+: running for \d+ s\n1 route; listening on \d+\n/,
  );
  expect(status.out).toMatch(/^1 of \d+ connections; [\d.]+ requests\/s/m);
  expect(status.out).toMatch(/^1 target, all up$/m);
  const data = JSON.parse((await ask(['status', '--json', ...at])).out) as Record<string, object>;
  expect(Object.keys(data)).toEqual(['status', 'statistics', 'targets', 'certificates']);

  const connections = await ask(['connections', ...at]);
  const [heading = '', row = '', sum] = connections.out.split('\n');
  expect(heading.split(/ +/)).toEqual(['id', 'client', 'route', 'target', 'name', 'phase', 'in', 'out', 'age']);
  expect(row).toMatch(
    new RegExp(`127\\.0\\.0\\.1:${client.socket.localPort} +echo +127\\.0\\.0\\.1:${echo.port} +- +transfer +7 B +7 B`),
  );
  expect(sum).toEqual('1 live connection, 1 shown');
  expect((await ask(['connections', '--route', 'other', ...at])).out).toEqual(
    '1 live connection, 0 of them fit, 0 shown',
  );
  const list = JSON.parse(
    (await ask(['connections', '--client', '127.0.0.1', '--limit', '1', '--json', ...at])).out,
  ) as { matched: number };
  expect(list.matched).toEqual(1);

  expect((await ask(['metrics', ...at])).out).toContain('\nsmartproxy_active_connections 1\n');
  expect(JSON.parse((await ask(['metrics', '--json', ...at])).out)).toHaveProperty('connectionsActive');

  expect(await ask(['stop', '--grace', '0', ...at])).toEqual({ code: 0, out: 'stopping', err: '' });
  expect(await running.ended).toEqual(0);
  expect(running.host.lines.slice(-2)).toEqual([
    'stopping: 1 connection may finish; a second signal ends everything at once',
    'stopped',
  ]);
  await client.closed;
  expect((await ask(['status', ...at])).code).toEqual(2);
});

tap.test('a changed file is planned, then reloaded, or told with its faults', async () => {
  await using echo = await startEcho();
  await using folder = await makeFolder();
  const [file, next] = [`${folder.path}/a.yaml`, `${folder.path}/next.yaml`];
  await writeFile(file, yaml(echo.port));
  const running = await startRun(file);
  const at = ['--admin', running.admin];
  expect((await ask(['plan', '--config', file, ...at])).out).toEqual('nothing changes\n0 connections kept');
  await writeFile(
    next,
    yaml(echo.port, 'renamed', '  - { name: b, match: { ports: 0, path: /b }, action: { type: block } }\n'),
  );
  const plan = await ask(['plan', '--config', next, ...at]);
  expect([plan.code, plan.out.split('\n')]).toEqual([
    0,
    ['+ route renamed', '+ route b', '- route echo', '0 connections kept'],
  ]);
  expect(JSON.parse((await ask(['plan', '--json', '--config', next, ...at])).out)).toHaveProperty('routes');

  await writeFile(file, await readFile(next));
  expect((await ask(['reload', ...at])).out).toEqual('reloaded: routes: 2 added, 0 changed, 1 removed');
  await running.host.line(/^reloaded: routes: 2 added/);
  await writeFile(file, 'routes: [{ match: { ports: x }, action: { type: block } }]');
  const failed = await ask(['reload', ...at]);
  expect([failed.code, failed.out]).toEqual([1, '']);
  expect(failed.err).toContain(`${file}:1:21: routes[0].match.ports: want a port`);
  await running.host.line(/^smartproxy: not reloaded/);

  running.host.signals.emit('SIGTERM');
  expect(await running.ended).toEqual(0);
});

tap.test('what is no plain data cannot be planned from here', async () => {
  await using folder = await makeFolder();
  const file = `${folder.path}/a.mjs`;
  const route = "{ match: { ports: 1 }, action: { type: 'http-handler', httpHandler: () => new Response() } }";
  await writeFile(file, `export default { routes: [${route}] };`);
  const { code, err } = await ask(['plan', '--config', file, '--admin', '1']);
  expect([code, err]).toEqual([
    1,
    `smartproxy: ${file}: routes[0].action.httpHandler is no plain data, and cannot be sent to a running proxy`,
  ]);
});

tap.test('the token comes from a file or the environment, and a wrong one is told', async () => {
  await using echo = await startEcho();
  await using folder = await makeFolder();
  const [file, tokenFile, wrong] = [`${folder.path}/a.yaml`, `${folder.path}/token`, `${folder.path}/wrong`];
  await writeFile(file, yaml(echo.port, 'echo', 'admin: { port: 1 }\n'));
  await writeFile(tokenFile, `${token}\nmore\n`);
  await writeFile(wrong, 'another-token-than-that');
  const running = await startRun(file, ['--token-file', tokenFile]);
  const at = ['--admin', running.admin];
  const none = await ask(['status', ...at]);
  expect([none.code, none.err]).toEqual([
    1,
    `smartproxy: the admin interface at ${running.admin} wants a token: give it by --token-file or in SMARTPROXY_ADMIN_TOKEN`,
  ]);
  const other = await ask(['status', ...at, '--token-file', wrong]);
  expect([other.code, other.err.includes('has another token'), other.err.includes('another-token-than-that')]).toEqual([
    1,
    true,
    false,
  ]);
  expect((await ask(['status', ...at, '--token-file', tokenFile])).code).toEqual(0);
  expect((await ask(['status', ...at], { SMARTPROXY_ADMIN_TOKEN: token })).code).toEqual(0);
  expect((await ask(['status'], { SMARTPROXY_ADMIN_TOKEN: token, SMARTPROXY_ADMIN: running.admin })).code).toEqual(0);
  expect(
    (await ask(['status', '--token-file', wrong], { SMARTPROXY_ADMIN_TOKEN: token, SMARTPROXY_ADMIN: running.admin }))
      .code,
  ).toEqual(1);
  running.host.signals.emit('SIGTERM');
  await running.ended;
});

tap.test('whose fault it is shows in the exit code', async () => {
  await using folder = await makeFolder();
  const [free = 0] = await freePorts(1);
  const file = `${folder.path}/a.yaml`;
  await writeFile(file, yaml(1));
  const cases: [string[], number, RegExp][] = [
    [
      ['status', '--admin', String(free)],
      2,
      /cannot reach the admin interface at 127\.0\.0\.1:\d+: is a proxy running there/,
    ],
    [['status', '--admin', 'nonsense'], 1, /--admin: want a port, host:port/],
    [['status', '--admin', '1', '--token-file', `${folder.path}/none`], 2, /cannot read/],
    [['stop', '--admin', '1', '--grace', 'soon'], 1, /--grace: want seconds/],
    [['stop', '--admin', '1', '--grace', '-1'], 1, /--grace: want seconds/],
    [['run', '--config', file, '--admin', '0.0.0.0:0'], 1, /admin\.token: want a token/],
    [['run', '--config', file, '--token-file', file], 1, /--token-file: want --admin too/],
    [['plan', '--config', `${folder.path}/none.yaml`], 2, /cannot read/],
  ];
  for (const [args, code, message] of cases) {
    const answer = await ask(args);
    expect([args, answer.code, message.test(answer.err)]).toEqual([args, code, true]);
  }
});

tap.test('what is no admin interface is told, and moves no terminal', async () => {
  const answers: [number, string, number, RegExp][] = [
    [200, 'hello', 2, /does not answer as a proxy does/],
    [200, '{"version":"\\u001b[2J"', 2, /does not answer as a proxy does/],
    [404, 'nothing', 1, /answers with 404/],
    [500, '{"error":{"code":"X","message":"\\u001b[31mred\\u202e"}}', 2, /says: \?\[31mred\?/],
    [422, '{"error":null}', 1, /answers with 422/],
  ];
  for (const [status, body, code, message] of answers) {
    const server = createServer((_, response) => void response.writeHead(status).end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const answer = await ask(['status', '--admin', String(port)]);
    server.close();
    expect([body, answer.code, message.test(answer.err)]).toEqual([body, code, true]);
    expect(answer.err).not.toContain('\u001b');
  }
});

tap.test('figures and JSON of a proxy move no terminal either, and mean the same', async () => {
  const odd = 'a\u009b2J\u202eb\u007f\u{e0001}c';
  const list = { total: 1, matched: 1, connections: [{ id: odd }] };
  const server = createServer(({ url }, response) => {
    response.end(url === '/metrics' ? `x{route="${odd}\u001b[2J"} 1\n` : JSON.stringify(list));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = ['--admin', String((server.address() as AddressInfo).port)];
  const { out } = await ask(['connections', '--json', ...at]);
  const { out: figures } = await ask(['metrics', ...at]);
  server.close();
  expect(JSON.parse(out)).toEqual(list);
  expect(figures).toEqual('x{route="a?2J?b??c?[2J"} 1');
  for (const text of [out, figures]) expect(/(?!\n)[\p{Cc}\p{Cf}]/u.test(text)).toBeFalse();
});

tap.test('with --json the place of the interface is in the event', async () => {
  await using folder = await makeFolder();
  const file = `${folder.path}/a.json`;
  await writeFile(file, JSON.stringify({ listenAddress: '127.0.0.1', routes: [] }));
  const host = fakeHost();
  const ended = main(['run', '--config', file, '--json', '--log-level', 'silent', '--admin', '[::1]:0'], host);
  const { admin } = JSON.parse(await host.line(/"listening"/)) as { admin: { host: string; port: number } };
  expect([admin.host, admin.port > 0]).toEqual(['::1', true]);
  expect((await ask(['status', '--admin', `[::1]:${admin.port}`])).code).toEqual(0);
  host.signals.emit('SIGINT');
  expect(await ended).toEqual(0);
});

export default tap.start();
