// TCP passthrough, request and response: CPU time of the proxy for a small message there and back.

import { coreShare, pick, takePreparedTurns } from '../lib/turns.mjs';

const amount = { connections: 64, perConnection: 600, bytes: 128 };

async function prepare({ load, scale }) {
  const perConnection = Math.round(amount.perConnection * scale);
  const work = (port) => load.run('requestResponse', { ...amount, perConnection, port });
  const makePlan = async () => ({ target: await load.listen('echo') });
  return { amount: { ...amount, perConnection }, makePlan, warmUp: work, work };
}

export const tcpRr = {
  name: 'tcp-rr',
  prepare,
  async run(context) {
    const { amount: done, runs } = await takePreparedTurns(
      ['smartproxy', 'haproxy', 'nginx', 'pipe'],
      context,
      prepare,
    );
    return [
      {
        name: 'tcp-rr',
        unit: 'us CPU/request',
        samples: pick(runs, (run) => (run.cpuMs * 1_000) / run.done),
        targets: [{ against: 'haproxy', atMost: 1.5 }],
        details: { amount: done, runs, coreShare: coreShare(runs) },
      },
    ];
  },
};
