import { inspect } from 'node:util';
import type { IRouteConfig } from '../../ts/config/types.js';
import { WrittenRoutes } from '../../ts/config/written-routes.js';
import { faultsOf } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const canary = 'canary0123456789canary0123456789canary';
const pem = `-----BEGIN EC PRIVATE KEY-----\n${canary}\n-----END EC PRIVATE KEY-----`;
const httpHandler = () => new Response('x');
const socketHandler = () => {};
const host = () => 'a.test';

/** Something in each place that holds what JSON cannot hold, or what nobody is to read. */
const routes: readonly IRouteConfig[] = [
  {
    name: 'all',
    match: { ports: 443, path: '/a/*', headers: { 'X-Api-Key': canary, 'X-Plain': 'plain', 'X-Re': /^x+$/i } },
    action: {
      type: 'forward',
      targets: [
        { host, port: 80, headers: { 'X-Upstream': `Bearer ${canary}` } },
        { host: 'b.test', port: 81, tls: { key: pem, cert: new Uint8Array([1, 2, 3]), passphrase: canary } },
      ],
      loadBalancing: { algorithm: 'consistent-hash', key: 'path' },
      healthCheck: { path: `/health?token=${canary}` },
      tls: {
        mode: 'terminate',
        certificate: { cert: pem, key: Buffer.from(pem), passphrase: canary },
        acme: { email: 'a@b.test', eab: { kid: 'kid', hmacKey: canary }, dns: { command: ['set', '--token', canary] } },
      },
    },
    security: {
      authentication: { type: 'basic', credentials: [{ username: 'ann', password: canary }] },
      basicAuth: { users: { bob: canary } },
      jwtAuth: { secret: canary, algorithms: ['HS256'] },
      forwardAuth: { url: `https://auth.test/?key=${canary}` },
    },
    headers: { request: { 'X-Token': canary, 'X-Other': canary, 'X-Client': '{clientIp}, {domain}', Gone: null } },
  },
  { name: 'handler', match: { ports: 80 }, action: { type: 'http-handler', httpHandler } },
  { name: 'socket', enabled: false, match: { ports: 81 }, action: { type: 'socket-handler', socketHandler } },
];

const through = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

tap.test('no secret is in what is shown, in no spelling', () => {
  const text = JSON.stringify(new WrittenRoutes().show(routes));
  for (const spelling of [canary, Buffer.from(canary).toString('base64').slice(4, 30), inspect(Buffer.from(canary))]) {
    expect(text).not.toContain(spelling);
  }
  expect(text).not.toContain('PRIVATE KEY');
  for (const shown of ['plain', '{clientIp}, {domain}', 'b.test', '"path"', 'a@b.test', '/^x+$/i', '3 bytes', 'kid']) {
    expect(text).toContain(shown);
  }
});

tap.test('what is shown and sent back is what it was, functions and secrets included', () => {
  const written = new WrittenRoutes();
  const restored = written.restore(through(written.show(routes)), routes);
  expect([restored.faults, restored.lost]).toEqual([[], []]);
  expect(inspect(restored.routes, { depth: 20 })).toEqual(inspect(routes, { depth: 20 }));
  const [all, handler] = restored.routes as readonly IRouteConfig[];
  expect(handler?.action.type === 'http-handler' && handler.action.httpHandler === httpHandler).toBeTrue();
  expect(all?.action.type === 'forward' && all.action.targets?.[0]?.host === host).toBeTrue();
});

tap.test('a value can be moved to another entry of its list, and nowhere else', () => {
  const written = new WrittenRoutes();
  const [all] = through(written.show(routes)) as {
    security: { authentication: { credentials: { password: object }[] } };
  }[];
  const kept = all?.security.authentication.credentials[0]?.password;
  const users = [
    { username: 'new', password: 'x'.repeat(12) },
    { username: 'ann', password: kept },
  ];
  const moved = [{ match: { ports: 1 }, security: { authentication: { type: 'basic', credentials: users } } }];
  const { routes: back, faults } = written.restore(moved, routes);
  expect(faults).toEqual([]);
  expect(inspect(back, { depth: 9 })).toContain(canary);
  // A password is not to become the body of an answer.
  const stolen = [{ match: { ports: 1 }, action: { type: 'respond', respond: { status: 200, body: kept } } }];
  const refused = written.restore(stolen, routes);
  expect(refused.faults.map(({ path }) => path.join('.'))).toEqual(['routes.0.action.respond.body']);
  expect(inspect(refused.routes, { depth: 9 })).not.toContain(canary);
});

