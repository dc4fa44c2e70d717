import { inspect } from 'node:util';
import { compareConfigs } from '../../ts/config/change.js';
import { resolveConfig } from '../../ts/config/resolve.js';
import type { IRouteConfig, IRouteSecurity } from '../../ts/config/types.js';
import { faultsOf } from '../helpers/config-faults.js';
import { makeRoute, resolveRoutes } from '../helpers/make-config.js';
import { bcryptHash, scryptHash } from '../helpers/passwords.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };
const tls = { mode: 'passthrough' } as const;
const secret = 'canary-0815-of-thirty-two-bytes-or-more';
const hash = scryptHash('word');
const basicAuth = { users: { ann: hash, bob: 'canary-0815' } };
const jwtAuth = { secret, algorithms: ['HS256'] } as const;
const forwardAuth = { url: 'https://auth.test:8443/verify?token=canary-0815', responseHeaders: ['X-User'] };
const kinds: Record<string, IRouteSecurity> = {
  basicAuth: { basicAuth },
  jwtAuth: { jwtAuth },
  forwardAuth: { forwardAuth },
};

const placesOf = (route: object, options: object = {}): string[] =>
  faultsOf({ ...options, routes: [{ match: { ports: 443 }, action: { type: 'forward', target }, ...route }] }).map(
    ({ path }) => path.replace('routes[0].', ''),
  );

tap.test('authentication of every kind is a fault where the proxy reads no requests', async () => {
  for (const [name, security] of Object.entries(kinds)) {
    const passed = { type: 'forward', target, tls };
    const handler = { type: 'socket-handler', socketHandler: () => {} };
    const kernel = { type: 'forward', target: { host: '192.0.2.1', port: 80 }, forwardingEngine: 'nftables' };
    const cases: [object, object, string][] = [
      [{ action: passed, security }, {}, `security.${name}`],
      [{ action: { ...passed, security } }, {}, `action.security.${name}`],
      [{ action: passed }, { defaults: { security } }, 'action.tls.mode'],
      [{ action: handler, security }, {}, `security.${name}`],
      [{ action: handler }, { defaults: { security } }, 'action.type'],
      [{ action: kernel, security }, {}, `security.${name}`],
      [{ match: { ports: 443, protocol: 'other' }, security }, {}, 'match.protocol'],
      [{}, { defaults: { security, tls } }, 'defaults.tls.mode'],
    ];
    for (const [route, options, place] of cases)
      expect([name, place, placesOf(route, options)]).toEqual([name, place, [place]]);
    const [resolved] = resolveRoutes([makeRoute({ security })]).routes;
    expect([resolved?.match.httpOnly, resolved?.match.protocol]).toEqual([true, 'http']);
    expect(resolveRoutes([makeRoute()], { defaults: { security } }).routes[0]?.security.asks).not.toBeNull();
  }
});

tap.test(
  'a request has one Authorization: passwords and a token on every path are a fault, wherever they stand',
  async () => {
    const security = { basicAuth, jwtAuth };
    expect(placesOf({ security })).toEqual(['security.jwtAuth']);
    expect(placesOf({ security: { basicAuth } }, { defaults: { security: { jwtAuth } } })).toEqual([
      'routes[0].defaults.security.jwtAuth'.replace('routes[0].', ''),
    ]);
    expect(placesOf({ security: { jwtAuth }, action: { type: 'forward', target, security: { basicAuth } } })).toEqual([
      'security.jwtAuth',
    ]);
    const parts = {
      basicAuth: { ...basicAuth, excludePaths: ['/api/*'] },
      jwtAuth: { ...jwtAuth, excludePaths: ['/web/*'] },
    };
    expect(placesOf({ security: parts })).toEqual([]);
  },
);

tap.test('a field that says who the client is has one writer', async () => {
  const claims = { ...jwtAuth, forwardClaims: { sub: 'x-user' } };
  expect(placesOf({ security: { jwtAuth: claims, forwardAuth } })).toEqual(['security.forwardAuth']);
  expect(placesOf({ security: { jwtAuth: claims } }, { defaults: { security: { forwardAuth } } })).toEqual([
    'defaults.security.forwardAuth',
  ]);
});

tap.test('of a user with a hash there is one password', async () => {
  const twice = (password: string) =>
    placesOf({
      security: {
        basicAuth: {
          users: [
            { username: 'ann', password: hash },
            { username: 'ann', password },
          ],
        },
      },
    });
  expect([twice('text'), twice(bcryptHash('word'))]).toEqual([
    ['security.basicAuth.users[1].username'],
    ['security.basicAuth.users[1].username'],
  ]);
});

tap.test('what is kept of it shows no secret, and what is told of the route has none', async () => {
  const config = resolveRoutes(
    Object.entries(kinds).map(([name, security], index) => makeRoute({ name, match: { ports: index + 1 }, security })),
    { defaults: { security: {} } },
  );
  const shown = inspect(config, { depth: 20, showHidden: true });
  expect([shown.includes('canary-0815'), shown.includes(hash)]).toEqual([false, false]);
  const told = config.routes.map(({ source }) => source.security);
  expect(told[0]?.basicAuth?.users).toEqual([
    { username: 'ann', password: '' },
    { username: 'bob', password: '' },
  ]);
  expect([told[1]?.jwtAuth?.secret, told[2]?.forwardAuth?.url]).toEqual(['', 'https://auth.test:8443/verify']);
  expect(config.routes.every((route) => Object.isFrozen(route.security.asks))).toBeTrue();
});

tap.test('every part of it is a change of security, and the same is none', async () => {
  const parts = (before: IRouteSecurity, after: IRouteSecurity) => {
    const config = (security: IRouteSecurity) =>
      resolveConfig({ routes: [makeRoute({ name: 'a', security } as Partial<IRouteConfig>)] });
    return compareConfigs(config(before), config(after)).routes.changed[0]?.parts ?? [];
  };
  for (const security of Object.values(kinds)) expect(parts(security, structuredClone(security))).toEqual([]);
  const changes: [IRouteSecurity, IRouteSecurity][] = [
    [{ basicAuth }, { basicAuth: { users: { ann: scryptHash('new'), bob: 'canary-0815' } } }],
    [{ basicAuth }, { basicAuth: { users: { ann: hash, bob: 'new' } } }],
    [{ basicAuth }, { basicAuth: { ...basicAuth, excludePaths: ['/a'] } }],
    [{ jwtAuth }, { jwtAuth: { ...jwtAuth, secret: `${secret}x` } }],
    [{ jwtAuth }, { jwtAuth: { ...jwtAuth, forwardToken: true } }],
    [{ forwardAuth }, { forwardAuth: { ...forwardAuth, url: `${forwardAuth.url}x` } }],
    [{ forwardAuth }, { forwardAuth: { ...forwardAuth, tls: { rejectUnauthorized: false } } }],
  ];
  for (const [before, after] of changes) expect([after, parts(before, after)]).toEqual([after, ['security']]);
});

export default tap.start();
