// What docs/security.md promises of a whole proxy, where no other story tells it.

import { once } from 'node:events';
import { access, readdir, readFile, readlink } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import type { ILogger } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp } from '../helpers/clients.js';
import { fetchThrough, rawExchange } from '../helpers/http-clients.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { startEcho } from '../helpers/origins.js';
import { get } from '../helpers/requests.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test(
  'an SSLv2 hello, plain HTTP, noise and silence end on a port for TLS, and the next client is served',
  async () => {
    const certificate = await makeCertificate({ names: ['a.test'] });
    await using origin = await startRecordingOrigin(okAnswer('ok'));
    await using proxy = await startProxy({
      routes: [makeHttpsRoute(origin.port, certificate)],
      initialDataTimeout: 300,
    });
    const openings = [
      Buffer.from('802e0100020015000000100100800200800300800400800500800600400700c0', 'hex'),
      Buffer.from(get('/')),
      Buffer.from([0, 255, 1, 2, 3, 4, 5, 6, 7, 8]),
      Buffer.from([22, 3, 1, 0, 200, 1, 0]),
      Buffer.alloc(0),
    ];
    for (const bytes of openings) {
      await using client = await connectTcp(proxy.port);
      if (bytes.length > 0) client.send(bytes);
      await client.closed;
      expect(client.received.includes('HTTP/1.1 200')).toBeFalse();
      const { text } = await fetchThrough(proxy.port, '/', { tls: {} });
      expect(text).toEqual('ok');
    }
    expect(origin.requests).toHaveLength(openings.length);
    const words = (await proxy.ends(2 * openings.length)).filter((word) => !/^(client_closed|normal)$/.test(word));
    expect(words.sort()).toEqual([
      ...['initial_data_timeout', 'initial_data_timeout', 'no_route', 'no_route', 'no_route'],
    ]);
  },
);

tap.test('a request for a host that wants client certificates is 421 on a connection that gave none', async () => {
  const names = ['open.test', 'strict.test'];
  const certificate = await makeCertificate({ names });
  const friend = await makeCertificate({ names: ['friend'], authority: 'friends' });
  await using open = await startRecordingOrigin(okAnswer('open'));
  await using strict = await startRecordingOrigin(okAnswer('strict'));
  await using proxy = await startProxy({
    routes: [
      makeHttpsRoute(open.port, certificate, { match: { ports: 0, domains: 'open.test' } }),
      makeHttpsRoute(strict.port, certificate, {
        match: { ports: 0, domains: 'strict.test' },
        tls: { clientAuth: { mode: 'require', ca: friend.ca } },
      }),
    ],
  });
  const ask = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const { answers } = await rawExchange(proxy.port, ask('open.test') + ask('strict.test'), {
    tls: { servername: 'open.test' },
    answers: 2,
  });
  expect(answers.map(({ status }) => status)).toEqual([200, 421]);
  expect(strict.requests).toHaveLength(0);
  const { cert, key } = friend;
  const served = await fetchThrough(proxy.port, '/', { host: 'strict.test', tls: { cert, key } });
  expect(served.text).toEqual('strict');
});

tap.test('the address that was judged is the one that is dialed, whatever its name means a moment later', async () => {
  await using secret = await startEcho();
  // A name server that changes its mind: something public first, then this machine.
  const given = [['192.0.2.1'], ['127.0.0.1']];
  let asked = 0;
  const resolver = { resolve: () => given[Math.min(asked++, 1)] ?? [] };
  const route = makeForwardRoute(secret.port, {
    action: { type: 'forward', target: { host: () => 'rebinding.test', port: secret.port } },
  });
  const options = { routes: [route], denyPrivateTargets: true, connectionTimeout: 200 };
  await using proxy = await startProxy(options, { resolver });
  const words: string[] = [];
  for (let n = 0; n < 2; n++) {
    await using client = await connectTcp(proxy.port);
    await client.closed;
    words.push(...(await proxy.ends()));
  }
  expect(words[0]).toMatch(/^(connection_timeout|target_unreachable|target_refused)$/);
  expect(words[1]).toEqual('target_denied');
  expect([asked, secret.sockets.length]).toEqual([2, 0]);
});

