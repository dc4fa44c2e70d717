// Memory of the proxy for a connection that has been used once and is silent now.

import { peers } from '../lib/peers.mjs';
import { rssOfTree } from '../lib/proc.mjs';
import { available, sleep } from '../lib/turns.mjs';

const amount = { count: 4_000, atOnce: 64 };
/** Opened and closed first, so that what a proxy allocates once is not counted. */
const warmUpCount = 200;
/** Until memory has come to rest, ms. */
const restMs = 1_500;

/** A fresh process each time: a second visit would find the memory of the first. */
async function measureOne(peer, context, count) {
  const proxy = await peer.start({ target: await context.load.listen('echo') });
  try {
    await context.load.run('open', { ...amount, count: warmUpCount, port: proxy.port });
    await context.load.run('close', {});
    await sleep(restMs);
    const emptyKb = rssOfTree(proxy.pid);
    const { alive } = await context.load.run('open', { ...amount, count, port: proxy.port });
    await sleep(restMs);
    const fullKb = rssOfTree(proxy.pid);
    if (alive !== count) throw new Error(`${count - alive} of ${count} connections were lost`);
    return { emptyKb, fullKb, perConnectionKb: (fullKb - emptyKb) / count };
  } finally {
    await context.load.run('close', {});
    await proxy.dispose();
  }
}

export const idleMemory = {
  name: 'idle-memory',
  async run(context) {
    const count = Math.round(amount.count * context.scale);
    const names = available(['smartproxy', 'haproxy', 'nginx', 'pipe'], context);
    const runs = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = 0; round < Math.min(3, context.rounds); round++) {
      for (const name of names) runs[name].push(await measureOne(peers[name], context, count));
    }
    return [
      {
        name: 'idle-memory',
        unit: 'kB/connection',
        samples: Object.fromEntries(names.map((name) => [name, runs[name].map((run) => run.perConnectionKb)])),
        targets: [{ atMost: 14 }],
        details: { amount: { ...amount, count }, runs },
      },
    ];
  },
};
