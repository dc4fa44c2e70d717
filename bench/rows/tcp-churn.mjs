// TCP connection churn: CPU time of the proxy for a connection that comes, asks once and goes.

import { available, coreShare, pick, takeTurns } from '../lib/turns.mjs';

// All rounds together stay below the number of ephemeral ports (28 232 by default): a port may wait a minute.
const amount = { count: 4_000, atOnce: 32 };

export const tcpChurn = {
  name: 'tcp-churn',
  async run(context) {
    const count = Math.round(amount.count * context.scale);
    const work = (port) => context.load.run('churn', { ...amount, count, port });
    const names = available(['smartproxy', 'haproxy', 'nginx', 'pipe'], context);
    const makePlan = async () => ({ target: await context.load.listen('echo') });
    const runs = await takeTurns(names, context, { makePlan, warmUp: work, work });
    const onNode20 = process.versions.node.startsWith('20.');
    return [
      {
        name: 'tcp-churn',
        unit: 'us CPU/connection',
        samples: pick(runs, (run) => (run.cpuMs * 1_000) / run.done),
        targets: [{ against: 'haproxy', atMost: onNode20 ? 3 : 2.5 }],
        details: { amount: { ...amount, count }, runs, coreShare: coreShare(runs) },
      },
    ];
  },
};
