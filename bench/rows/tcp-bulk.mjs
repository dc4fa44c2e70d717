// TCP passthrough, bulk: throughput through one core, and CPU time of the proxy for a GB, in both directions.

import { available, coreShare, pick, takeTurns } from '../lib/turns.mjs';

const amount = { streams: 4, bytes: 240e6 };

const directions = [
  { name: 'down', kind: 'source', work: 'receive' },
  { name: 'up', kind: 'sink', work: 'send' },
];

async function runOne(direction, context) {
  const bytes = Math.round(amount.bytes * context.scale);
  const work = (port) => context.load.run(direction.work, { ...amount, bytes, port });
  const warmUp = (port) => context.load.run(direction.work, { ...amount, bytes: Math.round(bytes / 4), port });
  const names = available(['smartproxy', 'haproxy', 'nginx', 'pipe', 'direct'], context);
  const makePlan = async () => ({ target: await context.load.listen(direction.kind) });
  const runs = await takeTurns(names, context, { makePlan, warmUp, work });
  const details = { amount: { ...amount, bytes }, runs, coreShare: coreShare(runs) };
  const { direct: _, ...proxied } = runs;
  return [
    {
      name: `tcp-bulk ${direction.name}`,
      unit: 'Gbit/s',
      samples: pick(runs, (run) => (run.done * 8) / run.wallMs / 1e6),
      targets: [{ against: 'haproxy', atLeast: 0.9 }],
      details,
    },
    {
      name: `tcp-bulk ${direction.name} CPU`,
      unit: 'ms CPU/GB',
      samples: pick(proxied, (run) => run.cpuMs / (run.done / 1e9)),
      targets: [],
      details: {},
    },
  ];
}

export const tcpBulk = {
  name: 'tcp-bulk',
  async run(context) {
    const results = [];
    for (const direction of directions) results.push(...(await runOne(direction, context)));
    return results;
  },
};
