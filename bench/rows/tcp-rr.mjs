// TCP passthrough, request and response: CPU time of the proxy for a small message there and back.

import { available, coreShare, pick, takeTurns } from '../lib/turns.mjs';

const amount = { connections: 64, perConnection: 600, bytes: 128 };

export const tcpRr = {
  name: 'tcp-rr',
  async run(context) {
    const perConnection = amount.perConnection * context.scale;
    const work = (port) => context.load.run('requestResponse', { ...amount, perConnection, port });
    const names = available(['smartproxy', 'haproxy', 'nginx', 'pipe'], context);
    const makePlan = async () => ({ target: await context.load.listen('echo') });
    const runs = await takeTurns(names, context, { makePlan, warmUp: work, work });
    return [
      {
        name: 'tcp-rr',
        unit: 'us CPU/request',
        samples: pick(runs, (run) => (run.cpuMs * 1_000) / run.done),
        targets: [{ against: 'haproxy', atMost: 1.5 }],
        details: { amount: { ...amount, perConnection }, runs, coreShare: coreShare(runs) },
      },
    ];
  },
};
