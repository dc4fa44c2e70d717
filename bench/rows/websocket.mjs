// WebSocket tunnels: CPU time of the proxy for a small message there and one back.

import { coreShare, pick, takePreparedTurns } from '../lib/turns.mjs';

const amount = { connections: 64, perConnection: 600 };
/** fast-proxy takes no upgrades. */
const names = ['smartproxy', 'haproxy', 'nginx', 'http-proxy-3', 'httpxy', 'fastify-http-proxy'];

async function prepare({ load, scale }) {
  const perConnection = Math.round(amount.perConnection * scale);
  const work = (port) => load.run('webSocket', { ...amount, perConnection, port });
  const makePlan = async () => ({ http: true, target: await load.listen('webSocket') });
  return { amount: { ...amount, perConnection }, makePlan, warmUp: work, work };
}

export const websocket = {
  name: 'websocket',
  prepare,
  async run(context) {
    const { amount: done, runs } = await takePreparedTurns(names, context, prepare);
    return [
      {
        name: 'websocket',
        unit: 'us CPU/message pair',
        samples: pick(runs, (run) => (run.cpuMs * 1_000) / run.done),
        targets: [{ against: 'haproxy', atMost: 1.5 }],
        details: { amount: done, runs, coreShare: coreShare(runs) },
      },
    ];
  },
};
