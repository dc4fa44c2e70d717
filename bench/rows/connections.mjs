// Many connections at a time, three times over: all are served, and the later rounds leave no more memory behind than
// the first. Garbage is collected before memory is read: when V8 would do that by itself says nothing about leaks.

import { peers } from '../lib/peers.mjs';
import { descriptorLimit, rssOfTree } from '../lib/proc.mjs';
import { available, sleep } from '../lib/turns.mjs';

const amount = { count: 8_000, atOnce: 128 };
const rounds = 3;
const restMs = 2_000;

async function measureOne(peer, context, count) {
  const proxy = await peer.start({ target: await context.load.listen('echo') });
  const runs = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const { alive, wallMs } = await context.load.run('open', { ...amount, count, port: proxy.port });
      const fullKb = rssOfTree(proxy.pid);
      await context.load.run('close', {});
      await sleep(restMs);
      await collectTwice(proxy);
      runs.push({ served: alive, openMs: wallMs, fullKb, afterKb: rssOfTree(proxy.pid) });
    }
  } finally {
    await proxy.dispose();
  }
  return runs;
}

/** V8 gives pages back some time after a collection; the second one finds them given back. */
async function collectTwice(proxy) {
  await proxy.collect?.();
  await sleep(1_000);
  await proxy.collect?.();
}

/** What the worst of the later rounds adds to the first one's memory, as a factor. */
const growth = (runs) => Math.max(...runs.slice(1).map((run) => run.afterKb)) / runs[0].afterKb;

export const connections = {
  name: 'connections-8000',
  missing: () =>
    descriptorLimit() >= amount.count * 2 + 500 ? null : `it needs ${amount.count * 2 + 500} file descriptors`,
  async run(context) {
    const count = Math.round(amount.count * context.scale);
    const names = available(['smartproxy', 'haproxy', 'nginx', 'pipe'], context);
    const runs = {};
    for (const name of names) runs[name] = await measureOne(peers[name], context, count);
    const samples = (figure) => Object.fromEntries(names.map((name) => [name, figure(runs[name])]));
    return [
      {
        name: 'connections-8000 served',
        unit: 'share',
        samples: samples((each) => each.map((run) => run.served / count)),
        targets: [{ atLeast: 1 }],
        details: { amount: { ...amount, count }, runs },
      },
      {
        name: 'connections-8000 memory growth',
        unit: 'rounds 2, 3 / round 1',
        samples: samples((each) => [growth(each)]),
        targets: [{ atMost: 1.05 }],
        details: {},
      },
    ];
  },
};
