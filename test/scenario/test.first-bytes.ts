// Bytes that some server takes for a request and another does not: where a route is for HTTP alone they reach no target unread.

import type { IRouteConfig } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp, connectTls, type IClient } from '../helpers/clients.js';
import { rawExchange } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { type IOrigin, startEcho, startOrigin } from '../helpers/origins.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const fields = 'Host: a.test\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n';
const proxyV2 = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x01\x01\x01\x02\x02\x02\x02\0\x01\0\x02';

/** What is told from other protocols, and answered by 400. */
const requests = [
  ...['\x0b', '\x0c', '\r', '\x1c', '\x1d', '\x1e', '\x1f', '\x85', '\xa0', '\xc2\xa0', '\xe3\x80\x80'].flatMap(
    (white) => [
      `GET${white}/admin${white}HTTP/1.1`,
      `GET${white}/admin HTTP/1.1`,
      `FOO ${white}/admin${white}HTTP/1.1`,
    ],
  ),
  ...['\x0b', '\x0c', '\x1c', '\x85', '\xa0', '\xef\xbb\xbf'].map((white) => `${white}GET /admin HTTP/1.1`),
  'G/ET /admin HTTP/1.1',
  '@GET /admin HTTP/1.1',
  '"GET" /admin HTTP/1.1',
  'get /admin http/1.1',
  'FOO /admin Http/1.1',
  'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET /admin HTTP/1.1',
  'PROXY UNKNOWN\r\nGET /admin HTTP/1.1',
  `${proxyV2}GET /admin HTTP/1.1`,
].map((line) => `${line}\r\n${fields}`);

/** What is told from HTTP, though some server may be more tolerant than any that is known: nobody asked for it. */
const others = [
  `\0GET /admin HTTP/1.1\r\n${fields}`,
  `<GET /admin HTTP/1.1\r\n${fields}`,
  `\x01GET /admin HTTP/1.1\r\n${fields}`,
  'FOO /admin\r\n\r\n',
  `GET\n/admin\nHTTP/1.1\r\n${fields}`,
  '\x03\0\0\x13\x0e\xe0',
];

/** Remembers whatever comes. */
async function startWitness(): Promise<IOrigin & { readonly seen: string[] }> {
  const seen: string[] = [];
  const origin = await startOrigin((socket) => {
    seen.push('a connection');
    socket.on('data', (bytes) => seen.push(bytes.toString('latin1')));
  });
  return Object.assign(origin, { seen });
}

const certificate = await makeCertificate({ names: ['a.test'] });
const tls = { mode: 'terminate', certificate: { cert: certificate.cert, key: certificate.key } } as const;

/** The shape of a site with a part of it that not everybody may ask for. */
function siteOf(port: number, isTls: boolean, more: Partial<IRouteConfig['match']> = {}): IRouteConfig[] {
  const action = { type: 'forward', target: { host: '127.0.0.1', port }, ...(isTls ? { tls } : {}) } as const;
  const match = isTls ? { ports: 0, domains: 'a.test' } : { ports: 0 };
  return [
    { name: 'site', match: { ...match, ...more }, action },
    { name: 'admin', match: { ...match, path: '/admin' }, action, security: { basicAuth: { users: { a: 'b' } } } },
  ];
}

const visit = (port: number, isTls: boolean): Promise<IClient> =>
  isTls ? connectTls(port, { servername: 'a.test', rejectUnauthorized: false }) : connectTcp(port);

for (const isTls of [false, true]) {
  const where = isTls ? 'inside TLS' : 'in the clear';
  tap.test(
    `${where}, what any server could take for a request reaches no target unread, and is answered by 400`,
    async () => {
      await using witness = await startWitness();
      await using world = await startProxy({ routes: siteOf(witness.port, isTls) });
      for (const text of requests) {
        await using client = await visit(world.port, isTls);
        client.send(Buffer.from(text, 'latin1'));
        expect([text, (await client.receive(12)).slice(0, 12)]).toEqual([text, 'HTTP/1.1 400']);
        await client.closed;
        expect([text, ...(await world.ends())]).toEqual([text, 'protocol_error']);
      }
      expect(witness.seen).toEqual([]);
    },
  );

  tap.test(`${where}, what no route asked for beside one for HTTP alone ends without a route`, async () => {
    await using witness = await startWitness();
    await using world = await startProxy({ routes: siteOf(witness.port, isTls) });
    for (const text of others) {
      await using client = await visit(world.port, isTls);
      client.send(Buffer.from(text, 'latin1'));
      await client.closed;
      expect([text, ...(await world.ends())]).toEqual([text, 'no_route']);
    }
    expect(witness.seen).toEqual([]);
  });

  tap.test(`${where}, a route that says other gets it, and HTTP goes on being served`, async () => {
    await using echo = await startEcho();
    await using web = await startHttpOrigin();
    const asking = siteOf(echo.port, isTls, { protocol: 'other' }).slice(0, 1);
    // Inside TLS nothing is waited for where it ranks first.
    const routes = [...siteOf(web.port, isTls), ...asking.map((route) => ({ ...route, name: 'asking' }))];
    await using world = await startProxy({ routes });
    for (const text of others) {
      await using client = await visit(world.port, isTls);
      client.send(Buffer.from(text, 'latin1'));
      expect((await client.receive(text.length)).length).toEqual(text.length);
    }
    const options = isTls ? { tls: { servername: 'a.test', rejectUnauthorized: false } } : {};
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
    for (const [path, status] of [
      ['/', 200],
      ['/admin', 401],
    ] as const) {
      const { answers } = await rawExchange(world.port, request(path), { answers: 1, ...options });
      expect([path, answers[0]?.status]).toEqual([path, status]);
    }
  });
}

tap.test('a port none of whose routes is for HTTP alone forwards whatever comes', async () => {
  await using echo = await startEcho();
  const to = (name: string, match: Partial<IRouteConfig['match']>): IRouteConfig => ({
    name,
    match: { ports: 0, ...match },
    action: { type: 'forward', target: { host: '127.0.0.1', port: echo.port } },
  });
  for (const routes of [[to('raw', {})], [to('raw', {}), to('named', { domains: 'a.test' })]]) {
    await using world = await startProxy({ routes });
    for (const text of others) {
      await using client = await connectTcp(world.port);
      client.send(Buffer.from(text, 'latin1'));
      expect((await client.receive(text.length)).length).toEqual(text.length);
    }
  }
});

tap.test('protocol http alone makes a route one of the HTTP engine, whatever other routes its port has', async () => {
  await using web = await startHttpOrigin();
  const to = (name: string, match: Partial<IRouteConfig['match']>): IRouteConfig => ({
    name,
    match: { ports: 0, ...match },
    action: { type: 'forward', target: { host: '127.0.0.1', port: web.port } },
  });
  const own = to('own', { protocol: 'http' });
  for (const routes of [[own], [own, to('other', { path: '/other' })]]) {
    await using world = await startProxy({ routes });
    const request = 'GET /x HTTP/1.1\r\nHost: a.test\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n';
    await rawExchange(world.port, request, { answers: 1 });
    const seen = web.requests.at(-1);
    expect([seen?.field('x-forwarded-for'), seen?.field('x-real-ip')]).toEqual(['127.0.0.1', null]);
  }
});

export default tap.start();
