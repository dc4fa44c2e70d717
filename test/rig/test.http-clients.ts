// curl, wrk and openssl against the HTTP engine, each with what it is particular about.

import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificate } from '../helpers/certificates.js';
import { needs } from '../helpers/debian.js';
import { type IHttpOrigin, startHttpOrigin, type TServe } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { makeFolder } from '../helpers/make-folder.js';
import { runProcess } from '../helpers/rig-process.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

const file = randomBytes(150_000).toString('hex');
const digest = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Tells the digest of what is uploaded, serves a file with ranges, and answers in chunks with a trailer. */
const serve: TServe = (request, response, seen) => {
  if (request.url === '/trailers') {
    response.writeHead(200, { trailer: 'x-sum' });
    response.write('one ');
    response.write('two');
    response.addTrailers({ 'x-sum': '7' });
    response.end();
  } else if (request.url === '/file') {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const [from, to] = range ? [Number(range[1]), Number(range[2]) + 1] : [0, file.length];
    const part = file.slice(from, to);
    const about = range ? { 'content-range': `bytes ${from}-${to - 1}/${file.length}` } : {};
    response.writeHead(range ? 206 : 200, { 'content-length': part.length, 'accept-ranges': 'bytes', ...about });
    response.end(request.method === 'HEAD' ? undefined : part);
  } else if (request.url === '/refuse') {
    response.writeHead(413, { connection: 'close', 'content-length': 8 }).end('too much');
  } else {
    request.on('end', () => response.end(`${seen.version} ${seen.method} ${seen.url} ${digest(seen.body)}`));
  }
};

/** Every way in that curl takes: the arguments that lead to it, and what its URLs begin with. */
async function world() {
  const identity = await makeCertificate({ names: ['a.test'] });
  const folder = await makeFolder();
  const caFile = join(folder.path, 'ca.pem');
  await writeFile(caFile, identity.ca);
  const origin = await startHttpOrigin(serve, { wants: ({ url }) => url !== '/refuse' });
  const plain = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const secure = await startProxy({ routes: [makeHttpsRoute(origin.port, identity)] });
  const way = (scheme: string, port: number, more: readonly string[]) => ({
    base: `${scheme}://a.test:${port}`,
    args: ['--resolve', `a.test:${port}:127.0.0.1`, ...more],
  });
  const byTls = way('https', secure.port, ['--cacert', caFile]);
  const ways = [way('http', plain.port, []), byTls, way('https', secure.port, ['--cacert', caFile, '--http1.1'])];
  return {
    ...{ folder, origin, plain, secure, ways, caFile },
    async [Symbol.asyncDispose]() {
      for (const part of [plain, secure, origin, folder]) await part[Symbol.asyncDispose]();
    },
  };
}

const curl = (...args: string[]): Promise<string> =>
  runProcess('curl', ['--silent', '--show-error', '--noproxy', '*', '--max-time', '10', ...args]);

const fieldNames = (origin: IHttpOrigin): string[] =>
  (origin.requests.at(-1)?.fields ?? []).filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());

needs('curl')('curl uploads by length and chunked, asking first or not, and what it sent arrives', async () => {
  await using at = await world();
  const upload = join(at.folder.path, 'upload');
  const bytes = randomBytes(3 << 20);
  await writeFile(upload, bytes);
  // With so much patience for the interim answer, only its coming lets curl end in time.
  const asking = ['--header', 'Expect: 100-continue', '--expect100-timeout', '30'];
  for (const { base, args } of at.ways) {
    for (const how of [
      ['--header', 'Expect:'],
      asking,
      ['--header', 'Transfer-Encoding: chunked', '--header', 'Expect:'],
      ['--header', 'Transfer-Encoding: chunked', ...asking],
    ]) {
      const told = await curl(...args, ...how, '--upload-file', upload, `${base}/upload`);
      expect(told).toEqual(`1.1 PUT /upload ${digest(bytes)}`);
    }
    const form = await curl(...args, '--data-binary', `@${upload}`, `${base}/form`);
    expect(form).toEqual(`1.1 POST /form ${digest(bytes)}`);
  }
});

