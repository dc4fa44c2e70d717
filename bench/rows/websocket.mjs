// WebSocket tunnels: CPU time of the proxy for a small message there and one back.

import { available, coreShare, pick, takeTurns } from '../lib/turns.mjs';

const amount = { connections: 64, perConnection: 600 };
/** fast-proxy takes no upgrades. */
const names = ['smartproxy', 'haproxy', 'nginx', 'http-proxy-3', 'httpxy', 'fastify-http-proxy'];

export const websocket = {
  name: 'websocket',
  async run(context) {
    const perConnection = Math.round(amount.perConnection * context.scale);
    const work = (port) => context.load.run('webSocket', { ...amount, perConnection, port });
    const makePlan = async () => ({ http: true, target: await context.load.listen('webSocket') });
    const runs = await takeTurns(available(names, context), context, { makePlan, warmUp: work, work });
    return [
      {
        name: 'websocket',
        unit: 'us CPU/message pair',
        samples: pick(runs, (run) => (run.cpuMs * 1_000) / run.done),
        targets: [{ against: 'haproxy', atMost: 1.5 }],
        details: { amount: { ...amount, perConnection }, runs, coreShare: coreShare(runs) },
      },
    ];
  },
};
