import { fieldValue, type IRequestHead } from '../../ts/codec/http-message.js';
import type { ITarget, IUrlRewrite, IWebSocketRules } from '../../ts/config/types.js';
import type { IRouteHeaders } from '../../ts/index.js';
import { ExchangeWorld } from '../helpers/exchange-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

interface IParts {
  readonly urlRewrite?: IUrlRewrite;
  readonly headers?: IRouteHeaders;
  readonly target?: Partial<ITarget>;
  readonly websocket?: IWebSocketRules;
}

/** What a target is asked for one request. */
async function headFor(ask: Partial<IRequestHead>, { headers, target, ...action }: IParts = {}): Promise<IRequestHead> {
  await using world = new ExchangeWorld([
    {
      name: 'web',
      match: { ports: 80, protocol: 'http' },
      action: { type: 'forward', target: { host: 'b.test', port: 8080, ...target }, ...action },
      ...(headers === undefined ? {} : { headers }),
    },
  ]);
  world.ask(ask);
  const { head } = world.last.give();
  if (head === null) throw new Error('nothing was sent');
  return head;
}

tap.test('what was understood of a request is what the target is asked', async () => {
  const asked: Partial<IRequestHead> = {
    target: '/a/./b/../%7euser/%2fx?q=%7e',
    authority: 'a.test:81',
    host: 'a.test',
  };
  const { target, authority, fields, method } = await headFor(asked);
  expect([method, target, authority]).toEqual(['GET', '/a/~user/%2Fx?q=%7e', 'a.test:81']);
  expect(fieldValue(fields, 'x-forwarded-host')).toEqual('a.test:81');
  expect(fieldValue(fields, 'via')).toMatch(/^1\.1 sp-/);
  expect((await headFor({ target: '/a?' })).target).toEqual('/a?');
  const whole = { target: '*', method: 'OPTIONS' };
  expect((await headFor(whole, { urlRewrite: { addPrefix: '/v2' } })).target).toEqual('*');
  // HTTP/1.0 may name no host; the target may need one.
  expect((await headFor({ version: '1.0', authority: '', host: '' })).authority).toEqual('b.test:8080');
});

tap.test('a prefix is removed as whole segments, and another put in its place', async () => {
  const strip = { stripPrefix: '/api' };
  const cases: readonly (readonly [IUrlRewrite, string, string])[] = [
    [strip, '/api/users?x=/api/', '/users?x=/api/'],
    [strip, '/api', '/'],
    [strip, '/apis/x', '/apis/x'],
    [strip, '/v1/api/x', '/v1/api/x'],
    [{ stripPrefix: '/api/' }, '/api/users', '/users'],
    [{ addPrefix: '/v2' }, '/users', '/v2/users'],
    [{ addPrefix: '/v2' }, '/', '/v2'],
    [{ stripPrefix: '/api', addPrefix: '/v2' }, '/api/users', '/v2/users'],
  ];
  for (const [urlRewrite, from, to] of cases) {
    expect([urlRewrite, (await headFor({ target: from }, { urlRewrite })).target]).toEqual([urlRewrite, to]);
  }
});

tap.test('a pattern rewrites the path that the prefixes left, and what comes of it is a path', async () => {
  const users = { pattern: '^/users/(\\d+)$', target: '/u/$1/profile' };
  expect((await headFor({ target: '/users/7?a=b' }, { urlRewrite: users })).target).toEqual('/u/7/profile?a=b');
  expect((await headFor({ target: '/users/x' }, { urlRewrite: users })).target).toEqual('/users/x');
  const both = { ...users, stripPrefix: '/api' };
  expect((await headFor({ target: '/api/users/7' }, { urlRewrite: both })).target).toEqual('/u/7/profile');
  const odd = { pattern: /x/, target: 'a<b>{c}|$&' };
  const { target } = await headFor({ target: '/x?q' }, { urlRewrite: odd });
  expect(target).toEqual('/a%3Cb%3E%7Bc%7D%7Cx?q');
  expect((await headFor({ target: '/x' }, { urlRewrite: { pattern: /^\/x/, target: 'y' } })).target).toEqual('/y');
});

tap.test("the route's rules come before the target's, and both may set the Host", async () => {
  const headers: IRouteHeaders = {
    request: { 'X-Path': '{path}?{query}', 'X-Both': 'route', Cookie: null, Host: '{routeName}.internal:81' },
  };
  const ask: Partial<IRequestHead> = { target: '/a?b=c', fields: ['Cookie', 'a=b', 'x-both', 'client', 'X-Mine', '1'] };
  const ofRoute = await headFor(ask, { headers });
  const told = (head: IRequestHead) =>
    ['x-path', 'x-both', 'cookie', 'x-mine'].map((name) => fieldValue(head.fields, name));
  expect([ofRoute.authority, ...told(ofRoute)]).toEqual(['web.internal:81', '/a?b=c', 'route', null, '1']);
  const target = { headers: { 'X-Both': 'target {method}', Host: 'vhost.test' } };
  const ofBoth = await headFor(ask, { headers, target });
  expect([ofBoth.authority, ...told(ofBoth)]).toEqual(['vhost.test', '/a?b=c', 'target GET', null, '1']);
  const ofTarget = await headFor(ask, { target });
  expect([ofTarget.authority, ...told(ofTarget)]).toEqual(['vhost.test', null, 'target GET', 'a=b', '1']);
});

tap.test('the opening of a WebSocket has rules of its own, other upgrades are not passed on', async () => {
  const fields = ['Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='];
  const websocket = { rewritePath: '/ws{path}', customHeaders: { 'X-Path': '{path}' } };
  const opened = await headFor({ target: '/chat?a', upgrade: 'websocket', fields }, { websocket });
  expect([opened.upgrade, opened.target, fieldValue(opened.fields, 'x-path')]).toEqual([
    ...['websocket', '/ws/chat?a', '/chat'],
  ]);
  const { upgrade, target } = await headFor({ target: '/chat', upgrade: 'h2c' }, { websocket });
  expect([upgrade, target]).toEqual([null, '/chat']);
});

export default tap.start();