tap.test(
  'fields and parameters that are named like a prototype are data, both ways, and change no object',
  async () => {
    const hostile = ['__proto__: a', 'constructor: b', 'prototype: c', 'hasOwnProperty: d', 'toString: e'];
    await using origin = await startRecordingOrigin(okAnswer('ok', hostile));
    const seen: Record<string, unknown>[] = [];
    const handled = makeHttpRoute(1, {
      match: { ports: 0, path: '/handled' },
      action: {
        type: 'http-handler',
        httpHandler: (request, context) => {
          seen.push({ fields: [...request.headers], own: context.headers, query: context.query });
          return Response.json({});
        },
      },
    });
    await using proxy = await startProxy({ routes: [handled, makeHttpRoute(origin.port)] });
    const before = Object.getOwnPropertyNames(Object.prototype);
    const query = '?__proto__=x&constructor=y&__proto__[z]=1';
    const asked = get(`/handled${query}`, ...hostile) + get(`/${query}`, ...hostile);
    const { answers } = await rawExchange(proxy.port, asked, { answers: 2 });
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    // A name with an underscore goes no further, from whichever side.
    expect(answers[1]?.field('constructor')).toEqual('b');
    const [request] = origin.requests;
    expect([request?.field('__proto__'), request?.field('constructor'), request?.url]).toEqual([
      null,
      'b',
      `/${query}`,
    ]);
    expect(seen).toHaveLength(1);
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    expect(({} as { z?: unknown }).z).toEqual(undefined);
  },
);

tap.test('it listens on the ports of its routes and on nothing else', async (t) => {
  await using origin = await startHttpOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port), makeForwardRoute(origin.port)] });
  const folder = `/proc/${process.pid}/fd`;
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  if (!isThere) return t.skip('no /proc here');
  const links = (await readdir(folder)).map((name) => readlink(join(folder, name)).catch(() => ''));
  const inodes = new Set((await Promise.all(links)).map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''));
  const tables = ['tcp', 'tcp6'].map((name) => readFile(`/proc/${process.pid}/net/${name}`, 'utf8').catch(() => ''));
  const ports = (await Promise.all(tables))
    .join('\n')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    // 0A: it listens.
    .filter((columns) => columns[3] === '0A' && inodes.has(columns[9] ?? ''))
    .map(([, address = '']) => Number.parseInt(address.split(':')[1] ?? '', 16));
  expect(ports.sort()).toEqual([origin.port, proxy.port].sort());
});

tap.test('a thousand clients that connect at once are all served', async () => {
  await using echo = await startEcho();
  await using proxy = await startProxy({ routes: [makeForwardRoute(echo.port)], settleMs: 20_000 });
  const clients = Array.from({ length: 1_000 }, async (_, n) => {
    const socket = net.connect({ port: proxy.port, host: '127.0.0.1', localAddress: `127.0.0.${20 + (n % 4)}` });
    socket.write(String(n));
    const [answer] = await once(socket, 'data');
    socket.destroy();
    return String(answer) === String(n);
  });
  expect((await Promise.all(clients)).filter((isRight) => !isRight)).toEqual([]);
});

tap.test(
  'what strangers send is one line of a log at most, moves no terminal, and their secrets are in none',
  async () => {
    const texts: string[] = [];
    const note = (...parts: unknown[]) => void texts.push(...textsIn(parts));
    const logger: ILogger = { debug: note, info: note, warn: note, error: note };
    const hostile = '\x1b[2J\x9b31m\u0085';
    const secrets = ['hunter2-cookie', 'hunter2-bearer', 'hunter2-query'];
    await using origin = await startRecordingOrigin(({ url }) =>
      url.startsWith('/broken') ? `HTTP/1.1 200 ${hostile}\r\nX : ${hostile}\r\n\r\n` : ['reset'],
    );
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], logger });
    const fields = ['Cookie: id=hunter2-cookie', 'Authorization: Bearer hunter2-bearer'];
    const requests = [
      get('/broken?token=hunter2-query', ...fields),
      get('/reset', ...fields),
      get('/a%1b[2J%0d%0aX', ...fields, `X-A: ${hostile}`),
      `GET / HTTP/1.1\r\nHost: a${hostile}\r\n\r\n`,
      `${hostile} / HTTP/1.1\r\nHost: a.test\r\n\r\n`,
      `GET /\n${hostile} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
    ];
    for (const request of requests) {
      const { answers } = await rawExchange(proxy.port, request, { answers: 1 });
      expect(answers.filter(({ status }) => status < 400)).toEqual([]);
    }
    await proxy.ends(requests.length);
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there.
    expect(texts.filter((text) => /[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(text))).toEqual([]);
  },
);

/** Every text that a logger could show of something, but for stacks, which have lines. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  const own = Object.entries(value).flatMap(([name, inner]) => [name, ...textsIn(inner)]);
  return value instanceof Error ? [...own, value.message, ...textsIn(value.cause)] : own;
}

export default tap.start();
