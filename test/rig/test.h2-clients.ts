// HTTP/2 by programs that others wrote: h2load and curl in front, nginx as a gRPC proxy in front, Node at both ends.

import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makeCertificate } from '../helpers/certificates.js';
import { needs } from '../helpers/debian.js';
import { connectH2 } from '../helpers/h2-clients.js';
import { startHttpOrigin, type TServe } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { makeFolder } from '../helpers/make-folder.js';
import { closedPort } from '../helpers/origins.js';
import { reportsOf } from '../helpers/requests.js';
import { runProcess } from '../helpers/rig-process.js';
import { nginxHttpFolders, startNginx } from '../helpers/rig-servers.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

const digest = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const large = randomBytes(500_000);

/** `/large`: half a megabyte; else what came, by its digest. */
const serve: TServe = (request, response, seen) => {
  request.on('end', () => {
    response.end(request.url === '/large' ? large : `${seen.method} ${seen.version} ${digest(seen.body)}`);
  });
};

async function world() {
  const identity = await makeCertificate({ names: ['a.test'] });
  const origin = await startHttpOrigin(serve);
  const plain = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { h2c: true } });
  const secure = await startProxy({ routes: [makeHttpsRoute(origin.port, identity)] });
  const ways = [
    { name: 'TLS', port: secure.port, scheme: 'https', args: ['--http2', '--insecure'] },
    { name: 'prior knowledge', port: plain.port, scheme: 'http', args: ['--http2-prior-knowledge'] },
  ];
  return {
    ...{ identity, origin, plain, secure, ways },
    async [Symbol.asyncDispose]() {
      for (const part of [plain, secure, origin]) await part[Symbol.asyncDispose]();
    },
  };
}

/** What h2load counts, by its words. */
function counted(report: string): Record<string, number> {
  const line = /^requests: (.*)$/m.exec(report)?.[1] ?? '';
  const codes = /^status codes: (.*)$/m.exec(report)?.[1] ?? '';
  return Object.fromEntries([...`${line}, ${codes}`.matchAll(/(\d+) (\w+)/g)].map(([, n, word]) => [word, Number(n)]));
}

needs('h2load')('h2load gets each of its requests answered, many at a time, small and large', async () => {
  await using at = await world();
  const authority = ['-H', ':authority: a.test'];
  for (const { port, scheme } of at.ways) {
    for (const [path, requests, streams] of [
      ['/small', 3_000, 100],
      ['/large', 20, 10],
    ] as const) {
      const report = await runProcess('h2load', [
        ...['-n', String(requests), '-c', '4', '-m', String(streams), '-t', '1', ...authority],
        `${scheme}://127.0.0.1:${port}${path}`,
      ]);
      const all = counted(report);
      expect([all.succeeded, all.failed, all.errored, all['2xx']]).toEqual([requests, 0, 0, requests]);
    }
    // Windows of a few octets: every byte of it has to be asked for.
    const narrow = ['-n', '4', '-c', '1', '-m', '2', '-w', '10', '-W', '12', ...authority];
    expect(counted(await runProcess('h2load', [...narrow, `${scheme}://127.0.0.1:${port}/large`])).succeeded).toEqual(
      4,
    );
  }
});

needs('h2load')('h2load uploads on all of its streams', async () => {
  await using at = await world();
  await using folder = await makeFolder();
  const file = join(folder.path, 'content');
  await writeFile(file, large);
  for (const { port, scheme } of at.ways) {
    const before = at.origin.requests.length;
    const report = await runProcess('h2load', [
      ...['-n', '40', '-c', '2', '-m', '10', '-d', file, '-H', ':method: POST', '-H', ':authority: a.test'],
      `${scheme}://127.0.0.1:${port}/up`,
    ]);
    expect(counted(report).succeeded).toEqual(40);
    const bodies = at.origin.requests.slice(before).map(({ method, body }) => `${method} ${body.equals(large)}`);
    expect(bodies).toEqual(Array.from({ length: 40 }, () => 'POST true'));
  }
});

needs('curl')('curl asks and uploads, several at a time on one connection', async () => {
  await using at = await world();
  await using folder = await makeFolder();
  const file = join(folder.path, 'content');
  await writeFile(file, large);
  for (const { name, port, scheme, args } of at.ways) {
    const started = name === 'TLS' ? at.secure : at.plain;
    const reports = reportsOf(started);
    const base = `${scheme}://a.test:${port}`;
    const common = ['--silent', '--show-error', '--noproxy', '*', '--resolve', `a.test:${port}:127.0.0.1`, ...args];
    const kept = (name: string): string => join(folder.path, name);
    const up = [...common, '--output', kept('up'), '--upload-file', file, `${base}/up`];
    if (name === 'TLS') {
      const many = ['--parallel', '--parallel-max', '10', '--no-progress-meter', ...common, '--output', kept('#1')];
      await runProcess('curl', [...many, `${base}/[1-20]`, '--next', ...up]);
    } else {
      // Debian 12's curl cannot use such a connection twice, whoever answers.
      for (let n = 1; n <= 3; n++) await runProcess('curl', [...common, '--output', kept(`${n}`), `${base}/${n}`]);
      await runProcess('curl', up);
    }
    const count = name === 'TLS' ? 20 : 3;
    for (let n = 1; n <= count; n++) expect(await readFile(kept(`${n}`), 'utf8')).toEqual(`GET 1.1 ${digest('')}`);
    expect(await readFile(kept('up'), 'utf8')).toEqual(`PUT 1.1 ${digest(large)}`);
    expect(reports.all.map(({ version, status }) => `${version} ${status}`)).toEqual(Array(count + 1).fill('2 200'));
    // Those that curl begins before it knows the version get connections of their own.
    if (name === 'TLS') expect(started.proxy.getMetrics().totals.connections).toBeLessThan(12);
  }
});

needs('nginx')('nginx passes gRPC on to a proxy without TLS: messages and trailers both ways', async () => {
  const target = http2.createServer();
  target.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': `${headers.te}` }));
    stream.pipe(stream);
  });
  target.listen(0, '127.0.0.1');
  await new Promise((resolve) => target.once('listening', resolve));
  try {
    await using proxy = await startProxy({
      routes: [
        makeHttpRoute((target.address() as AddressInfo).port, {
          action: {
            type: 'forward',
            target: { host: '127.0.0.1', port: (target.address() as AddressInfo).port },
            backendProtocol: 'http2',
          },
        }),
      ],
      http: { h2c: true },
    });
    const port = await closedPort();
    const blocks = `http { access_log off; ${nginxHttpFolders} client_max_body_size 0;
      server { listen 127.0.0.1:${port} http2; location / { grpc_pass grpc://127.0.0.1:${proxy.port}; grpc_set_header Host a.test; } } }`;
    await using _nginx = await startNginx(blocks, { port });
    await using client = await connectH2(port);
    const headers = { 'content-type': 'application/grpc', te: 'trailers' };
    const messages = [Buffer.of(0, 0, 0, 0, 2, 1, 2), Buffer.concat([Buffer.of(0, 0, 3, 0, 0), randomBytes(3 << 16)])];
    for (const body of messages) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => client.fetch('/a.B/C', { method: 'POST', headers, body })),
      );
      for (const answer of answers) {
        expect(answer.body.equals(body)).toBeTrue();
        expect([answer.status, answer.trailers['grpc-status'], answer.trailers['grpc-message']]).toEqual([
          200,
          '0',
          'trailers',
        ]);
      }
    }
  } finally {
    target.close();
  }
});

export default tap.start();
