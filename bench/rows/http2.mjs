// HTTP/2, small answers by h2load: CPU time of the proxy for a request. The target speaks HTTP/1.1, that of gRPC HTTP/2.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkHttp } from '../lib/ask.mjs';
import { makeCertificate } from '../lib/certificate.mjs';
import { isInstalled } from '../lib/children.mjs';
import { runH2load } from '../lib/h2load.mjs';
import { startGrpcOrigin, startHttpOrigin } from '../lib/http-origin.mjs';
import { host } from '../lib/http-plan.mjs';
import { coreShare, pick, takePreparedTurns } from '../lib/turns.mjs';

const runSeconds = 4;
/** Until V8 has compiled what it runs. */
const warmUpSeconds = 3;

const kinds = [
  { name: 'h2', path: '/small', connections: 8, streams: 16, isTls: true },
  { name: 'h2c', path: '/small', connections: 8, streams: 16, isTls: false },
  // Unary calls, to targets of HTTP/2.
  { name: 'grpc', path: '/bench.Echo/Say', connections: 8, streams: 16, isTls: false, grpc: true },
];

const missing = () =>
  ['h2load', 'nginx', 'openssl'].find((program) => !isInstalled(program))?.concat(' is not installed') ?? null;

async function prepare(kind, { scale }) {
  const { grpc = false } = kind;
  const origin = await (grpc ? startGrpcOrigin() : startHttpOrigin());
  const identity = kind.isTls ? makeCertificate(host) : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'smartproxy-bench-'));
  const call = grpc
    ? { headers: ['content-type: application/grpc', 'te: trailers'], content: join(folder, 'call') }
    : {};
  // A message of 60 octets behind its prefix.
  if (grpc) await writeFile(call.content, Buffer.concat([Buffer.from([0, 0, 0, 0, 60]), Buffer.alloc(60, 'm')]));
  const load = (port, seconds) => runH2load({ ...kind, ...call, port, seconds });
  return {
    amount: { ...kind, seconds: runSeconds * scale },
    makePlan: async () => ({
      http: true,
      http2: true,
      grpc,
      target: { host: origin.host, port: origin.port },
      identity,
    }),
    async warmUp(port) {
      // What each does with a request shows by HTTP/1.1, too; nginx has no port for both without TLS.
      if (kind.isTls) await checkHttp(port, kind.path, true);
      await load(port, warmUpSeconds);
    },
    work: (port) => load(port, runSeconds * scale),
    async dispose() {
      await origin.dispose();
      await rm(folder, { recursive: true });
    },
  };
}

const makeRow = (kind) => ({
  name: kind.name,
  missing,
  prepare: (context) => prepare(kind, context),
  async run(context) {
    // The target answers calls before it has read them: right, and an error of some calls to nginx as a proxy.
    const peers = kind.grpc ? ['smartproxy', 'haproxy'] : ['smartproxy', 'haproxy', 'nginx'];
    const { amount, runs } = await takePreparedTurns(peers, context, this.prepare);
    return [
      {
        name: kind.name,
        unit: 'us CPU/request',
        samples: pick(runs, (run) => (run.cpuMs * 1_000) / run.done),
        targets: kind.grpc ? [] : [{ against: 'nginx', atMost: 1.7 }],
        details: { amount, runs, coreShare: coreShare(runs) },
      },
    ];
  },
});

export const http2Rows = kinds.map(makeRow);
