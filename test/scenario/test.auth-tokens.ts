// Signed tokens through the whole proxy: which pass, what targets learn, and what key servers are asked.

import { base64url } from 'jose';
import type { IJwtAuth, IRouteConfig } from '../../ts/index.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { connectH2 } from '../helpers/h2-clients.js';
import { fetchThrough, rawExchange } from '../helpers/http-clients.js';
import { startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get, opening } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { makeSigner, signWithSecret, startKeyServer } from '../helpers/tokens.js';
import { until } from '../helpers/until.js';

const secret = 'a secret of thirty-two bytes, or more';
const bearer = (token: string): string => `Authorization: Bearer ${token}`;
const now = Math.floor(Date.now() / 1000);

const routeFor = (port: number, jwtAuth: Partial<IJwtAuth> = {}, more: Partial<IRouteConfig> = {}): IRouteConfig =>
  makeHttpRoute(port, {
    name: 'web',
    security: { jwtAuth: { algorithms: ['HS256'], ...('jwks' in jwtAuth ? {} : { secret }), ...jwtAuth } },
    ...more,
  });

const ask = async (port: number, ...fields: string[]) => {
  const { answers } = await rawExchange(port, get('/', ...fields), { answers: 1 });
  const [answer] = answers;
  if (answer === undefined) throw new Error('no answer');
  return answer;
};
const statusOf = async (port: number, token: string): Promise<number> => (await ask(port, bearer(token))).status;

const unsigned = (claims: object, alg = 'none'): string =>
  `${base64url.encode(JSON.stringify({ alg }))}.${base64url.encode(JSON.stringify(claims))}.`;

tap.test(
  'a token passes that is signed, for this issuer and audience, and in its time; nothing else does',
  async () => {
    await using origin = await startRecordingOrigin();
    await using world = await startProxy({
      routes: [routeFor(origin.port, { issuer: ['i', 'j'], audience: 'a', algorithms: ['HS256'] })],
    });
    const good = { iss: 'i', aud: 'a' };
    const sign = (claims: object, key = secret, alg?: string) => signWithSecret(key, { ...good, ...claims }, alg);
    const long = secret.repeat(2);
    const passing = [
      await sign({}),
      await sign({ iss: 'j', aud: ['b', 'a'] }),
      await sign({ exp: now - 2 }),
      await sign({ nbf: now + 2 }),
    ];
    const [whole = ''] = passing;
    const [head = '', claims = '', signature = ''] = whole.split('.');
    const others = [
      await sign({}, 'another secret of thirty-two bytes!!'),
      await sign({ iss: 'x' }),
      await sign({ aud: 'b' }),
      await sign({ exp: now - 60 }),
      await sign({ nbf: now + 60 }),
      await sign({}, long, 'HS512'),
      await signWithSecret(secret, { aud: 'a' }),
      unsigned(good),
      `${unsigned(good)}x`,
      unsigned(good, 'None'),
      `${head}.${claims}.`,
      `${head}.${claims}`,
      `${base64url.encode(JSON.stringify({ alg: 'none' }))}.${claims}.${signature}`,
      `${head}.${base64url.encode(JSON.stringify({ ...good, exp: now + 99, sub: 'root' }))}.${signature}`,
      `${head}.${claims}.${signature.slice(0, -2)}`,
      'x',
      'a.b.c',
    ];
    for (const token of passing) expect([token, await statusOf(world.port, token)]).toEqual([token, 200]);
    for (const token of others) expect([token, await statusOf(world.port, token)]).toEqual([token, 401]);
    expect(origin.requests.map((request) => request.field('authorization'))).toEqual(passing.map(() => null));
  },
);

tap.test(
  'it is read of Authorization alone; who sends none is told which scheme, who sends a wrong one that it is',
  async () => {
    await using origin = await startRecordingOrigin();
    await using world = await startProxy({ routes: [routeFor(origin.port)] });
    const token = await signWithSecret(secret);
    const told = async (...fields: string[]) => {
      const answer = await ask(world.port, ...fields);
      return [answer.status, answer.field('www-authenticate')];
    };
    expect(await told()).toEqual([401, 'Bearer']);
    expect(await told(bearer('a.b.c'))).toEqual([401, 'Bearer error="invalid_token"']);
    for (const fields of [
      [`Cookie: token=${token}`],
      [`X-Authorization: Bearer ${token}`],
      [`Proxy-Authorization: Bearer ${token}`],
      [`Authorization: ${token}`],
      [`Authorization: Basic ${token}`],
      [`Authorization: Bearer${token}`],
      [bearer(token), bearer(token)],
      [`${bearer(token)}, Bearer x`],
    ]) {
      expect([fields, (await told(...fields))[0]]).toEqual([fields, 401]);
    }
    expect(await told(bearer(token).replace('Bearer', 'bEARER'))).toEqual([200, null]);
    const { answers } = await rawExchange(world.port, get(`/?access_token=${token}`), { answers: 1 });
    expect(answers[0]?.status).toEqual(401);
  },
);

