import { ProxyError } from '../../ts/base/errors.js';
import { madePath } from '../../ts/http/made-path.js';
import { openRawHttp } from '../helpers/http-clients.js';
import { okAnswer, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('a rewritten path begins with one slash and keeps the rest', async () => {
  for (const [text, path] of [
    ['a', '/a'],
    ['', '/'],
    ['//b.test/x', '/b.test/x'],
    ['/a//b/.well-known/...', '/a//b/.well-known/...'],
    ['/a?x=/../', '/a?x=/../'],
  ] as const) {
    expect([text, madePath(text)]).toEqual([text, path]);
  }
});

tap.test('one that leads elsewhere is refused', async () => {
  for (const text of ['/static/../x', '/static/..', '../x', '/./x', '/.', '/a/%2E%2e/x', '/a/.%2e?q', '//..//x']) {
    expect(() => madePath(text)).toThrow(ProxyError);
  }
});

tap.test('a request cannot leave the place that a rewrite gives it', async () => {
  await using origin = await startRecordingOrigin(okAnswer());
  const target = { host: '127.0.0.1', port: origin.port };
  const strip = { type: 'forward', target, urlRewrite: { stripPrefix: '/api' } } as const;
  const place = { type: 'forward', target, urlRewrite: { pattern: '^/pub(.*)$', target: '/static/$1' } } as const;
  const asked = { type: 'forward', target, websocket: { rewritePath: '/in/{query}' } } as const;
  await using proxy = await startProxy({
    routes: [
      makeHttpRoute(0, { name: 'strip', match: { ports: 0, path: '/api/*' }, action: strip }),
      makeHttpRoute(0, { name: 'place', match: { ports: 0, path: '/pub*' }, action: place }),
      makeHttpRoute(0, { name: 'asked', match: { ports: 0, path: '/ws' }, action: asked }),
    ],
  });
  await using client = await openRawHttp(proxy.port);
  const opening = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
  for (const [path, status] of [
    ['/api//b.test/x', 200],
    ['/pub..', 400],
    ['/pub%2e%2e', 400],
    ['/pubs', 200],
    ['/ws?../../x', 400],
  ] as const) {
    const more = path.startsWith('/ws') ? `${opening}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` : '';
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n${more}\r\n`);
    expect([path, (await client.readAnswer()).status]).toEqual([path, status]);
  }
  expect(origin.requests.map(({ url }) => url)).toEqual(['/b.test/x', '/static/s']);
});

export default tap.start();
