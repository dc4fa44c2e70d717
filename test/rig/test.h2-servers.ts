// Targets of HTTP/2 that others wrote, behind a route that terminates TLS: Caddy and Node, with TLS and without.

import { createHash, randomBytes } from 'node:crypto';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type ICertificate, makeCertificate } from '../helpers/certificates.js';
import { needs } from '../helpers/debian.js';
import { connectH2 } from '../helpers/h2-clients.js';
import { fetchThrough } from '../helpers/http-clients.js';
import { makeHttpsRoute } from '../helpers/http-routes.js';
import { closedPort } from '../helpers/origins.js';
import { startCaddy } from '../helpers/rig-servers.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

const big = randomBytes(1 << 20).toString('base64');
const digest = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Serves `/big.txt`, `/version` (the version it was asked by), and `/echo`: what came. */
interface IServerKind {
  readonly name: string;
  readonly programs: readonly string[];
  start(identity: ICertificate | null): Promise<AsyncDisposable & { readonly port: number }>;
}

const caddy: IServerKind = {
  name: 'Caddy',
  programs: ['caddy'],
  async start(identity) {
    const port = await closedPort();
    const files: Record<string, string> = { 'big.txt': big };
    if (identity) Object.assign(files, { 'a.pem': identity.cert, 'a.key': identity.key });
    const sites = `${identity ? 'https' : 'http'}://:${port} {
      bind 127.0.0.1
      ${identity ? 'tls FOLDER/a.pem FOLDER/a.key' : ''}
      root * FOLDER
      respond /version "{http.request.proto}"
      respond /echo "{http.request.body}"
      file_server
    }`;
    const versions = `servers {
        protocols h1 h2 h2c
      }`;
    return Object.assign(await startCaddy(sites, { port, files }, versions), { port });
  },
};

const node: IServerKind = {
  name: 'Node',
  programs: [],
  async start(identity) {
    const serve = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse): void => {
      if (request.url === '/version') return void response.end(`HTTP/${request.httpVersion}`);
      if (request.url === '/big.txt') return void response.end(big);
      response.writeHead(200);
      request.pipe(response);
    };
    // Beyond ten megabytes that wait it refuses streams.
    const maxSessionMemory = 100;
    const server = identity
      ? http2.createSecureServer({ cert: identity.cert, key: identity.key, maxSessionMemory }, serve)
      : http2.createServer({ maxSessionMemory }, serve);
    const sessions = new Set<http2.ServerHttp2Session>();
    server.on('session', (session: http2.ServerHttp2Session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
    });
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return {
      port: (server.address() as AddressInfo).port,
      async [Symbol.asyncDispose]() {
        for (const session of sessions) session.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  },
};

for (const { name, programs, start } of [caddy, node]) {
  for (const isTls of [true, false]) {
    const how = isTls ? 'over TLS, by ALPN' : 'by prior knowledge';
    needs(...programs)(`${name} is asked in HTTP/2 ${how}, by clients of either version`, async () => {
      const identity = await makeCertificate({ names: ['a.test'], ips: ['127.0.0.1'] });
      await using server = await start(isTls ? identity : null);
      const target = { host: '127.0.0.1', port: server.port };
      const tls = {
        mode: isTls ? ('terminate-and-reencrypt' as const) : ('terminate' as const),
        certificate: { cert: identity.cert, key: identity.key },
        ...(isTls ? { upstream: { ca: identity.ca, servername: 'a.test' } } : {}),
      };
      await using proxy = await startProxy({
        routes: [
          makeHttpsRoute(server.port, identity, { action: { type: 'forward', target, backendProtocol: 'http2', tls } }),
        ],
      });
      await using client = await connectH2(proxy.port, { tls: {} });
      expect((await client.fetch('/version')).text).toEqual('HTTP/2.0');
      const paths = Array.from({ length: 10 }, () => '/big.txt');
      const answers = await Promise.all(paths.map((path) => client.fetch(path)));
      expect(answers.every(({ text }) => text === big)).toBeTrue();
      const head = await client.fetch('/version', { method: 'HEAD' });
      expect([head.status, head.text]).toEqual([200, '']);
      for (const headers of [{}, { 'content-length': big.length }]) {
        const { body } = await client.fetch('/echo', { method: 'POST', body: big, headers });
        expect(digest(body)).toEqual(digest(big));
      }
      const old = await fetchThrough(proxy.port, '/version', { tls: {} });
      expect(old.text).toEqual('HTTP/2.0');
    });
  }
}

export default tap.start();