needs('curl')('curl hears at once that its upload is not wanted', async () => {
  await using at = await world();
  const upload = join(at.folder.path, 'upload');
  await writeFile(upload, Buffer.alloc(40 << 20));
  for (const { base, args } of at.ways) {
    const put = [...args, '--write-out', ' %{http_code} %{size_upload}', '--upload-file', upload, `${base}/refuse`];
    const asking = ['--header', 'Expect: 100-continue', '--expect100-timeout', '30'];
    const [, uploaded] = /^too much 413 (\d+)$/.exec(await curl(...asking, ...put)) ?? [];
    // By HTTP/2 it fills the window before it hears anything.
    if (args.includes('--http1.1') || base.startsWith('http:')) expect(uploaded).toEqual('0');
    expect(Number(uploaded)).toBeLessThan(1 << 20);
    const [, status, bytes] = /^too much (\d+) (\d+)$/.exec(await curl('--header', 'Expect:', ...put)) ?? [];
    expect(status).toEqual('413');
    expect(Number(bytes)).toBeLessThan(40 << 20);
  }
});

needs('curl')('curl gets ranges, heads without contents, and trailers', async () => {
  await using at = await world();
  for (const { base, args } of at.ways) {
    const two = await curl(...args, '--range', '100-199', `${base}/file`, `${base}/file`);
    expect(two).toEqual(file.slice(100, 200) + file.slice(100, 200));
    // One connection for all three: if something followed the head, the next answer would not be one.
    const heads = await curl(...args, '--head', `${base}/file`, '--next', ...args, '--head', `${base}/file`);
    expect(heads.match(/^content-length: 300000/gim)?.length).toEqual(2);
    const heard = join(at.folder.path, 'heard');
    expect(await curl(...args, '--dump-header', heard, `${base}/trailers`)).toEqual('one two');
    expect(await readFile(heard, 'utf8')).toMatch(/\r\n\r\nx-sum: 7\r\n/i);
  }
});

needs('curl')('curl as an HTTP/1.0 client gets answers that its version knows', async () => {
  await using at = await world();
  for (const { base, args } of at.ways) {
    const told = await curl(...args, '--http1.0', '--include', `${base}/trailers`);
    expect(told).toMatch(/one two$/);
    expect(told.toLowerCase()).not.toContain('transfer-encoding');
    expect(await curl(...args, '--http1.0', '--data', 'x', `${base}/a`)).toEqual(`1.1 POST /a ${digest('x')}`);
  }
});

needs('curl')('curl that would rather speak HTTP/2, or takes us for a forward proxy, is served', async () => {
  await using at = await world();
  const name = ['--resolve', `a.test:${at.plain.port}:127.0.0.1`];
  // Without TLS it asks for h2c by an upgrade, which is between it and us alone.
  const url = `http://a.test:${at.plain.port}/up`;
  const told = await curl(...name, '--http2', '--write-out', ' %{http_version}', url);
  expect(told).toEqual(`1.1 GET /up ${digest('')} 1.1`);
  expect(fieldNames(at.origin).filter((field) => field === 'upgrade' || field === 'http2-settings')).toEqual([]);
  const absolute = await runProcess('curl', [
    '--silent',
    '--proxy',
    `http://127.0.0.1:${at.plain.port}`,
    'http://a.test/abs?x',
  ]);
  expect(absolute).toEqual(`1.1 GET /abs?x ${digest('')}`);
  expect(at.origin.requests.at(-1)?.field('host')).toEqual('a.test');
  expect(fieldNames(at.origin)).not.toContain('proxy-connection');
});

needs('curl')('curl asks two hundred times at once and each request has its own answer', async () => {
  await using at = await world();
  for (const { base, args } of at.ways) {
    const told = await curl(...args, '--parallel', '--parallel-max', '20', `${base}/n?[1-200]`);
    const numbers = [...told.matchAll(/1\.1 GET \/n\?(\d+) /g)].map(([, number]) => Number(number));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
  }
});

