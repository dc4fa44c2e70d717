import net from 'node:net';
import { h2Error, h2Preface } from '../../ts/codec/http2-frame.js';
import { makeFakeClock, settle } from '../helpers/fake-clock.js';
import {
  connectRaw,
  type IRawFrame,
  rawFrame,
  rawGoaway,
  rawHeaders,
  rawPing,
  rawRequest,
  rawSettings,
  rawSettingsAck,
} from '../helpers/h2-raw.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const goaway = ({ payload }: IRawFrame) => [payload.readUInt32BE(4), payload.subarray(8).toString()];

tap.test('a preface that does not come whole has the time of a head', async () => {
  const clock = makeFakeClock();
  const http = { h2c: true, headersTimeout: 3_000 };
  await using proxy = await startProxy({ routes: [makeHttpRoute(1)], metrics: false, http }, { clock });
  const socket = net.connect(proxy.port, '127.0.0.1');
  socket.on('error', () => {}).resume();
  socket.write(h2Preface);
  await until(
    () => (proxy.proxy.getConnections()[0]?.bytesSent ?? 0) > 0,
    5_000,
    () => 'the settings of the proxy',
  );
  clock.advance(3_001);
  await new Promise((resolve) => socket.once('close', resolve));
  expect(await proxy.ends()).toEqual(['headers_timeout']);
});

tap.test('a header block that is not finished has its time, whatever else comes', async () => {
  const clock = makeFakeClock();
  const http = { h2c: true, headersTimeout: 3_000 };
  await using proxy = await startProxy({ routes: [makeHttpRoute(1)], metrics: false, http }, { clock });
  await using client = await connectRaw(proxy.port);
  client.send(rawSettingsAck());
  await client.sync();
  const before = proxy.proxy.getConnections()[0]?.bytesReceived ?? 0;
  client.send(rawHeaders(1, rawRequest('/'), { whole: false }));
  await until(
    () => (proxy.proxy.getConnections()[0]?.bytesReceived ?? 0) > before,
    5_000,
    () => 'the block at the proxy',
  );
  await settle();
  clock.advance(3_001);
  expect(goaway(await client.next('GOAWAY'))).toEqual([h2Error.enhanceYourCalm, 'header block']);
  client.socket.end();
  expect(await proxy.ends()).toEqual(['headers_timeout']);
});

tap.test('a client with requests is asked for a sign of life where that is wanted, and ended without one', async () => {
  const clock = makeFakeClock();
  await using origin = await startHttpOrigin(() => {});
  const route = makeHttpRoute(origin.port, { timeouts: { responseTimeout: 0 } });
  const http = { h2c: true, pingInterval: 5_000, pingTimeout: 2_000 };
  await using proxy = await startProxy({ routes: [route], metrics: false, http }, { clock });
  await using client = await connectRaw(proxy.port);
  client.send(rawSettingsAck(), rawHeaders(1, rawRequest('/'), { end: true }));
  await origin.seen(1);
  await client.sync();
  // What it sent meanwhile was a sign.
  clock.advance(5_001);
  expect((await client.sync()).filter(({ name }) => name === 'PING')).toEqual([]);
  clock.advance(5_001);
  await settle();
  clock.advance(5_001);
  const { payload } = await client.next('PING');
  client.send(rawPing(payload.toString('latin1'), true));
  await client.sync();
  clock.advance(2_001);
  await settle();
  expect(proxy.ended).toEqual([]);
  clock.advance(5_001);
  await settle();
  clock.advance(5_001);
  await client.next('PING');
  clock.advance(2_001);
  await client.next('GOAWAY');
  client.socket.end();
  expect(await proxy.ends()).toEqual(['ping_timeout']);
});

tap.test('a fault of framing ends the connection, with the reason, and its requests', async () => {
  await using origin = await startHttpOrigin(() => {});
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { h2c: true } });
  await using client = await connectRaw(proxy.port);
  client.send(rawHeaders(1, rawRequest('/'), { end: true }));
  const [seen] = await origin.seen(1);
  client.send(rawFrame(0, 0, 0, Buffer.from('DATA of no stream')));
  expect(goaway(await client.next('GOAWAY'))[0]).toEqual(h2Error.protocol);
  client.socket.end();
  expect(await proxy.ends()).toEqual(['protocol_error']);
  await until(
    () => seen?.isAborted === true,
    5_000,
    () => 'the end of the request at the target',
  );
});

tap.test('a client that says goodbye gets its answers first', async () => {
  await using origin = await startHttpOrigin((_request, response) => setTimeout(() => response.end('late'), 20));
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { h2c: true } });
  await using client = await connectRaw(proxy.port);
  client.send(rawHeaders(1, rawRequest('/'), { end: true }), rawGoaway(0, h2Error.noError));
  await client.next('HEADERS', 1);
  expect((await client.next('DATA', 1)).payload.toString()).toEqual('late');
  await client.untilEnded();
  client.socket.end();
  expect(await proxy.ends()).toEqual(['client_closed']);
});

tap.test('streams beyond the limit are refused, and those within it live', async () => {
  await using origin = await startHttpOrigin(() => {});
  const http = { h2c: true, maxConcurrentStreams: 2 };
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http });
  await using client = await connectRaw(proxy.port);
  for (const stream of [1, 3, 5]) client.send(rawHeaders(stream, rawRequest('/'), { end: true }));
  expect((await client.next('RST_STREAM')).payload.readUInt32BE(0)).toEqual(h2Error.refusedStream);
  expect((await origin.seen(2)).length).toEqual(2);
});

tap.test('a client that leaves takes its requests with it', async () => {
  await using origin = await startHttpOrigin(() => {});
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { h2c: true } });
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    await using client = await connectRaw(proxy.port, ...[]);
    client.send(rawSettings(), rawHeaders(1, rawRequest('/'), { end: true }));
    await until(
      () => origin.open === 1,
      5_000,
      () => 'the request at the target',
    );
    client.socket[leave]();
    await until(
      () => origin.open === 0,
      5_000,
      () => 'the end of the request at the target',
    );
    expect(await proxy.ends()).toEqual([leave === 'end' ? 'client_aborted' : 'client_error']);
  }
});

export default tap.start();
