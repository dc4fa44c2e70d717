// Uploads over HTTP/1.1: CPU time of the proxy for a GB of request content, by length and chunked.

import { coreShare, pick, takePreparedTurns } from '../lib/turns.mjs';
import { httpPeers } from './http1.mjs';

const amount = { connections: 4, perConnection: 60, bytes: 1 << 20 };

async function prepare(framing, { load, scale }) {
  const perConnection = Math.round(amount.perConnection * scale);
  const chunked = framing === 'chunked';
  const work = (port) => load.run('upload', { ...amount, perConnection, chunked, port });
  const makePlan = async () => ({ http: true, target: await load.listen('upload') });
  return { amount: { ...amount, perConnection }, makePlan, warmUp: work, work };
}

const makeRow = (framing) => ({
  name: `http1-upload-${framing}`,
  prepare: (context) => prepare(framing, context),
  async run(context) {
    const { amount: done, runs } = await takePreparedTurns(httpPeers, context, this.prepare);
    return [
      {
        name: this.name,
        unit: 'ms CPU/GB',
        samples: pick(runs, (run) => run.cpuMs / (run.bytes / 1e9)),
        targets: [],
        details: { amount: done, runs, coreShare: coreShare(runs) },
      },
    ];
  },
});

export const http1Uploads = ['length', 'chunked'].map(makeRow);
