// What explain says of a request is what it is answered, in the clear and inside TLS that the proxy terminates.

import fc from 'fast-check';
import { formatExplanation, type IExplainQuery, type IRouteConfig, SmartProxy } from '../../ts/index.js';
import type { IRequestReport } from '../../ts/observe/events.js';
import { makeCertificate } from '../helpers/certificates.js';
import { fetchThrough, rawExchange } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { closedPort } from '../helpers/origins.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

interface IAsk {
  /** Of the connection; null: plain HTTP. `''`: TLS without a name. */
  readonly sni: string | null;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly clientIp: string;
}

/** Every way in which a request can find its route, and every way in which it is answered. */
async function makeRoutes(origin: number, dead: number): Promise<IRouteConfig[]> {
  const [one, two] = [
    await makeCertificate({ names: ['a.test', '*.a.test'] }),
    await makeCertificate({ names: ['b.test'] }),
  ];
  const tls = { mode: 'terminate', certificate: { cert: one.cert, key: one.key } } as const;
  const other = { mode: 'terminate', certificate: { cert: two.cert, key: two.key } } as const;
  const to = (port: number) => ({ type: 'forward', target: { host: '127.0.0.1', port } }) as const;
  const web = (match: Omit<IRouteConfig['match'], 'ports'>) => ({ ports: 0, domains: 'a.test', ...match });
  return [
    { name: 'site', match: web({}), action: { ...to(origin), tls } },
    { name: 'dead', match: web({ path: '/dead/*' }), action: { ...to(dead), tls } },
    { name: 'user', match: web({ path: '/users/:id' }), action: { ...to(origin), tls } },
    { name: 'teapot', match: web({ path: '/users/tea' }), action: { type: 'respond', respond: { status: 418 }, tls } },
    { name: 'posts', match: web({ path: '/users/*', method: 'POST' }), action: { type: 'block', tls } },
    {
      name: 'beta',
      match: web({ path: '/users/*', headers: { 'x-beta': /^y/ }, query: { v: '2' } }),
      action: { type: 'redirect', redirect: { to: 'https://beta.test{path}', status: 307 }, tls },
    },
    {
      name: 'internal',
      match: web({ path: '/internal/*' }),
      action: { ...to(origin), tls },
      security: { ipAllowList: ['127.0.0.2'] },
    },
    { name: 'other', match: { ports: 0, domains: 'b.test' }, action: { ...to(origin), tls: other } },
    { name: 'plain', match: { ports: 0, domains: ['a.test', 'c.test'], path: '/users/*' }, action: to(origin) },
    {
      name: 'plain closed',
      match: { ports: 0, domains: 'c.test' },
      action: to(origin),
      security: { ipBlockList: ['127.0.0.*'] },
    },
  ];
}

const asks: fc.Arbitrary<IAsk> = fc.record({
  sni: fc.constantFrom('a.test', 'a.test', 'a.test', 'b.test', 'c.test', 'd.test', '', null, null),
  host: fc.constantFrom('a.test', 'a.test', 'a.test', 'b.test', 'c.test', '127.0.0.1'),
  path: fc.constantFrom('/', '/users/7', '/users/tea', '/users/7/posts', '/dead/x', '/internal/x', '/x/../internal/y'),
  query: fc.constantFrom('', 'v=2', 'w=1&v=%32', 'v=3'),
  method: fc.constantFrom('GET', 'GET', 'POST'),
  headers: fc.constantFrom({}, { 'x-beta': 'yes' }, { 'X-Beta': 'no' }),
  clientIp: fc.constantFrom('127.0.0.1', '127.0.0.2'),
});

const queryOf = ({ sni, ...ask }: IAsk, port: number): IExplainQuery => ({
  ...ask,
  ...{ port, tls: sni !== null },
  ...(sni ? { domain: sni } : {}),
});

