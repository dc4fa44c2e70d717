import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { compareConfigs } from '../../ts/config/change.js';
import { resolveConfig } from '../../ts/config/resolve.js';
import type { IRouteConfig, IRouteSecurity } from '../../ts/config/types.js';
import { faultsOf } from '../helpers/config-faults.js';
import { makeRoute, resolveRoutes } from '../helpers/make-config.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };
const tls = { mode: 'passthrough' } as const;
const canary = 'canary-0815';
const authenticated = (username = 'ann', password = canary, realm?: string): IRouteSecurity => ({
  authentication: { type: 'basic', credentials: [{ username, password }], ...(realm === undefined ? {} : { realm }) },
});
const withSecurity = (parts: Partial<IRouteConfig> = {}) => makeRoute({ security: authenticated(), ...parts });

/** Place and wish of each fault of one route. */
const faultsOfRoute = (route: object, options: object = {}) =>
  faultsOf({ ...options, routes: [{ match: { ports: 443 }, action: { type: 'forward', target }, ...route }] }).map(
    ({ path, want }) => [path.replace('routes[0].', ''), want],
  );

tap.test('credentials become digests: of the route, of its action, of the defaults', async () => {
  const action = { type: 'forward', target, security: authenticated('bob', 'b', 'inner') } as const;
  const config = resolveRoutes([withSecurity({ action }), makeRoute({ match: { ports: 1 } })], {
    defaults: { security: authenticated('eve', 'jos\u0065\u0301') },
  });
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const shown = config.routes.map(({ security }) =>
    security.basic?.map(({ realm, digests }) => [realm, ...digests.map((one) => Buffer.from(one).toString('hex'))]),
  );
  const eve = ['restricted', digest('eve:jos\u00e9')];
  expect(shown).toEqual([[['restricted', digest(`ann:${canary}`)], ['inner', digest('bob:b')], eve], [eve]]);
  expect(resolveRoutes([makeRoute()]).routes[0]?.security.basic).toBeNull();
});

tap.test('the resolved form has no password, and is frozen', async () => {
  const action = { type: 'forward', target, security: authenticated('bob') } as const;
  const config = resolveRoutes([withSecurity({ action })], { defaults: { security: authenticated('eve') } });
  expect(inspect(config, { depth: 20 }).includes(canary)).toBeFalse();
  const [route] = config.routes;
  expect(route?.source.security?.authentication?.credentials).toEqual([{ username: 'ann', password: '' }]);
  expect([route?.security.basic, route?.source].every(Object.isFrozen)).toBeTrue();
  expect(Object.isFrozen(route?.source.action.security?.authentication)).toBeTrue();
});

tap.test('other credentials are a change of security, the same ones are none', async () => {
  const config = (security: IRouteSecurity) => resolveConfig({ routes: [makeRoute({ name: 'a', security })] });
  const parts = (security: IRouteSecurity) => {
    const { changed } = compareConfigs(config(authenticated()), config(security)).routes;
    return changed[0]?.parts ?? [];
  };
  expect(parts(authenticated())).toEqual([]);
  expect(parts(authenticated('ann', 'other'))).toEqual(['security']);
  expect(parts(authenticated('ann', canary, 'other'))).toEqual(['security']);
  expect(parts({ ...authenticated(), ipBlockList: ['10.0.0.1'] })).toEqual(['security']);
  expect(parts({})).toEqual(['match', 'security']);
});

tap.test('a route with authentication is for HTTP only, wherever it is given', async () => {
  const routes = [
    withSecurity(),
    makeRoute({ match: { ports: 1 }, action: { type: 'forward', target, security: authenticated() } }),
    makeRoute({ match: { ports: 2 }, action: { type: 'block', security: authenticated() } }),
    makeRoute({ match: { ports: 3 } }),
  ];
  const only = resolveRoutes(routes).routes.map(({ match }) => [match.httpOnly, match.protocol]);
  expect(only).toEqual([
    [true, 'http'],
    [true, 'http'],
    [true, 'http'],
    [false, null],
  ]);
  const all = resolveRoutes(routes, { defaults: { security: authenticated() } }).routes;
  expect(all.map(({ match }) => match.httpOnly)).toEqual([true, true, true, true]);
});

tap.test('authentication is a fault where the proxy reads no requests', async () => {
  const reads = 'needs HTTP that the proxy reads';
  const passed = { type: 'forward', target, tls };
  const handler = { type: 'socket-handler', socketHandler: () => {} };
  const security = authenticated();
  const defaults = { security };
  const cases: [object, object, string][] = [
    [{ action: passed, security }, {}, 'security.authentication'],
    [{ action: { ...passed, security } }, {}, 'action.security.authentication'],
    [{ action: passed }, { defaults }, 'action.tls.mode'],
    [{ action: handler, security }, {}, 'security.authentication'],
    [{ action: { ...handler, security } }, {}, 'action.security.authentication'],
    [{ action: handler }, { defaults }, 'action.type'],
    [{}, { defaults: { ...defaults, tls } }, 'defaults.tls.mode'],
  ];
  for (const [route, options, place] of cases) {
    const faults = faultsOfRoute(route, options);
    expect([place, ...faults.map(([path]) => path)]).toEqual([place, place]);
    expect(faults[0]?.[1]).toContain(reads);
  }
  for (const protocol of ['other', 'tls']) {
    const route = { match: { ports: 443, protocol }, security };
    expect(faultsOfRoute(route)[0]?.[1]).toContain('security.authentication is for HTTP only');
  }
  // What passes TLS by default leaves a route of its own authentication alone.
  expect(faultsOfRoute({ security }, { defaults: { tls } })).toEqual([]);
});

tap.test('no fault shows what credentials may be', async () => {
  const pair = { username: 'ann', password: canary };
  const faulty: unknown[] = [
    canary,
    [canary],
    { type: canary.length },
    { type: 'basic', credentials: canary },
    { type: 'basic', credentials: [canary] },
    { type: 'basic', credentials: { [canary.length]: canary } },
    { type: 'basic', credentials: [{ username: `ann:${canary}`, password: 'x' }] },
    { type: 'basic', credentials: [{ username: 'ann', password: `${canary}\n` }] },
    { type: 'basic', credentials: [{ username: 'ann', pasword: canary }] },
    { type: 'basic', credentials: [{ ...pair, hash: canary }], users: [pair] },
  ];
  for (const authentication of faulty) {
    for (const place of [
      { security: { authentication } },
      { action: { type: 'block', security: { authentication } } },
    ]) {
      const faults = faultsOf({ routes: [{ match: { ports: 1 }, action: { type: 'forward', target }, ...place }] });
      expect(faults.length).toBeGreaterThan(0);
      expect(JSON.stringify(faults)).not.toContain(canary);
    }
  }
});

export default tap.start();
