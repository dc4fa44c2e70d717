// Uploads over HTTP/1.1: CPU time of the proxy for a GB of request content, by length and chunked.

import { available, coreShare, pick, takeTurns } from '../lib/turns.mjs';
import { httpPeers } from './http1.mjs';

const amount = { connections: 4, perConnection: 60, bytes: 1 << 20 };

async function runOne(framing, context) {
  const perConnection = Math.round(amount.perConnection * context.scale);
  const chunked = framing === 'chunked';
  const work = (port) => context.load.run('upload', { ...amount, perConnection, chunked, port });
  const makePlan = async () => ({ http: true, target: await context.load.listen('upload') });
  const names = available(httpPeers, context);
  const runs = await takeTurns(names, context, { makePlan, warmUp: work, work });
  return {
    name: `http1-upload ${framing}`,
    unit: 'ms CPU/GB',
    samples: pick(runs, (run) => run.cpuMs / (run.bytes / 1e9)),
    targets: [],
    details: { amount: { ...amount, perConnection }, runs, coreShare: coreShare(runs) },
  };
}

export const http1Upload = {
  name: 'http1-upload',
  async run(context) {
    return [await runOne('length', context), await runOne('chunked', context)];
  },
};
