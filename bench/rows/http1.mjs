// HTTP/1.1, small answers by wrk: CPU time of the proxy for a request.

import { checkHttp } from '../lib/ask.mjs';
import { makeCertificate } from '../lib/certificate.mjs';
import { isInstalled } from '../lib/children.mjs';
import { startHttpOrigin } from '../lib/http-origin.mjs';
import { host } from '../lib/http-plan.mjs';
import { coreShare, pick, takePreparedTurns } from '../lib/turns.mjs';
import { runWrk } from '../lib/wrk.mjs';

const runSeconds = 4;
/** Until V8 has compiled what it runs. */
const warmUpSeconds = 2;

/** What a browser of today sends. */
const browserHeaders = [
  'Connection: keep-alive',
  'sec-ch-ua: "Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'Sec-Fetch-Site: none',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9',
  'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes',
];

export const httpPeers = [
  ...['smartproxy', 'haproxy', 'nginx'],
  ...['http-proxy-3', 'httpxy', 'fast-proxy', 'fastify-http-proxy'],
];

const keepAliveTargets = [
  { against: 'nginx', atMost: 1.6 },
  { against: 'http-proxy-3', atMost: 0.25 },
];

const kinds = [
  { name: 'http1-keepalive', path: '/small', connections: 64, targets: keepAliveTargets },
  { name: 'http1-1k', path: '/1k', connections: 64, targets: keepAliveTargets },
  { name: 'http1-browser', path: '/small', connections: 64, headers: browserHeaders, targets: keepAliveTargets },
  { name: 'http1-close', path: '/small', connections: 32, headers: ['Connection: close'], targets: [] },
  {
    // Fewer, because every run of wrk begins with as many full handshakes.
    ...{ name: 'https1-keepalive', path: '/small', connections: 24, isTls: true },
    targets: [{ against: 'nginx', atMost: 1.6 }],
  },
];

const missing = () =>
  ['wrk', 'nginx', 'openssl'].find((program) => !isInstalled(program))?.concat(' is not installed') ?? null;

async function prepare(kind, { scale }) {
  const { targets: _, headers: _fields, ...amount } = kind;
  const origin = await startHttpOrigin();
  const identity = kind.isTls ? makeCertificate(host) : undefined;
  const load = (port, seconds) => runWrk({ ...kind, port, seconds });
  return {
    amount: { ...amount, seconds: runSeconds * scale },
    makePlan: async () => ({ http: true, target: { host: origin.host, port: origin.port }, identity }),
    async warmUp(port) {
      await checkHttp(port, kind.path, kind.isTls ?? false);
      await load(port, warmUpSeconds);
    },
    work: (port) => load(port, runSeconds * scale),
    dispose: () => origin.dispose(),
  };
}

const makeRow = (kind) => ({
  name: kind.name,
  missing,
  prepare: (context) => prepare(kind, context),
  async run(context) {
    const { amount, runs } = await takePreparedTurns(httpPeers, context, this.prepare);
    return [
      {
        name: kind.name,
        unit: 'us CPU/request',
        samples: pick(runs, (run) => (run.cpuMs * 1_000) / run.done),
        targets: kind.targets,
        details: { amount, runs, coreShare: coreShare(runs) },
      },
    ];
  },
});

export const http1Rows = kinds.map(makeRow);
