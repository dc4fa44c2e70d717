// Challenges of authorities on the proxy's own ports: before everything else, and nothing else with them.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { IRouteConfig } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { startChallengeWorld } from '../helpers/challenge-world.js';
import { connectTcp, connectTls } from '../helpers/clients.js';
import { makeFakeDisk } from '../helpers/fake-store.js';
import { freePorts } from '../helpers/free-port.js';
import { fetchThrough, openRawHttp } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { startEcho, startOrigin, startTlsOrigin } from '../helpers/origins.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const acme = { email: null, directoryUrl: 'https://127.0.0.1:1/directory' };
const place = '/.well-known/acme-challenge/';

/** Its certificate is ordered; it does not say where HTTP-01 is answered. */
const ordered = (ports: number, more: Partial<IRouteConfig> = {}, ofAcme: object = {}): IRouteConfig => ({
  name: 'ordered',
  match: { ports, domains: 'a.test' },
  action: { type: 'respond', respond: { status: 200 }, tls: { mode: 'terminate', certificate: 'auto', acme: ofAcme } },
  ...more,
});

const ask = async (port: number, path: string, host = 'a.test') => {
  const { status, body } = await fetchThrough(port, path, { headers: { host } });
  return `${status} ${body}`;
};

/** Two ports: of TLS, and of HTTP-01. */
const makePorts = async (): Promise<[number, number]> => {
  const [tlsPort = 0, httpPort = 0] = await freePorts(2);
  return [tlsPort, httpPort];
};

tap.test('where no route listens for HTTP-01, a listener of our own answers tokens and nothing else', async () => {
  const [tlsPort, httpPort] = await makePorts();
  await using world = await startChallengeWorld({
    acme: { ...acme, challengePort: httpPort },
    routes: [ordered(tlsPort)],
  });
  expect([...world.ports].sort()).toEqual([tlsPort, httpPort].sort());
  expect(await ask(httpPort, `${place}token-1`)).toMatch(/^404 /);
  const shown = await world.present('http-01', 'a.test');
  expect(await ask(httpPort, `${place}token-1`)).toEqual('200 token-1.thumbprint');
  // The authority may ask under any name that leads here.
  expect(await ask(httpPort, `${place}token-1`, '127.0.0.1')).toEqual('200 token-1.thumbprint');
  expect(await ask(httpPort, '/')).toMatch(/^404 /);
  await world.answers.http.cleanup(shown);
  expect(await ask(httpPort, `${place}token-1`)).toMatch(/^404 /);
});

tap.test(
  "a challenge comes before redirects, credentials and address lists; unknown tokens are the route's",
  async () => {
    const [tlsPort, httpPort] = await makePorts();
    const redirect: IRouteConfig = {
      name: 'redirect',
      match: { ports: httpPort, domains: 'a.test' },
      action: { type: 'redirect', redirect: { to: 'https://{domain}{path}' } },
    };
    const guarded: IRouteConfig = {
      name: 'guarded',
      match: { ports: httpPort, domains: 'b.test' },
      action: { type: 'respond', respond: { status: 200, body: 'inside' } },
      security: { authentication: { type: 'basic', credentials: [{ username: 'u', password: 'p' }] } },
    };
    const listed: IRouteConfig = {
      name: 'listed',
      match: { ports: httpPort, domains: 'c.test' },
      action: { type: 'respond', respond: { status: 200, body: 'inside' } },
      security: { ipAllowList: ['192.0.2.1'] },
    };
    const routes = [ordered(tlsPort), redirect, guarded, listed];
    await using world = await startChallengeWorld({ acme: { ...acme, port: httpPort }, routes });
    await world.present('http-01', 'a.test');
    for (const host of ['a.test', 'b.test', 'c.test', 'd.test']) {
      expect([host, await ask(httpPort, `${place}token-1`, host)]).toEqual([host, '200 token-1.thumbprint']);
    }
    const others = await Promise.all(
      ['a.test', 'b.test', 'c.test', 'd.test'].map((host) => ask(httpPort, `${place}token-2`, host)),
    );
    expect(others.map((answer) => answer.slice(0, 3))).toEqual(['308', '401', '403', '404']);
  },
);