tap.test('targets and handlers are told claims, and no client can say them in their place', async () => {
  await using origin = await startRecordingOrigin();
  const forwardClaims = { sub: 'X-Forwarded-User', role: 'X-Roles', admin: 'X-Admin', name: 'X-Name' };
  const handler = (request: Request) => new Response(String(request.headers.get('x-forwarded-user')));
  await using world = await startProxy({
    trustedProxies: ['127.0.0.1'],
    routes: [
      routeFor(origin.port, { forwardClaims, excludePaths: ['/open/*'] }),
      {
        ...routeFor(origin.port, { forwardClaims }),
        name: 'handler',
        match: { ports: 0, path: '/handler' },
        action: { type: 'http-handler', httpHandler: handler },
      },
    ],
  });
  const spoofed = [
    'X-Forwarded-User: root',
    'x-roles: root',
    'X_Roles: root',
    'X-ADMIN: true',
    'X-Name: root',
    'Connection: X-Forwarded-User, X-Roles, keep-alive',
  ];
  const names = ['x-forwarded-user', 'x-roles', 'x_roles', 'x-admin', 'x-name'];
  const seen = async (claims: object, path = '/'): Promise<unknown[]> => {
    const authorization = bearer(await signWithSecret(secret, claims as never));
    const { answers } = await rawExchange(world.port, get(path, authorization, ...spoofed), { answers: 1 });
    expect(answers[0]?.status).toEqual(200);
    const request = origin.requests.at(-1);
    return names.map((name) => request?.field(name) ?? null);
  };
  expect(await seen({ sub: 'ann', role: ['a', 'b'], admin: false, name: 'é' })).toEqual([
    'ann',
    'a,b',
    null,
    'false',
    'Ã©',
  ]);
  // What could be taken for more than it is, or for another field, is left out.
  expect(await seen({ sub: 'x\r\nX-Admin: true', role: ['a', 'b,root'], admin: {}, name: ' root' })).toEqual(
    Array(5).fill(null),
  );
  expect(await seen({})).toEqual(Array(5).fill(null));
  expect(await seen({}, '/open/x')).toEqual(Array(5).fill(null));
  const headers = {
    'X-Forwarded-User': 'root',
    connection: 'x-forwarded-user',
    authorization: bearer(await signWithSecret(secret, { sub: 'ann' })).slice(15),
  };
  expect((await fetchThrough(world.port, '/handler', { headers })).text).toEqual('ann');
});

tap.test('the token itself goes on only where that is asked for, or on paths that need none', async () => {
  await using origin = await startRecordingOrigin();
  const token = await signWithSecret(secret);
  for (const forwardToken of [false, true]) {
    await using world = await startProxy({
      routes: [routeFor(origin.port, { forwardToken, excludePaths: ['/open'] })],
    });
    for (const path of ['/', '/open']) {
      const { answers } = await rawExchange(world.port, get(path, bearer(token)), { answers: 1 });
      const kept = forwardToken || path === '/open';
      expect([path, answers[0]?.status, origin.requests.at(-1)?.field('authorization')]).toEqual([
        path,
        200,
        kept ? `Bearer ${token}` : null,
      ]);
    }
  }
});

tap.test(
  'keys are fetched once, again when there is a new one, and not for those who make up names of keys',
  async () => {
    const [first, second, third, stranger] = [
      makeSigner('1'),
      makeSigner('2', 'EdDSA'),
      makeSigner('3', 'RS256'),
      makeSigner('1'),
    ];
    await using keys = await startKeyServer(first);
    await using origin = await startRecordingOrigin();
    const clock = makeFakeClock();
    await using world = await startProxy(
      { routes: [routeFor(origin.port, { jwks: keys.url, algorithms: ['ES256', 'EdDSA', 'RS256'] })] },
      { clock },
    );
    const claims = { exp: Math.floor(clock.wallMs() / 1000) + 36_000 };
    const status = async (signer: typeof first, header = {}) => statusOf(world.port, await signer.sign(claims, header));
    const asked = () => keys.origin.requests.length;

    expect(await Promise.all([status(first), status(first), status(first)])).toEqual([200, 200, 200]);
    expect([asked(), keys.origin.requests[0]?.url]).toEqual([1, '/keys?canary-query']);
    expect([await status(stranger), await status(second)]).toEqual([401, 401]);
    keys.keys = [first, second];
    for (let count = 0; count < 20; count++) expect(await status(second, { kid: `made-up-${count}` })).toEqual(401);
    expect([await status(second), asked()]).toEqual([401, 1]);
    clock.advance(31_000);
    expect([await status(second), asked()]).toEqual([200, 2]);
    expect([await status(second, { kid: 'made-up' }), await status(first), asked()]).toEqual([401, 200, 2]);

    // Later the old keys serve while others are fetched; one that is gone counts no more.
    keys.keys = [second, third];
    clock.advance(11 * 60_000);
    expect(await status(first)).toEqual(200);
    await until(
      () => asked() === 3,
      5_000,
      () => `a third fetch, saw ${asked()}`,
    );
    let last = 200;
    while (last !== 401) last = await status(first);
    expect([await status(third), asked()]).toEqual([200, 3]);

    // A server that fails is asked now and then; in the end nobody knows whether its keys still hold.
    keys.status = 500;
    clock.advance(11 * 60_000);
    expect([await status(third), await status(third)]).toEqual([200, 200]);
    clock.advance(60 * 60_000);
    expect(await status(third)).toEqual(503);
    const before = asked();
    expect([await status(third), await status(third), asked()]).toEqual([503, 503, before]);
    keys.status = 200;
    clock.advance(6_000);
    expect(await status(third)).toEqual(200);
  },
);

