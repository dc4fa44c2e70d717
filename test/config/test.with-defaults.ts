import { withDefaults } from '../../ts/config/with-defaults.js';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/index.js';
import { SmartProxy } from '../../ts/index.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('what is left out, or undefined, is as the defaults say; what is false or null is not', async () => {
  const defaults = { a: 1, b: true, c: 'x' as string | null };
  const given: { a?: number | undefined; b?: boolean | undefined; c?: string | null; d?: string } = {};
  expect(withDefaults(defaults, given)).toEqual(defaults);
  expect(withDefaults(defaults, { ...given, a: undefined, b: false, c: null, d: 'y' })).toEqual({
    ...{ a: 1, b: false, c: null, d: 'y' },
  });
  expect(withDefaults(defaults, undefined)).toEqual(defaults);
});

tap.test('options may be undefined, for users of exactOptionalPropertyTypes too', async () => {
  // Judged by the compiler as well.
  const left: undefined = undefined;
  const route: IRouteConfig = {
    name: left,
    priority: left,
    match: { ports: 0, domains: left, path: left, clientIp: left },
    action: {
      type: 'forward',
      target: { host: 'a.test', port: 80, backup: left },
      ...{ tls: left, retry: { attempts: left }, healthCheck: left, websocket: { pingInterval: left } },
    },
    security: { ipAllowList: left, maxConnections: left },
    headers: left,
    timeouts: { connectionTimeout: left },
  };
  const options: ISmartProxyOptions = { routes: [route], maxConnections: left, http: { h2c: left }, logger: left };
  const proxy = new SmartProxy(options);
  const plain = { match: { ports: 0 }, action: { type: 'forward', target: { host: 'a.test', port: 80 } } } as const;
  expect(proxy.plan([{ ...plain, action: { ...plain.action, retry: {}, websocket: {} } }]).routes).toEqual({
    ...{ added: [], removed: [], changed: [] },
  });
});

export default tap.start();
