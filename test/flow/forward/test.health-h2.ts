// HTTP probes of targets that speak HTTP/2: well, not well, and not HTTP/2 at all.

import type { IResolvedHttpProbe, IResolvedUpstreamTls } from '../../../ts/config/resolved.js';
import type { TBackendProtocol } from '../../../ts/config/types.js';
import { makeProbe } from '../../../ts/flow/forward/health-check.js';
import { makeCertificate } from '../../helpers/certificates.js';
import { startH2Origin } from '../../helpers/h2-origins.js';
import {
  literalBlock,
  RawPeer,
  rawContinuation,
  rawData,
  rawGoaway,
  rawHeaders,
  rawPing,
  rawReset,
  rawSettings,
} from '../../helpers/h2-raw.js';
import { startHttpOrigin } from '../../helpers/http-origins.js';
import { startOrigin } from '../../helpers/origins.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

const probe = makeProbe({ resolver: { resolve: (host) => [host] }, denyPrivateTargets: false });
const plain: IResolvedHttpProbe = { path: '/health?full', host: null, statuses: null, body: null };

interface IAsk extends Partial<IResolvedHttpProbe> {
  readonly tls?: IResolvedUpstreamTls;
  readonly by?: TBackendProtocol;
}

async function ask(port: number, { tls, by = 'http2', ...parts }: IAsk = {}): Promise<string> {
  const { signal } = new AbortController();
  const place = { host: '127.0.0.1', port, proxyHeader: 0, backendProtocol: by } as const;
  return await probe({ ...place, http: { ...plain, ...parts }, tls: tls ?? null, signal }).then(
    () => 'well',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

const ok = [':status', '200'];
const block = literalBlock([...ok, 'x', 'y'.repeat(300)]);
const foreign = 'it does not speak HTTP/2';
const broken = 'its answer is not HTTP/2';
const lacking = 'its answer lacks the expected text';

const judged: readonly (readonly [string, readonly Buffer[], Partial<IResolvedHttpProbe>, string])[] = [
  ['200', [rawSettings(), rawHeaders(1, ok, { end: true })], {}, 'well'],
  ['200 without settings before', [rawHeaders(1, ok, { end: true })], {}, foreign],
  ['HTTP/1.1', [Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')], {}, foreign],
  ['503', [rawSettings(), rawHeaders(1, [':status', '503'], { end: true })], {}, 'it answered 503'],
  ['a status asked for', [rawSettings(), rawHeaders(1, [':status', '418'])], { statuses: [418] }, 'well'],
  ['interim first', [rawSettings(), rawHeaders(1, [':status', '103']), rawHeaders(1, ok, { end: true })], {}, 'well'],
  ['padding and priority', [rawSettings(), rawHeaders(1, ok, { end: true, pad: 9, dependsOn: 0 })], {}, 'well'],
  [
    'a head in two frames',
    [
      rawSettings(),
      rawHeaders(1, block.subarray(0, 20), { end: true, whole: false }),
      rawContinuation(1, block.subarray(20), true),
    ],
    {},
    'well',
  ],
  [
    'the text in two frames',
    [rawSettings(), rawPing('12345678'), rawHeaders(1, ok), rawData(1, 'all '), rawData(1, 'ok', { end: true })],
    { body: 'all ok' },
    'well',
  ],
  ['the text before it ends', [rawSettings(), rawHeaders(1, ok), rawData(1, 'all ok')], { body: 'ok' }, 'well'],
  ['another text', [rawSettings(), rawHeaders(1, ok), rawData(1, 'fail', { end: true })], { body: 'ok' }, lacking],
  ['no text', [rawSettings(), rawHeaders(1, ok, { end: true })], { body: 'ok' }, lacking],
  [
    'no text before trailers',
    [rawSettings(), rawHeaders(1, ok), rawData(1, 'fail'), rawHeaders(1, ['x', 'y'], { end: true })],
    { body: 'ok' },
    lacking,
  ],
  [
    'more content than is looked at',
    [rawSettings(), rawHeaders(1, ok), ...Array.from({ length: 4 }, () => rawData(1, 16_384))],
    { body: 'ok' },
    lacking,
  ],
  ['a reset', [rawSettings(), rawReset(1, 2)], {}, 'it reset the request'],
  ['a farewell', [rawSettings(), rawGoaway(0, 0)], {}, 'it takes no requests'],
  ['content before the head', [rawSettings(), rawData(1, 'x')], {}, broken],
  ['a head that is none', [rawSettings(), rawHeaders(1, Buffer.alloc(4, 0xff))], {}, broken],
  ['a head without a status', [rawSettings(), rawHeaders(1, ['x', 'y'])], {}, 'its answer is not HTTP: :status'],
  ['an interrupted head', [rawSettings(), rawHeaders(1, ok, { whole: false }), rawSettings()], {}, broken],
  ['talk without an answer', [rawSettings(), ...Array.from({ length: 20 }, () => rawData(3, 16_000))], {}, broken],
  [
    'settings without an end',
    Array.from({ length: 30_000 }, () => rawSettings()),
    {},
    'it says more than a probe listens to',
  ],
];

for (const [what, frames, parts, want] of judged) {
  tap.test(`what a probe in HTTP/2 makes of ${what}: ${want}`, async () => {
    await using origin = await startOrigin((socket) => new RawPeer(socket, true).send(...frames));
    expect(await ask(origin.port, parts)).toEqual(want);
    await until(
      () => origin.sockets.every((socket) => socket.destroyed || socket.readableEnded),
      5_000,
      () => 'the end of the connection',
    );
  });
}

tap.test('a target that closes before it answers is not well', async () => {
  await using origin = await startOrigin((socket) => {
    socket.write(rawSettings());
    socket.once('data', () => socket.end());
  });
  expect(await ask(origin.port)).toEqual('it closed the connection without a whole answer');
});

tap.test('servers of HTTP/2 are asked what was meant; over TLS by ALPN, and by what they choose', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  const tls: IResolvedUpstreamTls = {
    key: 'probe',
    ca: [certificate.ca],
    rejectUnauthorized: true,
    servername: 'a.test',
    cert: null,
    certKey: null,
    passphrase: null,
  };
  await using cleartext = await startH2Origin();
  await using secure = await startH2Origin(undefined, { identity: certificate });
  await using old = await startHttpOrigin((_, response) => response.end('old'), { identity: certificate });
  expect(await ask(cleartext.port, { host: 'b.test', body: '/health?full' })).toEqual('well');
  const seen = cleartext.requests[0]?.headers ?? {};
  expect([seen[':method'], seen[':path'], seen[':authority']]).toEqual(['GET', '/health?full', 'b.test']);
  expect([seen[':scheme'], seen['user-agent']]).toEqual(['http', 'smartproxy-health']);
  expect(await ask(secure.port, { tls })).toEqual('well');
  expect(secure.requests[0]?.headers[':scheme']).toEqual('https');
  expect(await ask(secure.port, { tls, by: 'auto' })).toEqual('well');
  expect(await ask(old.port, { tls, by: 'auto', body: 'old' })).toEqual('well');
  expect(await ask(old.port, { tls, by: 'http2' })).toMatch(/h2|protocol/);
  expect(secure.requests.length).toEqual(2);
});

export default tap.start();