/** The status of the answer; 0 where the connection ends without one. */
async function make({ sni, host, path, query, method, headers, clientIp }: IAsk, port: number): Promise<number> {
  const fields = Object.entries({
    host,
    connection: 'close',
    ...headers,
    ...(method === 'POST' ? { 'content-length': '0' } : {}),
  });
  const target = query === '' ? path : `${path}?${query}`;
  const text = `${method} ${target} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const tls = sni === null ? {} : { tls: { rejectUnauthorized: false, ...(sni === '' ? {} : { servername: sni }) } };
  const { answers } = await rawExchange(port, text, { ...tls, localAddress: clientIp });
  return answers.at(-1)?.status ?? 0;
}

async function checkAgreement(
  ask: IAsk,
  world: IStartedProxy,
  reports: IRequestReport[],
  dead: number,
): Promise<string> {
  const told = world.proxy.explain(queryOf(ask, world.port));
  const [before, endedBefore] = [reports.length, world.ended.length];
  const status = await make(ask, world.port).catch(() => 0);
  await until(
    () => world.ended.length > endedBefore,
    5_000,
    () => `the end of ${JSON.stringify(ask)}`,
  );
  if (told.end !== undefined) {
    expect([status, world.ended[endedBefore]?.end]).toEqual([0, told.end]);
    return `${told.outcome} ${told.end}`;
  }
  expect(status).toEqual(told.status ?? (told.target?.port === dead ? 502 : 200));
  const report = reports[before];
  expect(report?.route ?? null).toEqual(told.route?.key ?? null);
  expect(report?.status).toEqual(status);
  return `${told.outcome} ${status} ${told.route?.key}`;
}

tap.test('explain foretells route and status of every request', async () => {
  await using origin = await startHttpOrigin(
    (request, response) => void request.resume().on('end', () => response.end('ok')),
  );
  const dead = await closedPort();
  await using world = await startProxy({ routes: await makeRoutes(origin.port, dead) });
  const reports: IRequestReport[] = [];
  world.proxy.on('request', (report) => reports.push(report));
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(asks, async (ask) => {
      seen.add(await checkAgreement(ask, world, reports, dead));
    }),
    { seed: 20_260_102, numRuns: numRuns(300), endOnFailure: true },
  );
  for (const path of [
    ...['forward 200 site', 'forward 200 user', 'forward 502 dead', 'respond 418 teapot', 'block 403 posts'],
    ...['redirect 307 beta', 'refused 403 internal', 'forward 200 internal', 'forward 200 other', 'refused 421 other'],
    ...['forward 200 plain', 'refused 403 plain closed', 'no_route 404 undefined', 'no_route no_route'],
    'refused route_ip_blocked',
  ]) {
    expect([...seen]).toContain(path);
  }
});

tap.test('explain knows the ports of the HTTP engine', async () => {
  await using origin = await startHttpOrigin();
  const httpProxyPort = await closedPort();
  const target = { host: '127.0.0.1', port: origin.port };
  await using world = await startProxy({
    httpProxyPort,
    routes: [{ name: 'raw', match: { ports: 0 }, action: { type: 'forward', target } }],
  });
  const rawPort = world.proxy.getListeningPorts().find((port) => port !== httpProxyPort) ?? 0;
  const ask = (port: number) =>
    world.proxy.explain({ port, host: 'a.test', path: '/x', clientIp: '127.0.0.1', address: '127.0.0.1' });
  expect([ask(httpProxyPort).outcome, ask(httpProxyPort).route?.key]).toEqual(['forward', 'raw']);
  expect(ask(httpProxyPort).steps.some(({ text }) => text.startsWith('the HTTP engine takes'))).toBeTrue();
  expect(ask(rawPort).steps.some(({ text }) => text.startsWith('the HTTP engine takes'))).toBeFalse();
  expect((await fetchThrough(httpProxyPort, '/x')).status).toEqual(200);
});

tap.test('what is said of a request is judged on a plain port, and never passed over in silence', async () => {
  const target = { host: '127.0.0.1', port: 9 };
  const security = { basicAuth: { users: { ann: 'a password' } } };
  await using world = await startProxy({
    routes: [
      { name: 'all', match: { ports: 0 }, action: { type: 'forward', target } },
      { name: 'admin', match: { ports: 0, path: '/admin' }, action: { type: 'forward', target }, security },
    ],
  });
  const ask = (more: object) => world.proxy.explain({ port: world.port, address: '127.0.0.1', ...more });
  const guessed = ask({ domain: 'a.test', path: '/admin' });
  expect([guessed.outcome, guessed.status, guessed.route?.key]).toEqual(['refused', 401, 'admin']);
  expect(formatExplanation(guessed)).toInclude('taken for a plain request');
  // Whoever says that it is TLS is told that nobody looks into it.
  for (const more of [{ tls: true }, { alpn: ['h2'] }]) {
    const bytes = ask({ domain: 'a.test', path: '/admin', ...more });
    expect([bytes.outcome, bytes.route?.key]).toEqual(['forward', 'all']);
    expect(formatExplanation(bytes)).toInclude('what is said of a request is not looked at');
  }
  expect(formatExplanation(ask({ domain: 'a.test' }))).not.toInclude('not looked at');

  for (const more of [{ method: 'GET' }, {}, { method: 'PUT', host: 'a.test' }]) {
    expect(() => ask({ path: '*', ...more })).toThrow('* goes with OPTIONS alone');
  }
  expect(ask({ path: '*', method: 'options', host: 'a.test' }).route?.key).toEqual('all');
});

tap.test('explain says in which version of HTTP a target is asked', async () => {
  const saidFor = (backendProtocol: 'http1' | 'http2' | 'auto', isTls: boolean): string | undefined => {
    const plain = { type: 'forward', target: { host: 'origin.test', port: 8_443 }, backendProtocol } as const;
    const tls = { mode: 'terminate-and-reencrypt', certificate: 'internal' } as const;
    const action = isTls ? { ...plain, tls } : plain;
    const match = { ports: 443, domains: 'a.test', path: '/*' };
    const proxy = new SmartProxy({ routes: [{ name: 'a', match, action }] });
    const { steps } = proxy.explain({ port: 443, host: 'a.test', path: '/', tls: isTls });
    return steps.map(({ text }) => /would be chosen, (.*)$/.exec(text)?.[1]).find((each) => each !== undefined);
  };
  expect(saidFor('http1', false)).toEqual('by HTTP/1.1');
  expect(saidFor('auto', false)).toEqual('by HTTP/1.1');
  expect(saidFor('http2', false)).toEqual('by HTTP/2');
  expect(saidFor('http1', true)).toEqual('by HTTP/1.1 over TLS');
  expect(saidFor('http2', true)).toEqual('by HTTP/2 over TLS');
  expect(saidFor('auto', true)).toEqual('by HTTP/2 over TLS, or HTTP/1.1 if the target chooses that');
});

export default tap.start();
