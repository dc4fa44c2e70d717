import type { IRouteConfig, TRouteAction } from '../../ts/config/types.js';
import { ExchangeWorld } from '../helpers/exchange-world.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const route = (action: TRouteAction, more: Partial<IRouteConfig> = {}): IRouteConfig => ({
  name: 'web',
  match: { ports: 80, path: '/*' },
  action,
  ...more,
});
const target = { host: 'a.test', port: 80 };
const field = (fields: readonly string[], name: string) => {
  const at = fields.findIndex((each, place) => place % 2 === 0 && each.toLowerCase() === name);
  return at < 0 ? null : fields[at + 1];
};

tap.test('a redirect keeps path and query, and a block says what it is told to', async () => {
  await using moved = new ExchangeWorld([
    route({ type: 'redirect', redirect: { to: 'https://{domain}{path}', status: 301 } }),
  ]);
  const { side } = moved.ask({ target: '/a/../b?c=d', host: 'a.test', authority: 'a.test:80' });
  expect([side.calls[0], field(side.fields, 'location')]).toEqual(['head 301', 'https://a.test/b?c=d']);
  await using blocked = new ExchangeWorld([route({ type: 'block', block: { status: 410, message: 'gone' } })]);
  const { side: told } = blocked.ask();
  expect([told.calls, told.body]).toEqual([['head 410', 'data', 'end'], 'gone\n']);
});

tap.test('preflights are answered by the proxy, whatever the action is', async () => {
  const actions: readonly TRouteAction[] = [
    { type: 'forward', target },
    { type: 'respond', respond: { status: 200, body: 'no' } },
  ];
  const fields = ['Origin', 'https://b.test', 'Access-Control-Request-Method', 'PUT'];
  for (const action of actions) {
    await using world = new ExchangeWorld([route(action, { headers: { cors: true } })]);
    const { side } = world.ask({ method: 'OPTIONS', fields });
    expect([side.calls, field(side.fields, 'access-control-allow-origin')]).toEqual([['head 204', 'end'], '*']);
    expect(world.asked).toHaveLength(0);
  }
});

tap.test('what comes back again and again is a loop, and goes to no target', async () => {
  await using world = new ExchangeWorld([route({ type: 'forward', target })]);
  world.ask();
  const via = field(world.last.give().head?.fields ?? [], 'via') ?? '';
  const again = (count: number) => world.ask({ fields: Array.from({ length: count }, () => ['Via', via]).flat() }).side;
  expect([again(3).calls, again(4).calls[0]]).toEqual([[], 'head 508']);
});

tap.test('an opening that is none is refused with what it should have been', async () => {
  await using world = new ExchangeWorld([route({ type: 'forward', target })]);
  const { side } = world.ask({ upgrade: 'websocket', fields: ['Sec-WebSocket-Version', '8'] });
  expect([side.calls[0], field(side.fields, 'sec-websocket-version')]).toEqual(['head 426', '13']);
  expect(world.asked).toHaveLength(0);
});

tap.test('a handler is told of the request, and that somebody waits to be told to go on', async () => {
  await using world = new ExchangeWorld([
    route({
      type: 'http-handler',
      httpHandler: async (request, { clientIp, routeName }) =>
        new Response(
          [request.url, clientIp, routeName, request.headers.get('x-forwarded-for'), await request.text()].join(),
        ),
    }),
  ]);
  const { exchange, side } = world.ask({ method: 'POST', target: '/a?b', contentLength: 2, expectsContinue: true });
  exchange.requestData(Buffer.from('ab'));
  exchange.requestEnd(null);
  await until(
    () => side.calls.includes('end'),
    2_000,
    () => `the end, heard ${side.calls}`,
  );
  expect(side.calls.slice(0, 2)).toEqual(['inform 100', 'pull']);
  expect(side.body).toEqual('http://a.test/a?b,192.0.2.1,web,192.0.2.1,ab');
  // What no Request can say.
  expect(world.ask({ method: 'TRACK' }).side.calls[0]).toEqual('head 405');
});

export default tap.start();