tap.test('no path but that of the token itself leads to an answer', async () => {
  const [tlsPort, httpPort] = await makePorts();
  const catchAll: IRouteConfig = {
    name: 'catch-all',
    match: { ports: httpPort, path: '/*' },
    action: { type: 'respond', respond: { status: 418 } },
  };
  await using world = await startChallengeWorld({
    acme: { ...acme, port: httpPort },
    routes: [ordered(tlsPort), catchAll],
  });
  await world.present('http-01', 'a.test');
  await using client = await openRawHttp(httpPort);
  const paths = [
    ...[`${place}..%2ftoken-1`, `${place}..%2f..%2fetc%2fpasswd`, `${place}../token-1`, `${place}./token-1`, place],
    ...[`${place}token-1/`, `${place}token-1%00`, `${place}token-1?x`, `${place}TOKEN-1`, `/x${place}token-1`],
    ...[`${place}__proto__`, `${place}constructor`, '/.well-known//acme-challenge/token-1', `${place}%74oken-1`],
  ];
  const answers: string[] = [];
  for (const path of paths) {
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    answers.push(`${(await client.readAnswer()).status}`);
  }
  expect(answers.filter((status) => status === '200')).toEqual([]);
  const tokens = Array.from({ length: 10_000 }, () => randomBytes(16).toString('base64url'));
  let found = 0;
  for (let i = 0; i < tokens.length; i += 500) {
    const batch = tokens.slice(i, i + 500);
    client.send(batch.map((token) => `GET ${place}${token} HTTP/1.1\r\nHost: a.test\r\n\r\n`).join(''));
    for (const _ of batch) if ((await client.readAnswer()).status !== 418) found++;
  }
  expect(found).toEqual(0);
});

tap.test('who is on a block list gets the answer to a challenge while one is open, and nothing else', async () => {
  const [tlsPort, httpPort] = await makePorts();
  const site: IRouteConfig = {
    name: 'site',
    match: { ports: httpPort, path: '/*' },
    action: { type: 'respond', respond: { status: 200, body: 'inside' } },
  };
  const { cert, key } = await makeCertificate({ names: ['b.test'] });
  const secure: IRouteConfig = {
    name: 'secure',
    match: { ports: tlsPort, domains: 'b.test' },
    action: { type: 'respond', respond: { status: 200 }, tls: { mode: 'terminate', certificate: { cert, key } } },
  };
  await using world = await startChallengeWorld({
    acme: { ...acme, port: httpPort },
    defaults: { security: { ipBlockList: ['127.0.0.0/8'] } },
    routes: [ordered(tlsPort), secure, site],
  });
  await expect(ask(httpPort, '/')).rejects.toThrow();
  const shown = await world.present('http-01', 'a.test');
  expect(await ask(httpPort, `${place}token-1`)).toEqual('200 token-1.thumbprint');
  for (const path of ['/', `${place}token-2`, `${place}`])
    expect((await ask(httpPort, path)).slice(0, 3)).toEqual('403');
  await expect(connectTls(tlsPort, { servername: 'b.test' })).rejects.toThrow();
  await world.answers.http.cleanup(shown);
  await expect(ask(httpPort, `${place}token-1`)).rejects.toThrow();
  expect(world.errors).toEqual([]);
});

