// TLS to targets: who is trusted, by which name, and what is said when nobody is.

import net from 'node:net';
import tls from 'node:tls';
import { ProxyError } from '../../../ts/base/errors.js';
import type { IResolvedUpstreamTls } from '../../../ts/config/resolved.js';
import { secureUpstream, upstreamContextOptions } from '../../../ts/flow/forward/upstream-tls.js';
import { makeCertificate } from '../../helpers/certificates.js';
import { makeUpstreamTls } from '../../helpers/make-tls.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const own = await makeCertificate({ names: ['a.test'], ips: ['127.0.0.1'] });
const named = await makeCertificate({ names: ['a.test'] });
const friend = await makeCertificate({ names: ['proxy'], authority: 'friends' });

interface ITarget extends AsyncDisposable {
  readonly port: number;
  /** The server name of each client; false: none. */
  readonly names: (string | false | null)[];
}

async function startTarget(options: tls.TlsOptions = own): Promise<ITarget> {
  const names: (string | false | null)[] = [];
  const server = tls.createServer({ ALPNProtocols: ['http/1.1'], ...options }, (socket) => {
    names.push(socket.servername as string | false);
    socket.on('error', () => {});
    socket.write('hello');
    socket.on('end', () => socket.end());
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    names,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface IOutcome {
  readonly error: Error | null;
  readonly secure: tls.TLSSocket;
  readonly reused: boolean;
  readonly alpn: string | false | null;
}

/** One visit: the handshake, the target's greeting if it succeeds, the end. */
async function visit(
  port: number,
  host: string,
  settings: IResolvedUpstreamTls,
  alpn: readonly string[] | null = null,
) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  let calls = 0;
  const outcome = await new Promise<IOutcome>((resolve) =>
    secureUpstream(socket, host, settings, alpn, (error, secure) => {
      calls += 1;
      const [reused, agreed] = [error === null && secure.isSessionReused(), secure.alpnProtocol];
      const tell = () => resolve({ error, secure, reused, alpn: agreed });
      if (error !== null) return tell();
      // The tickets of TLS 1.3 come before the greeting.
      secure.once('data', () => secure.end());
      secure.once('close', tell);
      secure.resume();
      secure.on('end', () => secure.destroy());
    }),
  );
  expect(calls).toEqual(1);
  expect(socket.destroyed).toEqual(true);
  return outcome;
}

tap.test("a target's certificate is verified for its name, by the given authority", async () => {
  await using target = await startTarget(named);
  const ok = await visit(target.port, 'a.test', makeUpstreamTls({ ca: [own.ca] }));
  expect([ok.error, ok.alpn]).toEqual([null, false]);
  expect(target.names).toEqual(['a.test']);
  const failures: readonly (readonly [string, IResolvedUpstreamTls, RegExp])[] = [
    ['b.test', makeUpstreamTls({ ca: [own.ca] }), /^TLS to b\.test failed: .*b\.test/],
    ['127.0.0.1', makeUpstreamTls({ ca: [own.ca] }), /^TLS to 127\.0\.0\.1 failed: .*127\.0\.0\.1/],
    ['a.test', makeUpstreamTls(), /^TLS to a\.test failed: .*(issuer|self-signed|certificate)/],
    ['a.test', makeUpstreamTls({ ca: [friend.ca] }), /^TLS to a\.test failed: /],
    ['a.test', makeUpstreamTls({ ca: [own.ca], servername: 'b.test' }), /^TLS to a\.test as b\.test failed: /],
  ];
  for (const [host, settings, message] of failures) {
    const { error } = await visit(target.port, host, settings);
    expect(error).toBeInstanceOf(ProxyError);
    expect([(error as ProxyError).code, (error as ProxyError).tryNext]).toEqual(['TARGET_TLS', true]);
    expect(error?.message).toMatch(message);
  }
});

tap.test('an address is verified as an address and sent as no name; a name of its own is used instead', async () => {
  await using target = await startTarget(own);
  const settings = makeUpstreamTls({ ca: [own.ca] });
  expect((await visit(target.port, '127.0.0.1', settings)).error).toEqual(null);
  expect((await visit(target.port, '127.0.0.2', settings)).error?.message).toMatch(/127\.0\.0\.2/);
  const servername = makeUpstreamTls({ ca: [own.ca], servername: 'a.test' });
  expect((await visit(target.port, '127.0.0.2', servername)).error).toEqual(null);
  expect((await visit(target.port, 'a.test.', settings)).error).toEqual(null);
  expect(target.names.filter((name) => name !== null && name !== false)).toEqual(['a.test', 'a.test']);
});

tap.test('without verification anybody is taken', async () => {
  await using target = await startTarget(friend);
  expect((await visit(target.port, 'a.test', makeUpstreamTls({ rejectUnauthorized: false }))).error).toEqual(null);
});

tap.test('a target that asks for a certificate gets ours', async () => {
  const asks = { ...own, requestCert: true, rejectUnauthorized: true, ca: friend.ca, maxVersion: 'TLSv1.2' } as const;
  await using target = await startTarget(asks);
  const shown = makeUpstreamTls({ ca: [own.ca], cert: friend.cert, certKey: friend.key });
  expect((await visit(target.port, 'a.test', shown)).error).toEqual(null);
  const { error } = await visit(target.port, 'a.test', makeUpstreamTls({ ca: [own.ca] }));
  expect(error?.message).toMatch(/alert handshake failure|disconnected|hang up|ECONNRESET/);
});

tap.test('protocols are offered where there are any, in order', async () => {
  await using target = await startTarget();
  const settings = makeUpstreamTls({ ca: [own.ca] });
  expect((await visit(target.port, 'a.test', settings, ['h2', 'http/1.1'])).alpn).toEqual('http/1.1');
  expect((await visit(target.port, 'a.test', settings, ['h2'])).error?.message).toMatch(/no application protocol/);
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  tap.test(`${version}: a session with a target is resumed, by equal settings for the same name alone`, async () => {
    await using target = await startTarget({ ...own, minVersion: version, maxVersion: version });
    const settings = () => makeUpstreamTls({ ca: [own.ca, Buffer.from(version)] });
    const reused: boolean[] = [];
    for (const [host, used] of [
      ['a.test', settings()],
      ['a.test', settings()],
      ['127.0.0.1', settings()],
      ['a.test', makeUpstreamTls({ ca: [own.ca, friend.ca, Buffer.from(version)] })],
    ] as const) {
      const outcome = await visit(target.port, host, used);
      expect(outcome.error).toEqual(null);
      reused.push(outcome.reused);
    }
    expect(reused).toEqual([false, true, false, false]);
  });
}

tap.test('a handshake that is given up calls nobody', async () => {
  const server = net.createServer((socket) => void socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' });
  await new Promise((resolve) => socket.once('connect', resolve));
  let calls = 0;
  const secure = secureUpstream(socket, 'a.test', makeUpstreamTls(), null, () => {
    calls += 1;
  });
  secure.destroy();
  await new Promise((resolve) => secure.once('close', resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect([calls, socket.destroyed]).toEqual([0, true]);
  server.close();
});

tap.test('OpenSSL is told what was configured, and nothing else', () => {
  const { ca, cert, key, passphrase } = upstreamContextOptions(
    makeUpstreamTls({ ca: ['authority'], cert: 'cert', certKey: 'key', passphrase: 'secret' }),
  );
  expect({ ca, cert, key, passphrase }).toEqual({ ca: ['authority'], cert: 'cert', key: 'key', passphrase: 'secret' });
  expect(upstreamContextOptions(makeUpstreamTls())).toEqual({});
});

export default tap.start();
