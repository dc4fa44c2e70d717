// Chromium loads a page with its assets, events and a WebSocket through a route that terminates TLS, and tells what it saw.

import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import { makeCertificate } from '../helpers/certificates.js';
import { needs } from '../helpers/debian.js';
import { type IHttpOrigin, startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpsRoute } from '../helpers/http-routes.js';
import { makeFolder } from '../helpers/make-folder.js';
import { reportsOf } from '../helpers/requests.js';
import { startProcess } from '../helpers/rig-process.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

const tens = Array.from({ length: 10 }, (_, n) => n);
const upload = 300_000;

/** What the page finds out, and posts to `/report`. */
interface IReport {
  readonly scripts: number;
  readonly styles: string[];
  readonly images: number[];
  readonly events: string[];
  readonly socket: (string | number)[];
  readonly uploaded: string;
  readonly streamed: number;
  readonly status: number;
  readonly protocol: string;
}

/** What runs in the page. It is text for Chromium: nothing of this file is there. */
const pageScript = `
  const loaded = new Promise((resolve) => addEventListener('load', resolve));
  const events = new Promise((resolve, reject) => {
    const source = new EventSource('/events');
    const seen = [];
    source.onerror = () => reject(new Error('events'));
    source.addEventListener('tick', ({ data }) => {
      seen.push(data);
      // The next one is sent when this one has arrived: nothing may keep it back until more comes.
      fetch('/tick', { method: 'POST' });
      if (data === '2') { source.close(); resolve(seen); }
    });
  });
  const socket = new Promise((resolve, reject) => {
    const opened = new WebSocket('wss://' + location.host + '/socket');
    const seen = [];
    opened.onerror = () => reject(new Error('socket'));
    opened.onopen = () => { seen.push(opened.protocol); opened.send('hello'); };
    opened.onmessage = async ({ data }) => {
      seen.push(typeof data === 'string' ? data : data.size);
      if (typeof data === 'string') opened.send(new Uint8Array(70000));
      else opened.send('bye');
    };
    opened.onclose = ({ code, reason }) => resolve([...seen, code, reason]);
  });
  const uploaded = fetch('/upload', { method: 'POST', body: 'u'.repeat(${upload}) }).then((answer) => answer.text());
  const streamed = fetch('/stream').then(async ({ body }) => {
    let bytes = 0;
    for (let reader = body.getReader(), part; !(part = await reader.read()).done; ) bytes += part.value.length;
    return bytes;
  });
  const status = fetch('/nowhere').then((answer) => answer.status);
  const report = async () => {
    await loaded;
    const [entry] = performance.getEntriesByType('navigation');
    return {
      scripts: globalThis.scripts,
      styles: ${JSON.stringify(tens)}.map((n) => getComputedStyle(document.getElementById('style' + n)).width),
      images: [...document.images].map((image) => image.naturalWidth),
      events: await events,
      socket: await socket,
      uploaded: await uploaded,
      streamed: await streamed,
      status: await status,
      protocol: entry.nextHopProtocol,
    };
  };
  report().catch((error) => ({ failed: String(error) })).then((body) => {
    navigator.sendBeacon('/report', JSON.stringify(body));
  });
`;

const page = `<!doctype html><title>assets</title><script>globalThis.scripts = 0</script>
${tens.map((n) => `<link rel="stylesheet" href="/style/${n}.css"><script src="/script/${n}.js"></script>`).join('\n')}
<body>
${tens.map((n) => `<p id="style${n}"></p><img src="/image/${n}.svg">`).join('\n')}
<script>${pageScript}</script>`;

