// What users give as configuration, on its way to other processes.

import { ConfigError } from '../../ts/base/errors.js';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/index.js';
import { sourceOf, withRoutes, workersOf } from '../../ts/workers/source.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { expect, tap } from '../helpers/tapbundle.js';

const faultsOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path }) => path);
    throw error;
  }
  return [];
};

tap.test('data is taken as it is, regular expressions included, without the logger', () => {
  const silent = () => {};
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  const routes = [makeHttpRoute(1, { match: { ports: 0, headers: { 'x-a': /^b/ } } })];
  expect(sourceOf({ routes, logger })).toEqual({ options: { routes } });
});

tap.test('a path or a URL names a module', () => {
  const [byPath, byUrl, byText] = [
    sourceOf('/etc/proxy.mjs'),
    sourceOf(new URL('file:///a.mjs')),
    sourceOf('file:///a.mjs'),
  ];
  expect(byPath).toEqual({ module: 'file:///etc/proxy.mjs', routes: null });
  expect(byUrl).toEqual({ module: 'file:///a.mjs', routes: null });
  expect(byText).toEqual(byUrl);
});

tap.test('a function cannot pass, and a fault is told before any process is started', () => {
  const handler: IRouteConfig = {
    match: { ports: 0 },
    action: { type: 'socket-handler', socketHandler: (socket) => void socket.end() },
  };
  expect(faultsOf(() => sourceOf({ routes: [handler] }))).toEqual(['config.routes[0].action.socketHandler']);
  expect(faultsOf(() => sourceOf({ routes: [], rout: [] } as unknown as ISmartProxyOptions))).toEqual(['rout']);
});

tap.test('other routes stand instead of those of the module, or beside the options that were given', () => {
  const routes = [makeHttpRoute(1)];
  const module = { module: 'file:///a.mjs', routes: null } as const;
  expect(withRoutes(module, routes)).toEqual({ source: { ...module, routes }, routes });
  const data = { options: { routes: [], maxConnections: 5 } };
  expect(withRoutes(data, routes)).toEqual({ source: { options: { routes, maxConnections: 5 } }, routes });
});

tap.test('as many workers as asked for, or as processors', () => {
  expect(workersOf(3)).toEqual(3);
  expect(workersOf('auto')).toBeGreaterThan(0);
  for (const wrong of [0, -1, 1.5, 1_000]) expect(faultsOf(() => workersOf(wrong))).toEqual(['workers']);
});

export default tap.start();
