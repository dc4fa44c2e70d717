// Attacks on the interface itself: slow, large, malformed and many requests, and answers that nobody reads.

import { maxBodiesBytes, maxBodyBytes } from '../../ts/admin/read-body.js';
import { asJson, type IRawClient, openRaw, startAdmin } from '../helpers/admin-world.js';
import { freePorts } from '../helpers/free-port.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const head = (line: string, ...fields: string[]) => [line, 'Host: 127.0.0.1', ...fields, '', ''].join('\r\n');

const quickLimits = { headersTimeout: 200, requestTimeout: 400, keepAliveTimeout: 100, checkInterval: 20 };

tap.test('every answer forbids to be framed, kept, guessed at or used by another page', async () => {
  await using world = await startAdmin();
  for (const path of ['/', '/admin.js', '/admin.css', '/api/status', '/metrics', '/healthz', '/nothing']) {
    const { headers } = await world.ask('GET', path);
    expect([path, headers['x-frame-options'], headers['x-content-type-options']]).toEqual([path, 'DENY', 'nosniff']);
    expect(headers['cache-control']).toEqual('no-store');
    expect(headers['cross-origin-resource-policy']).toEqual('same-origin');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(/unsafe|\*|https?:/.test(policy)).toBeFalse();
    // Nobody else's page may read it: no field allows that.
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

tap.test('odd spellings of a path, a method or a target are none of ours', async () => {
  await using world = await startAdmin();
  const paths = [
    '//',
    '/./',
    '/api/../api/status',
    '/api/status/',
    '/API/status',
    '/api%2fstatus',
    '/%61pi/status',
    '/admin.js/..',
  ];
  const more = [
    '/../package.json',
    '/..%2f..%2fpackage.json',
    '/api/connections/a%2fb',
    '/index.html',
    '/api/connections/',
    '/api/connections/a/b',
  ];
  for (const path of [...paths, ...more]) {
    const { status } = await world.ask('GET', path);
    expect([path, status]).toEqual([path, 404]);
  }
  for (const target of ['http://127.0.0.1/api/status', '*', '/api/status#x']) {
    await using raw = await openRaw(world.port, head(`GET ${target} HTTP/1.1`, 'Connection: close'));
    await raw.closed;
    expect([target, / 40[04] /.test(raw.text())]).toEqual([target, true]);
  }
  const { status, headers } = await world.ask('POST', '/api/status');
  expect([status, headers.allow]).toEqual([405, 'GET']);
  expect((await world.ask('PROPFIND', '/api/routes', { headers: asJson })).headers.allow).toEqual('GET, PUT');
  for (const path of ['/api/status', '/api/events']) expect((await world.ask('HEAD', path)).body).toEqual('');
  expect(world.view.calls.map(([name]) => name)).toEqual(['status']);
});

tap.test('a rebinding name, a form and a page of another site reach no endpoint', async () => {
  await using world = await startAdmin();
  const tries: [string, string, Record<string, string>, number][] = [
    ['GET', '/api/routes', { host: 'evil.test' }, 421],
    ['POST', '/api/stop', { host: 'evil.test', ...asJson }, 421],
    ['POST', '/api/stop', { origin: 'http://evil.test', ...asJson }, 403],
    ['POST', '/api/stop', { 'content-type': 'text/plain' }, 415],
    ['POST', '/api/stop', {}, 415],
    ['OPTIONS', '/api/stop', { origin: 'http://evil.test', 'access-control-request-method': 'POST' }, 403],
    ['GET', '/api/events', { 'sec-fetch-site': 'cross-site' }, 403],
    ['DELETE', '/api/connections/1', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ];
  for (const [method, path, headers, wanted] of tries) {
    const { status } = await world.ask(method, path, { headers });
    expect([method, path, status]).toEqual([method, path, wanted]);
  }
  expect(world.view.calls).toEqual([]);
});

tap.test('content has a limit, stated or not, and what is no JSON is told', async () => {
  await using world = await startAdmin();
  const send = (body: string) => world.ask('POST', '/api/explain', { body });
  expect((await send('{')).json.error).toEqual({ code: 'JSON_WRONG', message: 'want JSON in UTF-8' });
  expect((await send(`"${'x'.repeat(maxBodyBytes - 2)}"`)).status).toEqual(200);
  await using stated = await openRaw(
    world.port,
    head('POST /api/explain HTTP/1.1', 'Content-Type: application/json', `Content-Length: ${maxBodyBytes + 1}`),
  );
  await stated.closed;
  expect(stated.text()).toMatch(/^HTTP\/1.1 413 /);
  await using endless = await openRaw(
    world.port,
    head('POST /api/explain HTTP/1.1', 'Content-Type: application/json', 'Transfer-Encoding: chunked'),
  );
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
  let isOpen = true;
  endless.socket.on('error', () => {});
  void endless.closed.then(() => {
    isOpen = false;
  });
  let sent = 0;
  for (; isOpen && sent < 4 * maxBodyBytes; sent += 65_536) {
    await new Promise((resolve) => endless.socket.write(chunk, () => setImmediate(resolve)));
  }
  await endless.closed;
  expect(endless.text()).toMatch(/^(HTTP\/1.1 413 |$)/);
  expect(sent).toBeLessThan(4 * maxBodyBytes);
  expect((await world.ask('GET', '/healthz')).status).toEqual(200);
});

tap.test('contents that come together have a limit too', async () => {
  await using world = await startAdmin();
  const clients: IRawClient[] = [];
  const count = maxBodiesBytes / (maxBodyBytes / 2) + 1;
  try {
    const fields = ['Content-Type: application/json', `Content-Length: ${maxBodyBytes}`];
    for (let n = 0; n < count; n++) {
      const client = await openRaw(world.port, head('POST /api/explain HTTP/1.1', ...fields));
      clients.push(client);
      client.socket.on('error', () => {});
      client.socket.write(Buffer.alloc(maxBodyBytes / 2, ' '));
    }
    await until(
      () => clients.some((client) => client.text() !== ''),
      10_000,
      () => 'one that is refused',
    );
    expect(clients.filter((client) => client.text().startsWith('HTTP/1.1 503 ')).length).toBeGreaterThan(0);
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
  // What they held is given back.
  expect((await world.ask('POST', '/api/explain', { body: ' '.repeat(maxBodyBytes - 2).concat('{}') })).status).toEqual(
    200,
  );
});

tap.test('who is slow with a head or with content is cut off', async () => {
  await using world = await startAdmin({ limits: quickLimits });
  await using silent = await openRaw(world.port);
  await using dribbling = await openRaw(world.port, 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ');
  await using pausing = await openRaw(
    world.port,
    `${head('POST /api/explain HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 100')}{`,
  );
  const timer = setInterval(() => dribbling.socket.write('a'), 20);
  dribbling.socket.on('error', () => {});
  await Promise.all([silent.closed, dribbling.closed, pausing.closed]);
  clearInterval(timer);
  expect(pausing.text()).toMatch(/^(HTTP\/1.1 408 |$)/);
  expect((await world.ask('GET', '/healthz')).status).toEqual(200);
});

tap.test('a head that is too large or malformed ends its connection', async () => {
  await using world = await startAdmin();
  const openings = {
    '431': head('GET /healthz HTTP/1.1', `X-A: ${'a'.repeat(20_000)}`),
    '400': 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  };
  for (const [status, opening] of Object.entries(openings)) {
    await using raw = await openRaw(world.port, opening);
    raw.socket.on('error', () => {});
    await raw.closed;
    expect([status, raw.text().slice(9, 12)]).toEqual([status, status]);
  }
  await using noise = await openRaw(world.port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
  noise.socket.on('error', () => {});
  await noise.closed;
  await using upgrading = await openRaw(
    world.port,
    head('GET /healthz HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket'),
  );
  await until(
    () => upgrading.text() !== '',
    10_000,
    () => 'an answer',
  );
  expect(upgrading.text()).toMatch(/^HTTP\/1.1 200 /);
  await using tunnel = await openRaw(world.port, 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n');
  tunnel.socket.on('error', () => {});
  await tunnel.closed;
  expect(tunnel.text()).toEqual('');
});

tap.test('strangers who hold connections open, or send what is refused, keep out nobody', async () => {
  const token = 'token-0123456789';
  const authorization = `Bearer ${token}`;
  await using world = await startAdmin({ token, limits: { maxConnections: 3 } });
  const line = 'GET /api/events?kinds=error HTTP/1.1\r\nHost: localhost\r\nAuthorization:';
  await using listener = await openRaw(world.port, `${line} ${authorization}\r\n\r\n`);
  await until(
    () => listener.text().startsWith('HTTP/1.1 200 '),
    10_000,
    () => 'a listener',
  );
  const strangers: IRawClient[] = [];
  for (let n = 0; n < 30; n++) {
    const opening = ['', 'GET / HT', head('GET /healthz HTTP/1.1'), `${line} Bearer another-one\r\n\r\n`][n % 4];
    strangers.push(await openRaw(world.port, opening));
    const { status } = await world.ask('GET', '/api/status', { headers: { authorization } });
    expect([n, status]).toEqual([n, 200]);
  }
  // Two are left beside the listener at most.
  await Promise.all(strangers.slice(0, -2).map(({ closed }) => closed));
  world.view.tell({ kind: 'error', at: 1, data: { message: 'heard' } });
  await until(
    () => listener.text().includes('heard'),
    10_000,
    () => 'what the listener hears',
  );
  for (const client of strangers) await client[Symbol.asyncDispose]();
});

tap.test('who asks on without reading the answers is cut off before they pile up', async () => {
  await using world = await startAdmin();
  await using flood = await openRaw(world.port, head('GET /api/status HTTP/1.1').repeat(1_000));
  await flood.closed;
  expect(world.view.calls.length).toBeGreaterThan(0);
  expect(world.view.calls.length).toBeLessThan(5);
  // One after the other they may be any number.
  await using patient = await openRaw(world.port);
  for (let n = 1; n <= 20; n++) {
    patient.socket.write(head('GET /healthz HTTP/1.1'));
    await until(
      () => patient.text().split('ok\n').length === n + 1,
      10_000,
      () => `${n} answers`,
    );
  }
});

tap.test('there are so many connections and no more; those that go make room', async () => {
  await using world = await startAdmin({ limits: { maxConnections: 3 } });
  const listeners = await Promise.all(
    [1, 2, 3].map(() => openRaw(world.port, head('GET /api/events?kinds=error HTTP/1.1'))),
  );
  await until(
    () => listeners.every((client) => client.text() !== ''),
    10_000,
    () => 'listeners',
  );
  await using late = await openRaw(world.port);
  await late.closed;
  for (const client of listeners) await client[Symbol.asyncDispose]();
  let status = 0;
  while (status === 0) status = (await world.ask('GET', '/healthz').catch(() => ({ status: 0 }))).status;
  expect(status).toEqual(200);
});

tap.test('thousands of listeners are refused, and those that are there go on', async () => {
  await using world = await startAdmin({ limits: { maxConnections: 10_000 } });
  const clients: IRawClient[] = [];
  try {
    for (let n = 0; n < 1_000; n++) {
      clients.push(await openRaw(world.port, head('GET /api/events?kinds=error HTTP/1.1')));
    }
    await until(
      () => clients.every((client) => client.text() !== ''),
      20_000,
      () => `an answer for each, ${clients.filter((client) => client.text() === '').length} lack one`,
    );
    const isOpen = (client: IRawClient) => client.text().startsWith('HTTP/1.1 200 ');
    expect(clients.filter(isOpen)).toHaveLength(32);
    expect(clients.filter((client) => client.text().startsWith('HTTP/1.1 503 '))).toHaveLength(968);
    world.view.tell({ kind: 'error', at: 1, data: { message: 'heard' } });
    await until(
      () => clients.filter((client) => client.text().includes('heard')).length === 32,
      10_000,
      () => 'all listeners heard',
    );
    expect(world.view.listeners('error')).toEqual(1);
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
  await until(
    () => world.view.listeners('error') === 0,
    10_000,
    () => 'nobody listens any more',
  );
});

tap.test('what fails inside is told as a defect, and what it says is not', async () => {
  const lines: object[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => void lines.push(fields) };
  const view = { statistics: () => Promise.reject(new Error('the secret word')) };
  await using world = await startAdmin({ logger, view });
  const { status, body } = await world.ask('GET', '/api/statistics');
  expect([status, body.includes('secret')]).toEqual([500, false]);
  expect(lines).toHaveLength(1);
});

tap.test('a port that is taken is LISTEN_FAILED, and closing ends every connection', async () => {
  const world = await startAdmin();
  await expect(startAdmin({ port: world.port })).rejects.toThrow(
    /cannot listen on 127.0.0.1:\d+ for the admin interface/,
  );
  const idle = await openRaw(world.port, head('GET /healthz HTTP/1.1'));
  const listening = await openRaw(world.port, head('GET /api/events HTTP/1.1'));
  await until(
    () => listening.text() !== '' && idle.text() !== '',
    10_000,
    () => 'answers',
  );
  await world.server.close();
  await Promise.all([idle.closed, listening.closed]);
  expect([world.server.address, world.view.listeners('error')]).toEqual([null, 0]);
  await world.server.close();
  // Again, as a proxy does whose first start failed.
  await world.server.open();
  expect(world.server.address?.port ?? 0).toBeGreaterThan(0);
  await world.server.close();
  const [port = 0] = await freePorts(1);
  await using again = await startAdmin({ port });
  expect(again.port).toEqual(port);
});

export default tap.start();
