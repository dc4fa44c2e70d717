import { openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get, opening, reportsOf, switched } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('the answer that opens a WebSocket is one of the route: its rules, its cookie', async () => {
  await using origin = await startRecordingOrigin(
    switched.replace('\r\n\r\n', '\r\nServer: target\r\nKeep-Alive: timeout=5\r\n\r\n'),
  );
  const target = { host: '127.0.0.1', port: origin.port };
  await using proxy = await startProxy({
    routes: [
      makeHttpRoute(0, {
        action: { type: 'forward', target, loadBalancing: { sticky: true } },
        headers: { response: { Server: null, 'X-By': '{routeName}' }, cors: { allowOrigin: 'https://a.test' } },
        name: 'chat',
      }),
    ],
  });
  const bytes = opening().replace('\r\n\r\n', '\r\nOrigin: https://a.test\r\n\r\n');
  await using client = await openRawHttp(proxy.port);
  client.send(bytes);
  const answer = await client.readHead();
  const told = ['server', 'x-by', 'keep-alive', 'upgrade', 'connection', 'access-control-allow-origin'];
  expect([answer?.status, ...told.map((name) => answer?.field(name))]).toEqual([
    ...[101, null, 'chat', null, 'websocket', 'Upgrade', 'https://a.test'],
  ]);
  expect(answer?.field('set-cookie')).toMatch(/^sp_target=/);
});

tap.test('a switch that is none to the handshake, or that nobody asked for, is 502', async () => {
  const wrong = [
    [opening(), switched.replace('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'c3pPLMBiTxaQ9kYGzzhZRbK+xOo=')],
    [opening(), switched.replace('Connection: Upgrade', 'Connection: keep-alive')],
    [opening(), switched.replace('Upgrade: websocket', 'Upgrade: mqtt')],
    [get(), switched],
  ] as const;
  for (const [request, answer] of wrong) {
    await using origin = await startRecordingOrigin({ steps: [answer] });
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
    const reports = reportsOf(proxy);
    const { answers } = await rawExchange(proxy.port, request, { answers: 1 });
    expect(answers.map(({ status }) => status)).toEqual([502]);
    const { status, code } = await reports.next();
    expect([status, code]).toEqual([502, 'TARGET_MALFORMED']);
  }
});

export default tap.start();
