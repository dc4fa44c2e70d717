import fc from 'fast-check';
import { resolveBasic } from '../../../ts/config/resolve-basic.js';
import type { IResolvedBasic, IResolvedHeaders } from '../../../ts/config/resolved.js';
import type { IBasicCredentials } from '../../../ts/config/types.js';
import { hasCredentials, judgeCredentials } from '../../../ts/flow/guard/basic-auth.js';
import { Permit } from '../../../ts/flow/guard/permit.js';
import { RouteCounts } from '../../../ts/flow/guard/route-counts.js';
import { anyText } from '../../helpers/any-text.js';
import { makeConnection } from '../../helpers/make-connection.js';
import { makeAddresses, makeFacts, makeRoute } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const rulesOf = (...credentials: IBasicCredentials[]): readonly IResolvedBasic[] =>
  resolveBasic([{ authentication: { type: 'basic', credentials } }]) ?? [];

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const basic = (username: string, password: string): string[] => [
  'Authorization',
  `Basic ${base64(`${username}:${password}`)}`,
];

const ann = { username: 'ann', password: 'pass:word' };
const rules = rulesOf({ username: 'bob', password: 'b' }, ann);

tap.test('one of the credentials lets in, the whole of it and nothing else', async () => {
  expect(hasCredentials(rules, basic('ann', 'pass:word'))).toBeTrue();
  expect(hasCredentials(rules, basic('bob', 'b'))).toBeTrue();
  for (const [name = '', word = ''] of [
    ['ann', 'pass'],
    ['ann', 'pass:wor'],
    ['ann', 'pass:word '],
    ['ann', 'b'],
    ['Ann', 'pass:word'],
    ['bob', ''],
    ['', ''],
    ['nobody', 'b'],
  ]) {
    expect([name, word, hasCredentials(rules, basic(name, word))]).toEqual([name, word, false]);
  }
});

tap.test('the scheme has no case and may be followed by several spaces; anything else is no credentials', async () => {
  const token = base64('ann:pass:word');
  const has = (value: string) => hasCredentials(rules, ['authorization', value]);
  expect([has(`basic ${token}`), has(`BASIC   ${token}`)]).toEqual([true, true]);
  const others = [
    '',
    'Basic',
    'Basic ',
    token,
    `Basic${token}`,
    `Basic\t${token}`,
    `Bearer ${token}`,
    `Basic ${token} `,
    `Basic ${token},`,
    `Basic ${token}, Basic ${token}`,
    `Basic realm="x", ${token}`,
    `Basic *${token}`,
    `Basic ${token}===`,
    `Basic ${base64('ann')}`,
    `Basic ${base64('\0ann:pass:word')}`,
  ];
  expect(others.filter(has)).toEqual([]);
});

tap.test('several Authorization fields are refused, be they equal', async () => {
  const one = basic('ann', 'pass:word');
  expect(hasCredentials(rules, [...one, ...one])).toBeFalse();
  expect(hasCredentials(rules, [...one, 'authorization', ''])).toBeFalse();
  expect(hasCredentials(rules, ['AUTHORIZATION', '', ...one])).toBeFalse();
  expect(hasCredentials(rules, ['Proxy-Authorization', one[1] as string])).toBeFalse();
  expect(hasCredentials(rules, [])).toBeFalse();
});

tap.test('names and passwords are UTF-8 in any normal form, and what is not is nobody', async () => {
  const composed = rulesOf({ username: 'jos\u00e9', password: '\u20ac' });
  expect(hasCredentials(composed, basic('jos\u00e9', '\u20ac'))).toBeTrue();
  expect(hasCredentials(composed, basic('jose\u0301', '\u20ac'))).toBeTrue();
  const latin1 = Buffer.from('jos\xe9:\x80', 'latin1').toString('base64');
  expect(hasCredentials(composed, ['Authorization', `Basic ${latin1}`])).toBeFalse();
});

tap.test('all rules must take what is sent', async () => {
  const both = resolveBasic([
    { authentication: { type: 'basic', credentials: [ann] } },
    undefined,
    { authentication: { type: 'basic', credentials: [ann, { username: 'eve', password: 'e' }] } },
  ]);
  expect(hasCredentials(both ?? [], basic('ann', 'pass:word'))).toBeTrue();
  expect(hasCredentials(both ?? [], basic('eve', 'e'))).toBeFalse();
  expect(resolveBasic([undefined, {}])).toBeNull();
});

