import { type IRouteConfig, type IRouteSecurity, SmartProxy } from '../../../ts/index.js';
import { scryptHash } from '../../helpers/passwords.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const secret = 'canary-0815-of-thirty-two-bytes-or-more';
const basicAuth = { users: { ann: scryptHash('word') }, realm: 'x', excludePaths: ['/open/*'] };
const jwtAuth = { jwks: 'https://id.test/keys?canary-0815', algorithms: ['ES256' as const] };
const forwardAuth = { url: 'https://auth.test/verify?canary-0815' };

function explain(security: IRouteSecurity, headers: Record<string, string> = {}, more: object = {}) {
  const route: IRouteConfig = {
    ...{ name: 'web', match: { ports: 80 }, security, headers: { cors: true } },
    action: { type: 'forward', target: { host: '192.0.2.1', port: 80 } },
  };
  const told = new SmartProxy({ routes: [route] }).explain({ port: 80, protocol: 'http', headers, ...more });
  const texts = told.steps.filter(({ stage }) => stage === 'guard').map(({ ok, text }) => `${ok} ${text}`);
  expect(JSON.stringify(told)).not.toContain('canary');
  return { outcome: told.outcome, status: told.status, last: texts.at(-1) };
}

tap.test('what a request lacks is told, and what would be asked of it, without asking', async () => {
  const password = 'route web asks for credentials of "x"';
  expect(explain({ basicAuth })).toEqual({
    outcome: 'refused',
    status: 401,
    last: `false ${password}: the request has none`,
  });
  expect(explain({ basicAuth }, { authorization: 'Bearer x' }).last).toEqual(
    `false ${password}: the request has others`,
  );
  expect(explain({ basicAuth }, { authorization: `Basic ${btoa('ann:no')}` })).toEqual({
    ...{ outcome: 'forward', status: undefined, last: `null ${password}: they are compared when a request comes` },
  });
  const token = 'route web asks for a token (ES256, with keys of https://id.test/keys)';
  expect(explain({ jwtAuth })).toEqual({
    outcome: 'refused',
    status: 401,
    last: `false ${token}: the request has none`,
  });
  expect(explain({ jwtAuth }, { authorization: 'Bearer a.b.c' }).last).toEqual(
    `null ${token}: it is checked when a request comes`,
  );
  expect(explain({ jwtAuth: { secret, algorithms: ['HS256'] } }).status).toEqual(401);
  const server = 'null route web asks https://auth.test/verify, which answers when a request comes';
  expect(explain({ forwardAuth })).toEqual({ outcome: 'forward', status: undefined, last: server });
});

tap.test('paths that need none, preflights, and paths of which that cannot be said are told', async () => {
  const at = (path: string) => explain({ basicAuth }, {}, { path });
  expect(at('/open/x')).toEqual({
    outcome: 'forward',
    status: undefined,
    last: 'true /open/x is in excludePaths of route web',
  });
  expect([at('/opened').status, at('/open/..%2Fx').status]).toEqual([401, 400]);
  const preflight = { origin: 'https://b.test', 'access-control-request-method': 'PUT' };
  expect(explain({ forwardAuth }, preflight, { method: 'OPTIONS' }).last).toContain(
    'not of the preflight that this is',
  );
});

export default tap.start();
