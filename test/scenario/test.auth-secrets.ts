// What nobody may learn: secrets planted in every option of authentication and in what clients send, looked for in all that
// the proxy says.

import { inspect } from 'node:util';
import { ConfigError, formatExplanation, type IRouteConfig, SmartProxy } from '../../ts/index.js';
import { rawExchange } from '../helpers/http-clients.js';
import { startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { bcryptHash, scryptHash } from '../helpers/passwords.js';
import { get } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { makeSigner, signWithSecret } from '../helpers/tokens.js';
import { until } from '../helpers/until.js';

const canary = 'canary-0815';
const secret = `${canary}-secret-of-at-least-thirty-two-bytes`;
const salt = `${canary}-salt`;
const hashes = { scrypt: scryptHash(`${canary}-scrypt`, { salt }), bcrypt: bcryptHash(`${canary}-bcrypt`) };
const basic = (userPass: string): string => `Basic ${Buffer.from(userPass).toString('base64')}`;

const forms = (text: string): string[] => {
  const bytes = Buffer.from(text);
  const spaced = bytes.toString('hex').replace(/..(?=.)/g, '$& ');
  return [text, bytes.toString('base64').slice(0, -3), bytes.toString('hex'), spaced, [...bytes].join(', ')];
};
const hidden = [
  ...[canary, secret].flatMap(forms),
  ...Object.values(hashes),
  ...Object.values(hashes).map((hash) => hash.slice(-20)),
];

tap.test(
  'no secret is in a log line, an event, an answer, an explanation, a plan, a snapshot or an error',
  async () => {
    const told: string[] = [];
    const tell = (...what: unknown[]): void =>
      void told.push(inspect(what, { depth: 12, maxArrayLength: null, maxStringLength: null, showHidden: true }));
    const logger = { debug: tell, info: tell, warn: tell, error: tell };
    await using origin = await startRecordingOrigin((_, n) => (n === 0 ? ['reset'] : 'HTTP/1.1 nonsense\r\n\r\n'));
    await using judge = await startHttpOrigin((request, response) => {
      if (request.headers['x-answer'] === 'cut') return void request.socket.destroy();
      response
        .writeHead(Number(request.headers['x-answer'] ?? 200), { 'X-User': `${canary}-user`, 'X-Inner': canary })
        .end('no');
    });
    const at = (path: string) => ({ ports: 0, path });
    const url = `http://127.0.0.1:${judge.port}/verify?token=${canary}`;
    const signer = makeSigner('1');
    const requestHeaders = ['X-Answer', 'Authorization', 'Cookie'];
    const routes: IRouteConfig[] = [
      makeHttpRoute(origin.port, {
        name: 'basic',
        match: at('/basic'),
        security: { basicAuth: { users: { ...hashes, text: `${canary}-text` } } },
      }),
      makeHttpRoute(origin.port, {
        name: 'jwt',
        match: at('/jwt'),
        security: { jwtAuth: { secret, algorithms: ['HS256'], forwardClaims: { sub: 'X-Sub' } } },
      }),
      makeHttpRoute(origin.port, {
        name: 'keys',
        match: at('/keys'),
        security: { jwtAuth: { jwks: url, algorithms: ['ES256'] } },
      }),
      makeHttpRoute(origin.port, {
        name: 'ask',
        match: at('/ask'),
        security: { forwardAuth: { url, requestHeaders, responseHeaders: ['X-User'] } },
      }),
      makeHttpRoute(0, {
        name: 'throws',
        match: at('/throws'),
        security: { jwtAuth: { secret, algorithms: ['HS256'] } },
        action: {
          type: 'http-handler',
          httpHandler: (request, context) => {
            throw new Error(inspect([[...request.headers], context.headers]));
          },
        },
      }),
    ];
    await using world = await startProxy({ routes, logger, settleMs: 5_000 });
    for (const name of ['connection', 'connection-end', 'request', 'route-update', 'error'] as const) {
      world.proxy.on(name, (...args: unknown[]) => tell(name, args));
    }
    const sent: [string, string, ...string[]][] = [
      ...['scrypt', 'bcrypt', 'text', 'nobody'].flatMap((name): [string, string][] => [
        ['/basic', basic(`${name}:${canary}-${name}`)],
        ['/basic', basic(`${name}:${canary}-tried`)],
      ]),
      ['/jwt', `Bearer ${await signWithSecret(secret, { sub: canary })}`],
      ['/jwt', `Bearer ${await signWithSecret(secret, { sub: canary, exp: 1 })}`],
      ['/jwt', `Bearer ${await signWithSecret(`${canary}-other-secret-of-thirty-two-bytes`, { sub: canary })}`],
      ['/keys', `Bearer ${await signer.sign({ sub: canary })}`],
      ['/ask', `Bearer ${canary}`, 'X-Answer: 200'],
      ['/ask', `Bearer ${canary}`, 'X-Answer: 403'],
      ['/ask', `Bearer ${canary}`, 'X-Answer: 500'],
      ['/ask', `Bearer ${canary}`, 'X-Answer: cut', `Cookie: ${canary}`],
      ['/throws', `Bearer ${await signWithSecret(secret, { sub: canary })}`],
      ['/throws', `Bearer ${canary}`, 'X: \0'],
    ];
    for (const [path, authorization, ...fields] of sent) {
      const { answers } = await rawExchange(world.port, get(path, `Authorization: ${authorization}`, ...fields), {
        answers: 1,
      });
      tell(answers.map((answer) => [answer, answer.body.toString()]));
      const explanation = world.proxy.explain({
        port: world.port,
        protocol: 'http',
        path,
        headers: { Authorization: authorization },
      });
      tell(explanation, formatExplanation(explanation));
    }
    await until(
      () => told.filter((text) => text.includes("'request'")).length >= sent.length - 1,
      5_000,
      () => 'the reports of all requests',
    );
    tell(world.proxy.plan(routes.slice(1)), await world.proxy.updateRoutes([...routes].reverse()));
    tell(world.proxy.getMetrics(), world.proxy.getConnections(), world.proxy.getStatistics(), world.proxy);
    const all = told.join('\n');
    expect(told.length).toBeGreaterThan(40);
    expect(hidden.filter((text) => all.includes(text))).toEqual([]);
    expect(/eyJ[\w-]+\.eyJ/.test(all)).toBeFalse();
  },
);

tap.test('no fault of a configuration shows what is in it', async () => {
  const jwt = { secret, algorithms: ['HS256'] };
  const faulty: object[] = [
    ...[canary, [canary], { users: canary }, { users: [canary] }, { users: { ann: `${canary}\n` } }].map(
      (basicAuth) => ({ basicAuth }),
    ),
    {
      basicAuth: {
        users: [
          { username: `${canary}:`, password: 'x' },
          { username: 'x', pasword: canary },
        ],
      },
    },
    { basicAuth: { users: { ann: `$argon2id$${canary}` } } },
    { basicAuth: { users: { ann: `$2b$99$${canary}` }, excludePaths: canary } },
    {
      basicAuth: {
        users: [
          { username: 'ann', password: hashes.scrypt },
          { username: 'ann', password: canary },
        ],
      },
    },
    ...[
      { ...jwt, algorithms: ['HS512', canary] },
      { ...jwt, jwks: `https://a.test/${canary}` },
      { ...jwt, secret: canary },
      { ...jwt, secrett: canary },
    ].map((jwtAuth) => ({ jwtAuth })),
    { jwtAuth: { algorithms: ['ES256'], jwks: { keys: [{ kty: 'oct', k: canary }] } } },
    { jwtAuth: { algorithms: ['ES256'], jwks: `https://me:${canary}@a.test/` } },
    { jwtAuth: { ...jwt, issuer: [7, canary], forwardClaims: { sub: 'Host' } } },
    { forwardAuth: { url: `https://a.test/#${canary}` } },
    { forwardAuth: { url: `ftp://a.test/${canary}`, timeout: canary, tls: { key: canary } } },
    { forwardAuth: { url: `http://a.test/?${canary}`, tls: { passphrase: canary } } },
  ];
  for (const security of faulty) {
    for (const place of [{ security }, { action: { type: 'block', security } }]) {
      try {
        new SmartProxy({ routes: [{ match: { ports: 1 }, action: { type: 'block' }, ...place } as IRouteConfig] });
        throw new Error(`it was accepted: ${inspect(security)}`);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect([inspect(security), inspect(error, { depth: 9 }).includes(canary)]).toEqual([inspect(security), false]);
      }
    }
  }
});

export default tap.start();