needs('curl')('curl follows a redirect from HTTP to HTTPS, and unpacks what we compress', async () => {
  const identity = await makeCertificate({ names: ['a.test'] });
  await using folder = await makeFolder();
  const caFile = join(folder.path, 'ca.pem');
  await writeFile(caFile, identity.ca);
  const text = 'so much of the same '.repeat(5_000);
  await using origin = await startHttpOrigin((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': text.length }).end(text);
  });
  await using secure = await startProxy({ routes: [makeHttpsRoute(origin.port, identity, { compression: true })] });
  const to = `https://{domain}:${secure.port}{path}`;
  await using plain = await startProxy({
    routes: [{ name: 'up', match: { ports: 0, path: '/*' }, action: { type: 'redirect', redirect: { to } } }],
  });
  const names = [plain.port, secure.port].flatMap((port) => ['--resolve', `a.test:${port}:127.0.0.1`]);
  const got = await curl(
    ...[...names, '--cacert', caFile, '--location', '--compressed', '--write-out', ' %{http_code} %{size_download}'],
    `http://a.test:${plain.port}/x`,
  );
  const [, status, bytes] = / (\d+) (\d+)$/.exec(got) ?? [];
  expect(got.startsWith(text)).toBeTrue();
  expect(status).toEqual('200');
  expect(Number(bytes)).toBeLessThan(text.length / 10);
});

for (const isTls of [false, true]) {
  needs('wrk')(`wrk finds no error in two seconds of ${isTls ? 'HTTPS' : 'HTTP'}`, async () => {
    const identity = await makeCertificate({ names: ['a.test'] });
    await using origin = await startHttpOrigin((_, response) => response.end('hello'));
    const route = isTls ? makeHttpsRoute(origin.port, identity) : makeHttpRoute(origin.port);
    await using started = await startProxy({ routes: [route] });
    const url = `${isTls ? 'https' : 'http'}://127.0.0.1:${started.port}/`;
    const told = await runProcess('wrk', ['-t', '1', '-c', '16', '-d', '2s', '-H', 'Host: a.test', url]);
    expect(told).not.toMatch(/Socket errors|Non-2xx/);
    const [, answered] = /(\d+) requests in/.exec(told) ?? [];
    expect(Number(answered)).toBeGreaterThan(100);
    // Those that were under way when time was up it does not count.
    expect(origin.requests.length - Number(answered)).toBeGreaterThan(-1);
    expect(origin.requests.length - Number(answered)).toBeLessThan(17);
    expect(origin.accepted).toBeLessThan(17);
  });
}

needs('openssl')('openssl verifies the chain, agrees on HTTP/1.1 and resumes its session', async () => {
  await using at = await world();
  const session = join(at.folder.path, 'session');
  const ask = (...args: string[]) =>
    runProcess(
      'openssl',
      [
        ...['s_client', '-connect', `127.0.0.1:${at.secure.port}`, '-servername', 'a.test', '-CAfile', at.caFile],
        ...['-verify_return_error', '-verify_hostname', 'a.test', '-alpn', 'other,http/1.1', '-ign_eof', ...args],
      ],
      { input: 'GET /s HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n' },
    );
  const first = await ask('-sess_out', session);
  expect(first).toContain('Verify return code: 0 (ok)');
  expect(first).toContain('ALPN protocol: http/1.1');
  expect(first).toContain('New, TLSv1.3');
  expect(first).toContain('1.1 GET /s');
  expect(await ask('-sess_in', session)).toContain('Reused, TLSv1.3');
});

needs('openssl')('openssl is refused with an old version, or a name that nobody serves', async () => {
  const identity = await makeCertificate({ names: ['a.test'] });
  await using origin = await startHttpOrigin();
  const route = makeHttpsRoute(origin.port, identity, {
    tls: { versions: ['TLSv1.3'] },
    match: { ports: 0, domains: 'a.test' },
  });
  await using started = await startProxy({ routes: [route] });
  const refused = async (...args: string[]): Promise<string> => {
    const told = runProcess('openssl', ['s_client', '-connect', `127.0.0.1:${started.port}`, ...args], { input: '' });
    return await told.then(
      () => 'served',
      (error: Error) => error.message,
    );
  };
  expect(await refused('-servername', 'a.test', '-tls1_2')).toMatch(/alert protocol version/);
  expect(await refused('-servername', 'b.test')).toMatch(/no peer certificate available/);
  expect(await refused('-servername', 'a.test')).toEqual('served');
  expect(origin.requests.length).toEqual(0);
});

export default tap.start();