/** Wide enough to tell which one it is. */
const picture = (n: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${100 + Number(n)}" height="10"><!-- ${'.'.repeat(5_000)} --></svg>`;

interface IPage extends IHttpOrigin {
  readonly report: Promise<IReport>;
}

/** Every asset has its type, as browsers insist. */
async function startPage(): Promise<IPage> {
  let ticks = 0;
  let events: ServerResponse | null = null;
  let resolve = (_: IReport): void => {};
  const report = new Promise<IReport>((told) => {
    resolve = told;
  });
  const tick = () => events?.write(`event: tick\ndata: ${ticks++}\n\n`);
  const answers: Readonly<Record<string, (n: string, request: IncomingMessage, response: ServerResponse) => unknown>> =
    {
      '': (_, _request, response) => send(response, 'text/html', page),
      style: (n, _, response) => send(response, 'text/css', `#style${n} { width: ${200 + Number(n)}px }`),
      script: (_, _request, response) =>
        send(response, 'text/javascript', `globalThis.scripts++; // ${'.'.repeat(20_000)}`),
      image: (n, _, response) => send(response, 'image/svg+xml', picture(n)),
      events: (_, _request, response) => {
        events = response.writeHead(200, { 'content-type': 'text/event-stream' });
        tick();
      },
      tick: (_, _request, response) => {
        if (ticks < 3) tick();
        response.writeHead(204).end();
      },
      stream: (_, _request, response) => {
        for (const n of tens) response.write(String(n).repeat(50_000));
        response.end();
      },
    };
  const origin = await startHttpOrigin((request, response, seen) => {
    const [, kind = '', n = ''] = /^\/([a-z]*)\/?(\d*)/.exec(request.url ?? '') ?? [];
    request.on('end', () => {
      if (kind === 'upload') return response.end(createHash('sha256').update(seen.body).digest('hex'));
      if (kind === 'report') resolve(JSON.parse(seen.body.toString()) as IReport);
      const answer = answers[kind];
      return answer ? answer(n, request, response) : response.writeHead(404).end();
    });
  });
  const sockets = new WebSocketServer({ server: origin.server, path: '/socket' });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      if (String(data) === 'bye') socket.close(4000, 'goodbye');
      else socket.send(data, { binary: isBinary });
    });
  });
  return Object.defineProperties(
    { ...origin, report },
    {
      accepted: { get: () => origin.accepted },
      open: { get: () => origin.open },
    },
  ) as IPage;
}

const send = (response: ServerResponse, type: string, text: string): unknown =>
  response.writeHead(200, { 'content-type': type }).end(text);

/** Chromium's name for a certificate that is to be trusted: the hash of its key. */
function pinOf(cert: string): string {
  const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64');
}

/** Connections that Chromium may open: six to a host by HTTP/1.1, one for a WebSocket, and sometimes one ahead of need. */
const versions = [
  { protocol: 'http/1.1', alpn: ['http/1.1'], connections: 11 },
  { protocol: 'h2', alpn: ['h2', 'http/1.1'], connections: 3 },
] as const;

for (const { protocol, alpn, connections } of versions)
  needs('chromium')(`Chromium loads a page with all that belongs to it by ${protocol}`, async () => {
    const identity = await makeCertificate({ names: ['a.test'] });
    await using origin = await startPage();
    await using folder = await makeFolder();
    await using started = await startProxy({
      routes: [makeHttpsRoute(origin.port, identity, { tls: { alpn: [...alpn] } })],
      settleMs: 5_000,
    });
    const reports = reportsOf(started);
    await using browser = await startProcess(
      'chromium',
      [
        ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...['--disable-breakpad', '--disable-background-networking', '--disable-component-update', '--no-proxy-server'],
        ...[`--user-data-dir=${folder.path}/profile`, '--remote-debugging-port=0'],
        `--host-resolver-rules=MAP a.test 127.0.0.1:${started.port}`,
        `--ignore-certificate-errors-spki-list=${pinOf(identity.cert)}`,
        'https://a.test/',
      ],
      { env: { ...process.env, HOME: folder.path } },
    );
    const early = browser.ended.then((end) => {
      throw new Error(`Chromium ended with ${end}: ${browser.output()}`);
    });
    early.catch(() => {});
    const late = once(AbortSignal.timeout(40_000), 'abort').then(() => {
      const asked = origin.requests.map(({ url }) => url).join(' ');
      throw new Error(`no report; asked for ${asked}; ${browser.output()}`);
    });
    late.catch(() => {});
    const report = await Promise.race([origin.report, early, late]);
    // RFC 8441: as a stream among the others.
    const socket = reports.all.find(({ path }) => path === '/socket');
    expect([socket?.version, socket?.status]).toEqual(protocol === 'h2' ? ['2', 200] : ['1.1', 101]);
    expect(report).toEqual({
      scripts: 10,
      styles: tens.map((n) => `${200 + n}px`),
      images: tens.map((n) => 100 + n),
      events: ['0', '1', '2'],
      socket: ['', 'hello', 70_000, 4000, 'goodbye'],
      uploaded: createHash('sha256').update('u'.repeat(upload)).digest('hex'),
      streamed: 500_000,
      status: 404,
      protocol,
    });
    // That more than thirty requests needed no more says that we kept them open.
    expect(started.proxy.getMetrics().totals.connections).toBeLessThan(connections + 1);
    browser.signal('SIGTERM');
    await browser.ended;
  });

export default tap.start();
