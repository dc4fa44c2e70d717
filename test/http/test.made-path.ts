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

tap.test('one that leads elsewhere for a reader of another kind is refused, too', async () => {
  for (const text of [
    ...['/public/..;/x', '/public/..%2fx', '/public/..%5cx', '/public/%252e%252e/x', '/public/%c0%ae%c0%ae/x'],
    ...['/public/..%20/x', '/public/x%2f..', '/public/.;y/x'],
  ]) {
    expect(() => madePath(text)).toThrow(ProxyError);
  }
  for (const text of ['/public/a%2Fb', '/public/a;b', '/public/a%20b', '/public/100%25', '/public/x?y=/..;/']) {
    expect(madePath(text)).toEqual(text);
  }
});

tap.test('a request cannot leave the place that a rewrite gives it', async () => {
  await using origin = await startRecordingOrigin(okAnswer());
  const target = { host: '127.0.0.1', port: origin.port };
  const strip = { type: 'forward', target, urlRewrite: { stripPrefix: '/api' } } as const;
  const place = { type: 'forward', target, urlRewrite: { pattern: '^/pub(.*)$', target: '/static/$1' } } as const;
  const below = { type: 'forward', target, urlRewrite: { stripPrefix: '/s', addPrefix: '/public' } } as const;
  const opened = { type: 'forward', target, websocket: { rewritePath: '/in{path}' } } as const;
  const asked = { type: 'forward', target, websocket: { rewritePath: '/in/{query}' } } as const;
  await using proxy = await startProxy({
    routes: [
      makeHttpRoute(0, { name: 'strip', match: { ports: 0, path: '/api/*' }, action: strip }),
      makeHttpRoute(0, { name: 'place', match: { ports: 0, path: '/pub*' }, action: place }),
      makeHttpRoute(0, { name: 'below', match: { ports: 0, path: '/s/*' }, action: below }),
      makeHttpRoute(0, { name: 'opened', match: { ports: 0, path: '/ws/*' }, action: opened }),
      makeHttpRoute(0, { name: 'asked', match: { ports: 0, path: '/ws' }, action: asked }),
    ],
  });
  const opening = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
  for (const [path, status] of [
    ['/api//b.test/x', 200],
    ['/pub..', 400],
    ['/pub%2e%2e', 400],
    ['/pubs', 200],
    ['/ws?../../x', 400],
    ['/s/..;/admin', 400],
    ['/s/..%2fadmin', 400],
    ['/s/..%5cadmin', 400],
    ['/s/%252e%252e/admin', 400],
    ['/ws/..%2fz', 400],
    ['/ws/..;/z', 400],
    ['/s/a%2Fb;c', 200],
  ] as const) {
    await using client = await openRawHttp(proxy.port);
    const more = path.startsWith('/ws') ? `${opening}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` : '';
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n${more}\r\n`);
    expect([path, (await client.readAnswer()).status]).toEqual([path, status]);
  }
  expect(origin.requests.map(({ url }) => url)).toEqual(['/b.test/x', '/static/s', '/public/a%2Fb;c']);
});

export default tap.start();
