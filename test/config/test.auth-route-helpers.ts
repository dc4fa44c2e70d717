import { addBasicAuth, addJwtAuth, addRateLimiting, createHttpRoute, validateRoutes } from '../../ts/index.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('authentication is added to a route, which keeps what else it has, and the route that was given', async () => {
  const route = createHttpRoute({ target: { host: 'a.test', port: 80 }, security: { ipBlockList: ['10.0.0.1'] } });
  const basicAuth = { users: { ann: 'word' } };
  const jwtAuth = { secret: 'x'.repeat(32), algorithms: ['HS256' as const] };
  expect(addBasicAuth(route, basicAuth)).toEqual({ ...route, security: { ipBlockList: ['10.0.0.1'], basicAuth } });
  expect(addJwtAuth(route, jwtAuth).security).toEqual({ ipBlockList: ['10.0.0.1'], jwtAuth });
  expect(route.security).toEqual({ ipBlockList: ['10.0.0.1'] });
  expect(validateRoutes([addBasicAuth(route, basicAuth)])).toEqual(validateRoutes([route]));
});

tap.test('a rate is limited by client address and minute, unless something else is said', () => {
  const route = createHttpRoute({ target: { host: 'a.test', port: 80 }, security: { maxConnections: 5 } });
  const limited = addRateLimiting(route, { maxRequests: 100 });
  expect(limited.security).toEqual({ maxConnections: 5, rateLimit: { maxRequests: 100, window: 60, keyBy: 'ip' } });
  const own = { maxRequests: 5, window: 1, keyBy: 'header', headerName: 'x-key', burst: 9 } as const;
  expect(addRateLimiting(limited, own).security?.rateLimit).toEqual(own);
  expect([route.security, validateRoutes([limited])]).toEqual([{ maxConnections: 5 }, []]);
});

export default tap.start();