tap.test('what refers to a value that is not there any more is a fault', () => {
  const written = new WrittenRoutes();
  const shown = through(written.show(routes));
  const changed = routes.map((route) => (route.security ? { ...route, security: {} } : route));
  const { faults } = written.restore(shown, changed);
  expect(faults.length).toEqual(4);
  expect(faults[0]?.want).toEqual('a value, or one that the routes in force have');
  const other = new WrittenRoutes().restore(shown, routes);
  expect(other.faults.length).toBeGreaterThan(10);
});

tap.test('no name of a user or a header makes one place look like another', () => {
  const users = [{ username: 'ann', password: canary }];
  const own: IRouteConfig[] = [{ match: { ports: 1 }, action: { type: 'block' }, security: { basicAuth: { users } } }];
  const written = new WrittenRoutes();
  const [shown] = through(written.show(own)) as { security: { basicAuth: { users: { password: object }[] } } }[];
  const kept = shown?.security.basicAuth.users[0]?.password;
  const aliases = { '*.password': kept, '0': { password: kept } };
  const stolen = [{ match: { ports: 1 }, security: { basicAuth: { users: aliases } } }];
  const { routes: back, faults } = written.restore(stolen, own);
  expect(faults.map(({ got }) => got)).toEqual(['$kept of another place', '$kept of another place']);
  expect(inspect(back, { depth: 9 })).not.toContain(canary);
});

tap.test('a reference that is no text is a fault as any other', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  for (const $kept of [null, 1, {}, { toString: 1 }, ['routes[1].action.httpHandler'], deep]) {
    const { faults } = new WrittenRoutes().restore([{ $kept }], routes);
    expect(faults.map(({ path, got }) => [path, got])).toEqual([[['routes', 0], '$kept of none that is there']]);
  }
});

tap.test('a program is referred to as a whole; one that is spelled out is told, in part too', () => {
  const withCommand = (command: unknown) => {
    const tls = { mode: 'terminate', certificate: 'auto', acme: { dns: { command } } };
    return [{ match: { ports: 1 }, action: { type: 'block', tls } }] as unknown as IRouteConfig[];
  };
  const own = withCommand(['set', '--token', canary]);
  const written = new WrittenRoutes();
  const [shown] = through(written.show(own)) as { action: { tls: { acme: { dns: { command: object } } } } }[];
  const kept = shown?.action.tls.acme.dns.command;
  expect(kept).toHaveProperty('is', 'a program');
  // It is the same after an update that has not changed it.
  for (const now of [own, structuredClone(own)]) {
    const { routes: back, faults, programs } = written.restore(withCommand(kept), now);
    expect([back, faults, programs]).toEqual([own, [], []]);
  }
  for (const command of [['sh', '-c', 'id'], ['set', '--token', canary], []]) {
    const { programs } = written.restore(withCommand(command), own);
    expect(programs.map(({ path }) => path.join('.'))).toEqual(['routes.0.action.tls.acme.dns.command']);
    expect(JSON.stringify(programs)).not.toContain(canary);
  }
  expect(written.restore(withCommand([kept]), own).faults).toHaveLength(1);
});

tap.test('functions that are not referred to are told by their places, secrets are not', () => {
  const written = new WrittenRoutes();
  const { lost } = written.restore([{ name: 'other' }], routes);
  expect(lost).toEqual([
    'routes[0].action.targets[0].host',
    'routes[1].action.httpHandler',
    'routes[2].action.socketHandler',
  ]);
  const [, , socket] = through(written.show(routes)) as object[];
  expect(written.restore([socket], routes).lost).toHaveLength(2);
});

tap.test('what is no list of routes, odd or very deep, goes through to the schema', () => {
  const written = new WrittenRoutes();
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  for (const given of [null, 5, 'x', {}, [null], JSON.parse('[{"__proto__":{"a":1},"constructor":1}]'), deep]) {
    const { routes: back } = written.restore(given, routes);
    expect(faultsOf({ routes: back }).length).toBeGreaterThan(0);
  }
  const polluted = written.restore(JSON.parse('[{"__proto__":{"match":{"ports":1}}}]'), []).routes as object[];
  expect(Object.hasOwn(polluted[0] ?? {}, '__proto__')).toBeTrue();
  expect(Object.getPrototypeOf(polluted[0])).toEqual(Object.prototype);
});

export default tap.start();
