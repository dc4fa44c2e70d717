// nginx, Caddy and Node as targets, behind a route that terminates TLS, with and without TLS to the target.

import { createHash, randomBytes } from 'node:crypto';
import { type ICertificate, makeCertificate } from '../helpers/certificates.js';
import { needs } from '../helpers/debian.js';
import { fetchThrough, type IFetchOptions, keepAliveAgent } from '../helpers/http-clients.js';
import { startHttpOrigin, type TServe } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { closedPort } from '../helpers/origins.js';
import { nginxHttpFolders, startCaddy, startNginx } from '../helpers/rig-servers.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

const big = randomBytes(1 << 20).toString('base64');
const hash = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * What each serves: `/big.txt` with everything that belongs to a file, and `/echo?n=N`: N and what tells its connection
 * from others. Content is uploaded to `/kept/x`, and comes back at once (`post`) or when asked for (`put`).
 */
interface IServerKind {
  readonly name: string;
  readonly programs: readonly string[];
  readonly upload: 'PUT' | 'POST';
  start(identity: ICertificate | null): Promise<AsyncDisposable & { readonly port: number }>;
}

const filesOf = (identity: ICertificate | null): Record<string, string> =>
  identity ? { 'big.txt': big, 'a.pem': identity.cert, 'a.key': identity.key } : { 'big.txt': big };

const nginx: IServerKind = {
  name: 'nginx',
  programs: ['nginx'],
  upload: 'PUT',
  async start(identity) {
    const port = await closedPort();
    const secure = identity ? 'ssl; ssl_certificate FOLDER/a.pem; ssl_certificate_key FOLDER/a.key' : '';
    // After seven requests it closes the connection, as it does after a thousand without this.
    const blocks = `http { access_log off; ${nginxHttpFolders} client_max_body_size 0; keepalive_requests 7;
      server { listen 127.0.0.1:${port} ${secure}; root FOLDER;
        location = /echo { return 200 "$arg_n $connection"; }
        location /kept/ { dav_methods PUT; create_full_put_path on; }
      } }`;
    return Object.assign(await startNginx(blocks, { port, files: filesOf(identity) }), { port });
  },
};

const caddy: IServerKind = {
  name: 'Caddy',
  programs: ['caddy'],
  upload: 'POST',
  async start(identity) {
    const port = await closedPort();
    const sites = `${identity ? 'https' : 'http'}://a.test:${port} {
      bind 127.0.0.1
      ${identity ? 'tls FOLDER/a.pem FOLDER/a.key' : ''}
      root * FOLDER
      respond /echo "{query.n} {http.request.remote.port}"
      respond /kept/x "{http.request.body}"
      file_server
    }`;
    return Object.assign(await startCaddy(sites, { port, files: filesOf(identity) }), { port });
  },
};

const serve: TServe = (request, response, seen) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://a.test');
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  request.on('end', () => {
    if (pathname === '/echo') return response.end(`${searchParams.get('n')} ${seen.connection}`);
    if (pathname === '/kept/x') return response.end(seen.body);
    if (pathname !== '/big.txt') return response.writeHead(404).end();
    response.setHeader('etag', '"1"');
    if (request.headers['if-none-match'] === '"1"') return response.writeHead(304).end();
    if (!range) return response.end(request.method === 'HEAD' ? '' : big);
    response.statusCode = 206;
    return response.end(big.slice(Number(range[1]), Number(range[2]) + 1));
  });
};

const node: IServerKind = {
  name: 'Node',
  programs: [],
  upload: 'POST',
  async start(identity) {
    const origin = await startHttpOrigin(serve, identity ? { identity } : {});
    origin.server.maxRequestsPerSocket = 7;
    return origin;
  },
};

async function world(kind: IServerKind, isSecure: boolean) {
  const identity = await makeCertificate({ names: ['a.test'] });
  const server = await kind.start(isSecure ? identity : null);
  const { cert, key, ca } = identity;
  const started = await startProxy({
    routes: [
      makeHttpRoute(server.port, {
        action: {
          type: 'forward',
          target: { host: '127.0.0.1', port: server.port },
          tls: {
            certificate: { cert, key },
            ...(isSecure
              ? { mode: 'terminate-and-reencrypt', upstream: { ca, servername: 'a.test' } }
              : { mode: 'terminate' }),
          },
        },
      }),
    ],
  });
  const agent = keepAliveAgent(true);
  const tls = { ca, rejectUnauthorized: true };
  return {
    /** All on one connection unless told otherwise. */
    ask: (path: string, options: IFetchOptions = {}) => fetchThrough(started.port, path, { agent, tls, ...options }),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await started[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

for (const kind of [nginx, caddy, node]) {
  for (const isSecure of [false, true]) {
    const behind = `behind us${isSecure ? ', spoken to by TLS' : ''}`;

    needs(...kind.programs)(
      `${kind.name} ${behind} serves files, parts of them, heads, and what has not changed`,
      async () => {
        await using at = await world(kind, isSecure);
        const whole = await at.ask('/big.txt');
        expect([whole.status, hash(whole.body)]).toEqual([200, hash(big)]);
        const part = await at.ask('/big.txt', { headers: { range: 'bytes=1000-1999' } });
        expect([part.status, part.text]).toEqual([206, big.slice(1000, 2000)]);
        const head = await at.ask('/big.txt', { method: 'HEAD' });
        expect([head.status, head.body.length]).toEqual([200, 0]);
        const etag = whole.headers.etag ?? '';
        const same = await at.ask('/big.txt', { headers: { 'if-none-match': etag } });
        expect([same.status, same.body.length, same.headers.etag]).toEqual([304, 0, etag]);
        expect((await at.ask('/nowhere')).status).toEqual(404);
        // None of those left a byte behind that would be taken for the next answer.
        expect((await at.ask('/echo?n=5')).text).toMatch(/^5 /);
      },
    );

    needs(...kind.programs)(`${kind.name} ${behind} gets contents whole, by length and chunked`, async () => {
      await using at = await world(kind, isSecure);
      for (const [chunked, bytes] of [
        [false, 5],
        [true, 5],
        [false, 2_000_000],
        [true, 2_000_000],
      ] as const) {
        const body = randomBytes(bytes).toString('base64').slice(0, bytes);
        const put = await at.ask('/kept/x', { method: kind.upload, body, chunked });
        expect(put.status).toBeLessThan(205);
        const kept = kind.upload === 'PUT' ? await at.ask('/kept/x') : put;
        expect(hash(kept.body)).toEqual(hash(body));
      }
    });

    needs(...kind.programs)(`${kind.name} ${behind} is asked on connections that are kept`, async () => {
      await using at = await world(kind, isSecure);
      const seen: string[] = [];
      for (let n = 0; n < 50; n++) {
        const { status, text } = await at.ask(`/echo?n=${n}`);
        const [number, connection = ''] = text.split(' ');
        expect([status, number]).toEqual([200, String(n)]);
        seen.push(connection);
      }
      // All but Caddy end a connection after seven requests.
      expect(new Set(seen).size).toEqual(kind === caddy ? 1 : Math.ceil(50 / 7));
    });

    needs(...kind.programs)(`${kind.name} ${behind} answers a hundred at a time, each its own`, async () => {
      await using at = await world(kind, isSecure);
      const numbers = Array.from({ length: 100 }, (_, n) => n);
      const answers = await Promise.all(numbers.map((n) => at.ask(`/echo?n=${n}`, { agent: false })));
      expect(answers.map(({ text }) => Number(text.split(' ')[0]))).toEqual(numbers);
    });
  }
}

export default tap.start();