tap.test('whatever is sent, only what is listed passes, and nothing throws', async () => {
  const text = anyText({ maxLength: 20 });
  const value = fc.oneof(
    text,
    text.map((token) => `Basic ${token}`),
    fc.tuple(fc.constantFrom('ann', 'bob', ''), text).map(([name, word]) => `Basic ${base64(`${name}:${word}`)}`),
    fc.constantFrom('ann:pass:word', 'ann:b', 'bob:b').map((pair) => `basic ${base64(pair)}`),
  );
  const listed = new Set(['ann:pass:word', 'bob:b']);
  fc.assert(
    fc.property(fc.array(value, { maxLength: 2 }), (values) => {
      const fields = values.flatMap((one) => ['Authorization', one]);
      const [, token = ''] = values.length === 1 ? (/^basic +([\w+/=]+)$/i.exec(values[0] ?? '') ?? []) : [];
      const wanted = listed.has(Buffer.from(token, 'base64').toString());
      expect(hasCredentials(rules, fields)).toEqual(wanted);
    }),
    { seed: 134, numRuns: numRuns() },
  );
});

const lists = [{ allow: makeAddresses(['192.0.2.1']), block: null }];
const closed = makeRoute({ key: 'web', security: { lists, maxConnections: 1, basic: rules } });
const asking = (fields: string[] = [], method = 'GET') => ({ method, fields });

tap.test('a permit is given for credentials alone, after the lists and before anything is counted', async () => {
  const counts = new RouteCounts();
  const admit = (fields: string[], clientIp = '192.0.2.1') =>
    Permit.admitRequest(makeConnection(), closed, clientIp, counts, asking(fields));
  expect(admit([])).toEqual('unauthenticated');
  expect(counts.size).toEqual(0);
  expect(admit(basic('ann', 'pass:word'), '192.0.2.2')).toEqual('route_ip_blocked');
  expect(typeof admit(basic('ann', 'pass:word'))).toEqual('object');
  expect(admit(basic('ann', 'pass:word'))).toEqual('route_connection_limit');
  expect(admit(basic('ann', 'wrong'))).toEqual('unauthenticated');
});

tap.test('bytes are given no permit where requests need credentials', async () => {
  const matched = { connection: makeConnection(), facts: makeFacts(), bytes: null, route: closed };
  expect(Permit.admit(matched, new RouteCounts())).toEqual('no_route');
});

tap.test('a preflight needs none where the proxy answers it, and only there', async () => {
  const cors = { origins: null, methods: ['GET'], headers: null, exposed: [], credentials: false, maxAgeSeconds: 1 };
  const headers: IResolvedHeaders = { request: [], response: [], cors, hsts: null };
  const security = { lists: [], maxConnections: null, basic: rules };
  const asked = ['Origin', 'https://b.test', 'Access-Control-Request-Method', 'PUT'];
  const admit = (parts: object, method: string, fields: string[]) =>
    typeof Permit.admitRequest(
      makeConnection(),
      makeRoute({ security, ...parts }),
      '',
      new RouteCounts(),
      asking(fields, method),
    );
  expect(admit({ headers }, 'OPTIONS', asked)).toEqual('object');
  expect(admit({}, 'OPTIONS', asked)).toEqual('string');
  expect(admit({ headers: { ...headers, cors: null } }, 'OPTIONS', asked)).toEqual('string');
  expect(admit({ headers }, 'GET', asked)).toEqual('string');
  expect(admit({ headers }, 'OPTIONS', asked.slice(2))).toEqual('string');
  expect(admit({ headers }, 'OPTIONS', asked.slice(0, 2))).toEqual('string');
});

tap.test('what is told of it has neither names nor passwords', async () => {
  expect(judgeCredentials(makeRoute(), asking())).toBeNull();
  const told = [[], basic('ann', 'pass:word'), basic('ann', 'canary')].map((fields) =>
    judgeCredentials(closed, asking(fields)),
  );
  expect(told.map((one) => one?.ok)).toEqual([false, true, false]);
  expect(told.map((one) => one?.why)).toEqual([
    'route web asks for credentials of "restricted": the request has none',
    'route web asks for credentials of "restricted": the request has them',
    'route web asks for credentials of "restricted": the request has others',
  ]);
});

export default tap.start();
