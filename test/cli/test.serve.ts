import { Report } from '../../ts/cli/report.js';
import { serve } from '../../ts/cli/serve.js';
import { ProxyError, SmartProxy } from '../../ts/index.js';
import { connectTcp } from '../helpers/clients.js';
import { fakeHost, type IFakeHost } from '../helpers/fake-host.js';
import { type IOrigin, startEcho } from '../helpers/origins.js';
import { makeForwardRoute } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

async function startServing(origin: IOrigin, host: IFakeHost = fakeHost()) {
  const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: [makeForwardRoute(origin.port)] });
  const served = serve({ proxy, host, report: new Report({ host, json: false }), what: 'a test' });
  await host.line(/^listening/);
  return { host, proxy, served, port: proxy.getListeningPorts()[0] ?? 0 };
}

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const listeners = ({ signals }: IFakeHost) => names.map((name) => signals.listenerCount(name));

tap.test('a signal stops an idle proxy, whose listeners for signals go with it', async () => {
  await using echo = await startEcho();
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const { host, proxy, served, port } = await startServing(echo);
    expect(host.lines).toEqual([`listening on port ${port}: a test`]);
    expect(listeners(host)).toEqual([1, 1, 0]);
    host.signals.emit(signal);
    await served;
    expect(host.lines.slice(1)).toEqual(['stopping', 'stopped']);
    expect(proxy.getListeningPorts()).toEqual([]);
    expect(listeners(host)).toEqual([0, 0, 0]);
  }
});

tap.test('the first signal lets a connection finish its work', async () => {
  await using echo = await startEcho();
  const { host, served, port } = await startServing(echo);
  await using client = await connectTcp(port);
  client.send('before');
  await client.receive(6);
  host.signals.emit('SIGTERM');
  await host.line(/^stopping: 1 connection may finish/);
  client.send(' after');
  expect(await client.receive(12)).toEqual('before after');
  expect(host.lines).not.toContain('stopped');
  client.socket.end();
  await served;
  expect(host.lines.at(-1)).toEqual('stopped');
});

tap.test('the second signal ends connections at once', async () => {
  await using echo = await startEcho();
  const { host, served, port } = await startServing(echo);
  await using client = await connectTcp(port);
  client.send('x');
  await client.receive(1);
  host.signals.emit('SIGTERM');
  host.signals.emit('SIGTERM');
  await served;
  await client.closed;
  expect(host.lines.at(-1)).toEqual('stopped');
});

tap.test('an interrupt that comes twice for one press of the keys is one', async () => {
  await using echo = await startEcho();
  const { host, served, port } = await startServing(echo);
  await using client = await connectTcp(port);
  client.send('x');
  await client.receive(1);
  host.signals.emit('SIGINT');
  host.signals.emit('SIGINT');
  client.send('y');
  expect(await client.receive(2)).toEqual('xy');
  client.socket.end();
  await served;
});

tap.test('a port that is taken rejects, and leaves no listener for signals', async () => {
  await using echo = await startEcho();
  const host = fakeHost();
  const match = { ports: echo.port };
  const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: [{ match, action: { type: 'block' } }] });
  const error: unknown = await serve({ proxy, host, report: new Report({ host, json: false }), what: '' }).catch(
    (caught: unknown) => caught,
  );
  if (!(error instanceof ProxyError)) throw new Error(`want a ProxyError, got ${error}`);
  expect(error.code).toEqual('LISTEN_FAILED');
  expect(listeners(host)).toEqual([0, 0, 0]);
  expect(host.lines).toEqual([]);
});

tap.test('whoever runs a Node past its end of life is told so', async () => {
  await using echo = await startEcho();
  for (const [nodeVersion, warned] of [
    ['20.20.2', true],
    ['22.0.0', false],
  ] as const) {
    const host = fakeHost({ nodeVersion });
    const { served } = await startServing(echo, host);
    host.signals.emit('SIGTERM');
    await served;
    expect(host.errors.some((line) => line.includes('Node 20 is past its end of life'))).toEqual(warned);
  }
});

export default tap.start();