tap.test(
  'a blocked address that is a trusted proxy too gets no more than any other while a challenge is open',
  async () => {
    const [tlsPort, httpPort] = await makePorts();
    const site: IRouteConfig = {
      name: 'site',
      match: { ports: httpPort, path: '/*' },
      action: { type: 'respond', respond: { status: 200, body: 'inside' } },
    };
    await using world = await startChallengeWorld({
      acme: { ...acme, port: httpPort },
      trustedProxies: ['127.0.0.1'],
      defaults: { security: { ipBlockList: ['127.0.0.0/8'] } },
      routes: [ordered(tlsPort), site],
    });
    await world.present('http-01', 'a.test');
    await using client = await openRawHttp(httpPort);
    const head = 'Host: a.test\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n';
    // The second on the connection that proved, the third before an answer.
    client.send(`GET ${place}token-1 HTTP/1.1\r\n${head}`);
    expect((await client.readAnswer()).body).toEqual('token-1.thumbprint');
    client.send(`GET / HTTP/1.1\r\n${head}GET /again HTTP/1.1\r\n${head}`);
    for (const _ of [1, 2]) expect((await client.readAnswer()).status).toEqual(403);
  },
);

tap.test('limits hold for blocked addresses too while a challenge is open', async () => {
  const [tlsPort, httpPort] = await makePorts();
  await using world = await startChallengeWorld({
    acme: { ...acme, port: httpPort },
    defaults: { security: { ipBlockList: ['127.0.0.0/8'] } },
    maxConnectionsPerIP: 2,
    routes: [ordered(tlsPort)],
  });
  await world.present('http-01', 'a.test');
  await using first = await openRawHttp(httpPort);
  await using second = await openRawHttp(httpPort);
  await using third = await openRawHttp(httpPort);
  await third.ended;
  expect(world.ends).toEqual(['connection_limit']);
  for (const client of [first, second]) {
    client.send(`GET ${place}token-1 HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    expect((await client.readAnswer()).body).toEqual('token-1.thumbprint');
  }
});

tap.test('HTTP-01 is answered on a port of useHttpProxy, whose other requests go on as before', async () => {
  const [tlsPort, httpPort] = await makePorts();
  await using origin = await startHttpOrigin((_, response) => response.end('from the target'));
  const plain: IRouteConfig = {
    name: 'plain',
    match: { ports: httpPort },
    action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
  };
  await using world = await startChallengeWorld({
    ...{ acme: { ...acme, port: httpPort }, useHttpProxy: [httpPort], routes: [ordered(tlsPort), plain] },
  });
  await world.present('http-01', 'a.test');
  expect(await ask(httpPort, `${place}token-1`)).toEqual('200 token-1.thumbprint');
  expect(await ask(httpPort, `${place}token-2`)).toEqual('200 from the target');
});

tap.test(
  'a route that forwards bytes shares the port of challenges: HTTP is read there, all else goes on',
  async () => {
    const [tlsPort, httpPort] = await makePorts();
    await using echo = await startEcho();
    const raw: IRouteConfig = {
      name: 'raw',
      match: { ports: httpPort },
      action: { type: 'forward', target: { host: '127.0.0.1', port: echo.port } },
    };
    await using world = await startChallengeWorld({
      acme: { ...acme, port: httpPort },
      routes: [ordered(tlsPort), raw],
    });
    await world.present('http-01', 'a.test');
    expect(await ask(httpPort, `${place}token-1`)).toEqual('200 token-1.thumbprint');
    await using client = await connectTcp(httpPort);
    client.send('\x01\x02 no HTTP');
    expect(await client.receive(10)).toEqual('\x01\x02 no HTTP');
  },
);

tap.test('where HTTP-01 is not used, a port of bytes waits for none', async () => {
  const [tlsPort, httpPort] = await makePorts();
  await using greeter = await startOrigin((socket) => void socket.write('hello'));
  const raw: IRouteConfig = {
    name: 'raw',
    match: { ports: httpPort },
    action: { type: 'forward', target: { host: '127.0.0.1', port: greeter.port } },
  };
  const routes = [ordered(tlsPort, {}, { challenges: ['tls-alpn-01'] }), raw];
  await using world = await startChallengeWorld({ acme: { ...acme, port: httpPort }, routes });
  await using client = await connectTcp(httpPort);
  expect(await client.receive(5)).toEqual('hello');
  expect(world.errors).toEqual([]);
});

tap.test('TLS-ALPN-01 is answered beside routes that terminate and routes that pass TLS through', async () => {
  const [tlsPort, httpPort] = await makePorts();
  const identity = await makeCertificate({ names: ['pass.test'] });
  await using origin = await startTlsOrigin(identity, 'the target itself');
  const passed: IRouteConfig = {
    name: 'passed',
    match: { ports: tlsPort, domains: 'pass.test' },
    action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port }, tls: { mode: 'passthrough' } },
  };
  const challenges = ['tls-alpn-01'];
  await using world = await startChallengeWorld({
    ...{ acme: { ...acme, port: httpPort }, routes: [ordered(tlsPort, {}, { challenges }), passed] },
  });
  const alpn = async (servername: string, ...ALPNProtocols: string[]) => {
    await using client = await connectTls(tlsPort, { servername, ALPNProtocols });
    const { alpnProtocol } = client.socket as TLSSocket;
    const names = (client.socket as TLSSocket).getPeerCertificate().subjectaltname;
    return `${alpnProtocol} ${names}`;
  };
  await expect(alpn('a.test', 'acme-tls/1')).rejects.toThrow();
  const shown = await world.present('tls-alpn-01', 'a.test');
  expect(await alpn('a.test', 'acme-tls/1')).toEqual('acme-tls/1 DNS:a.test');
  // Only who offers nothing else is the authority (RFC 8737 §3).
  await expect(alpn('a.test', 'acme-tls/1', 'http/1.1')).rejects.toThrow();
  await expect(alpn('a.test', 'http/1.1')).rejects.toThrow();
  await expect(alpn('b.test', 'acme-tls/1')).rejects.toThrow();
  expect(await alpn('pass.test')).toEqual('false DNS:pass.test');
  await world.answers.tls.cleanup(shown);
  await expect(alpn('a.test', 'acme-tls/1')).rejects.toThrow();
});

tap.test('behind TLS-ALPN-01 nothing is served: the connection ends with the handshake', async () => {
  const [tlsPort, httpPort] = await makePorts();
  await using world = await startChallengeWorld({ acme: { ...acme, port: httpPort }, routes: [ordered(tlsPort)] });
  await world.present('tls-alpn-01', 'a.test');
  await using client = await connectTls(tlsPort, { servername: 'a.test', ALPNProtocols: ['acme-tls/1'] });
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await client.closed;
  expect(client.received.length).toEqual(0);
  expect(world.ends).toEqual(['normal']);
});

tap.test('a proxy starts although the port of challenges is taken, and says so', async () => {
  const [tlsPort] = await makePorts();
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await using world = await startChallengeWorld({ acme: { ...acme, port }, routes: [ordered(tlsPort)] });
  expect(world.ports).toEqual([tlsPort]);
  expect(world.errors.map(({ code }) => code)).toEqual(['LISTEN_FAILED']);
  expect(world.errors[0]?.message).toContain(String(port));
  taken.close();
  await once(taken, 'close');
});

tap.test('the port of challenges is open as long as a route has orders, whatever becomes of them', async () => {
  const [tlsPort, httpPort] = await makePorts();
  const [site]: IRouteConfig[] = [
    { name: 'site', match: { ports: 0 }, action: { type: 'respond', respond: { status: 200 } } },
  ];
  await using started = await startProxy({
    acme: { ...acme, port: httpPort },
    certificateStore: makeFakeDisk().open(),
    routes: site === undefined ? [] : [site],
  });
  const { proxy } = started;
  const opened = () => proxy.getListeningPorts().includes(httpPort);
  expect(opened()).toBeFalse();
  await proxy.updateRoutes([ordered(tlsPort)]);
  expect(opened()).toBeTrue();
  await proxy.updateRoutes([ordered(tlsPort, { enabled: true, priority: 3 })]);
  expect(opened()).toBeTrue();
  await proxy.updateRoutes([ordered(tlsPort, {}, { challenges: ['tls-alpn-01'] })]);
  expect(opened()).toBeFalse();
});

export default tap.start();