tap.test('a token that is known already is refused once it has expired, or the rule is another', async () => {
  await using origin = await startRecordingOrigin();
  const clock = makeFakeClock();
  await using world = await startProxy({ routes: [routeFor(origin.port)] }, { clock });
  const token = await signWithSecret(secret, { exp: Math.floor(clock.wallMs() / 1000) + 30 });
  expect([await statusOf(world.port, token), await statusOf(world.port, token)]).toEqual([200, 200]);
  clock.advance(36_000);
  expect(await statusOf(world.port, token)).toEqual(401);
  const other = await signWithSecret(secret, { exp: Math.floor(clock.wallMs() / 1000) + 30 });
  expect(await statusOf(world.port, other)).toEqual(200);
  await world.proxy.updateRoutes([routeFor(origin.port, { secret: secret.repeat(2) })]);
  expect(await statusOf(world.port, other)).toEqual(401);
});

tap.test(
  'keys of the configuration serve without a server, and of several that fit the right one is found',
  async () => {
    await using origin = await startRecordingOrigin();
    const signers = [makeSigner('1'), makeSigner('1'), makeSigner('2')];
    await using world = await startProxy({
      routes: [routeFor(origin.port, { jwks: { keys: signers.map(({ jwk }) => jwk) }, algorithms: ['ES256'] })],
    });
    for (const signer of signers) expect(await statusOf(world.port, await signer.sign())).toEqual(200);
    expect(await statusOf(world.port, await makeSigner('1').sign())).toEqual(401);
    // A public key is no secret to sign with.
    const [signer] = signers;
    expect(await statusOf(world.port, await signWithSecret(JSON.stringify(signer?.jwk)))).toEqual(401);
  },
);

tap.test('a key server that answers too much, or nonsense, or never, keeps everybody out', async () => {
  const signer = makeSigner('1');
  const bodies = [
    '{"keys":',
    '[]',
    JSON.stringify({ keys: [signer.jwk], pad: 'x'.repeat(300_000) }),
    JSON.stringify({ keys: [{ kty: 'oct', k: 'eHh4' }] }),
  ];
  await using origin = await startRecordingOrigin();
  for (const body of bodies) {
    await using keys = await startHttpOrigin((_, response) => void response.end(body));
    await using world = await startProxy({
      routes: [routeFor(origin.port, { jwks: `http://127.0.0.1:${keys.port}/`, algorithms: ['ES256'] })],
    });
    const status = await statusOf(world.port, await signer.sign());
    expect([body.slice(0, 20), status === 503 || status === 401]).toEqual([body.slice(0, 20), true]);
  }
  expect(origin.requests).toHaveLength(0);
});

tap.test('requests of HTTP/2 and openings of WebSockets need tokens too', async () => {
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ http: { h2c: true }, routes: [routeFor(origin.port)] });
  await using client = await connectH2(world.port);
  const authorization = bearer(await signWithSecret(secret)).slice(15);
  const [good, none, bad] = await Promise.all(
    [{ authorization }, {}, { authorization: `${authorization}x` }].map((headers) => client.fetch('/', { headers })),
  );
  expect([good?.status, none?.status, bad?.status]).toEqual([200, 401, 401]);
  expect([none?.headers['www-authenticate'], bad?.headers['www-authenticate']]).toEqual([
    'Bearer',
    'Bearer error="invalid_token"',
  ]);
  const { answers } = await rawExchange(world.port, opening(), { answers: 1 });
  expect(answers[0]?.status).toEqual(401);
});

tap.test('a token lacks none of the claims that are required', async () => {
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [routeFor(origin.port, { requiredClaims: ['jti', 'sub'] })] });
  for (const claims of [{}, { jti: '7' }, { sub: 'ann' }]) {
    expect([claims, await statusOf(world.port, await signWithSecret(secret, claims))]).toEqual([claims, 401]);
  }
  expect(await statusOf(world.port, await signWithSecret(secret, { jti: '7', sub: 'ann' }))).toEqual(200);
});

export default tap.start();
