import type { IResolvedHttpProbe, IResolvedUpstreamTls } from '../../../ts/config/resolved.js';
import { makeProbe } from '../../../ts/flow/forward/health-check.js';
import { makeCertificate } from '../../helpers/certificates.js';
import { startHttpOrigin, startRecordingOrigin, type TScripted } from '../../helpers/http-origins.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

const probe = makeProbe({ resolver: { resolve: (host) => [host] }, denyPrivateTargets: false });
const plain: IResolvedHttpProbe = { path: '/health?full', host: null, statuses: null, body: null };

async function ask(
  port: number,
  parts: Partial<IResolvedHttpProbe> = {},
  tls: IResolvedUpstreamTls | null = null,
): Promise<string> {
  const { signal } = new AbortController();
  const request = {
    host: '127.0.0.1',
    port,
    proxyHeader: 0,
    http: { ...plain, ...parts },
    tls,
    backendProtocol: 'http1',
    signal,
  } as const;
  return await probe(request).then(
    () => 'well',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const judged: readonly [string, TScripted, Partial<IResolvedHttpProbe>, string][] = [
  ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', {}, 'well'],
  ['302', 'HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n', {}, 'well'],
  ['503', 'HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n', {}, 'it answered 503'],
  ['a status that was asked for', 'HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n', { statuses: [418] }, 'well'],
  [
    '200 where another was asked for',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    { statuses: [204] },
    'it answered 200',
  ],
  [
    '200 behind an interim answer',
    'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    {},
    'well',
  ],
  ['the text with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nall ok', { body: 'ok' }, 'well'],
  ['the text in two chunks', `${chunked}5\r\nall o\r\n1\r\nk\r\n0\r\n\r\n`, { body: 'all ok' }, 'well'],
  ['the text before a FIN', ['HTTP/1.1 200 OK\r\n\r\nall ok', 'fin'], { body: 'ok' }, 'well'],
  [
    'another text',
    'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfail',
    { body: 'ok' },
    'its answer lacks the expected text',
  ],
  ['another text in chunks', `${chunked}4\r\nfail\r\n0\r\n\r\n`, { body: 'ok' }, 'its answer lacks the expected text'],
  ['no text', 'HTTP/1.1 204 No Content\r\n\r\n', { body: 'ok' }, 'its answer lacks the expected text'],
  [
    'the text behind 64 kB',
    ['HTTP/1.1 200 OK\r\n\r\n', Buffer.alloc(66_000, '.'), 'ok'],
    { body: 'ok' },
    'its answer lacks the expected text',
  ],
  [
    'a cut answer',
    ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok', 'fin'],
    { body: 'xx' },
    'it closed the connection in the middle of its answer',
  ],
  ['no answer', ['fin'], {}, 'it closed the connection without an answer'],
  ['nonsense', 'SSH-2.0-x\r\n', {}, 'its answer is not HTTP: version'],
];

for (const [title, script, parts, verdict] of judged) {
  tap.test(`of a target that answers by ${title}, a probe says: ${verdict}`, async () => {
    await using origin = await startRecordingOrigin(script);
    expect(await ask(origin.port, parts)).toEqual(verdict);
    await until(
      () => origin.open === 0,
      5_000,
      () => 'the end of the connection',
    );
    expect(origin.faults).toEqual([]);
  });
}

tap.test('a probe asks for the path, of the host that is wanted, and wants no second answer', async () => {
  await using origin = await startRecordingOrigin('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  await ask(origin.port);
  await ask(origin.port, { host: 'shop.test' });
  const [one, two] = origin.requests;
  expect(`${one?.method} ${one?.url}`).toEqual('GET /health?full');
  expect(one?.field('host')).toEqual(`127.0.0.1:${origin.port}`);
  expect(one?.field('connection')).toEqual('close');
  expect(two?.field('host')).toEqual('shop.test');
});

tap.test('a probe goes through TLS where the target has it, and tells a stranger from it', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  const stranger = await makeCertificate({ names: ['a.test'], authority: 'stranger' });
  await using origin = await startHttpOrigin((_, response) => response.end('ok'), { identity: certificate });
  const settings = { rejectUnauthorized: true, servername: 'a.test', cert: null, certKey: null, passphrase: null };
  expect(await ask(origin.port, {}, { ...settings, key: 'probe 1', ca: [certificate.ca] })).toEqual('well');
  const refused = await ask(origin.port, {}, { ...settings, key: 'probe 2', ca: [stranger.ca] });
  expect(refused).toMatch(/^TLS to 127\.0\.0\.1 as a\.test failed/);
});

tap.test('a probe of a target that never answers ends when it is aborted', async () => {
  await using origin = await startRecordingOrigin([]);
  const stop = new AbortController();
  const request = {
    host: '127.0.0.1',
    port: origin.port,
    proxyHeader: 0,
    http: plain,
    tls: null,
    backendProtocol: 'http1',
  } as const;
  const asked = probe({ ...request, signal: stop.signal }).then(
    () => 'well',
    (error: unknown) => String(error),
  );
  await origin.seen(1);
  stop.abort('enough');
  expect(await asked).toEqual('enough');
  await until(
    () => origin.open === 0,
    5_000,
    () => 'the end of the connection',
  );
});

export default tap.start();
