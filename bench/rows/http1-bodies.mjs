// Larger answers over HTTP/1.1: CPU time of the proxy for a GB, and what goes through one core.

import { checkHttp } from '../lib/ask.mjs';
import { isInstalled } from '../lib/children.mjs';
import { sizes, startHttpOrigin } from '../lib/http-origin.mjs';
import { coreShare, pick, takePreparedTurns } from '../lib/turns.mjs';
import { httpPeers } from './http1.mjs';

const kinds = [
  { name: 'http1-body-100k', path: '/100k', connections: 16, perConnection: 400 },
  { name: 'http1-body-10m', path: '/10m', connections: 4, perConnection: 20 },
];

async function prepare(kind, { load, scale }) {
  const amount = { ...kind, perConnection: Math.round(kind.perConnection * scale), bytes: sizes[kind.path] };
  const { host, port: targetPort, dispose } = await startHttpOrigin();
  const work = (port) => load.run('download', { ...amount, port });
  const warmUp = async (port) => {
    await checkHttp(port, kind.path, false);
    await work(port);
  };
  const makePlan = async () => ({ http: true, target: { host, port: targetPort } });
  return { amount, makePlan, warmUp, work, dispose };
}

const makeRow = (kind) => ({
  name: kind.name,
  missing: () => (isInstalled('nginx') ? null : 'nginx is not installed (it is the target)'),
  prepare: (context) => prepare(kind, context),
  async run(context) {
    const { amount, runs } = await takePreparedTurns(httpPeers, context, this.prepare);
    return [
      {
        ...{ name: kind.name, unit: 'Gbit/s', targets: [] },
        samples: pick(runs, (each) => (each.bytes * 8) / each.wallMs / 1e6),
        details: { amount, runs, coreShare: coreShare(runs) },
      },
      {
        ...{ name: `${kind.name} CPU`, unit: 'ms CPU/GB', targets: [] },
        samples: pick(runs, (each) => each.cpuMs / (each.bytes / 1e9)),
        details: {},
      },
    ];
  },
});

export const http1Bodies = kinds.map(makeRow);
