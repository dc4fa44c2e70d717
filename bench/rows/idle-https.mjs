// Memory of the proxy for a connection over TLS that asked once and is silent now: by HTTP/2 and by HTTP/1.1.

import { makeCertificate } from '../lib/certificate.mjs';
import { isInstalled } from '../lib/children.mjs';
import { startHttpOrigin } from '../lib/http-origin.mjs';
import { host } from '../lib/http-plan.mjs';
import { peers } from '../lib/peers.mjs';
import { rssOfTree } from '../lib/proc.mjs';
import { available, sleep } from '../lib/turns.mjs';

const amount = { count: 2_000, atOnce: 16 };
/** Opened and closed first, so that what a proxy allocates once is not counted. */
const warmUpCount = 300;
/** Until memory has come to rest, ms. */
const restMs = 1_500;

/** A fresh process each time: a second visit would find the memory of the first. */
async function measureOne(name, context, { protocol, count, plan }) {
  const proxy = await peers[name].start({ ...plan, http2: protocol === 'h2' });
  const wish = { ...amount, port: proxy.port, ca: plan.identity.cert, protocol };
  try {
    await context.load.run('openHttps', { ...wish, count: warmUpCount });
    await context.load.run('closeHttps', {});
    await sleep(restMs);
    const emptyKb = rssOfTree(proxy.pid);
    const { alive } = await context.load.run('openHttps', { ...wish, count });
    await sleep(restMs);
    const fullKb = rssOfTree(proxy.pid);
    if (alive !== count) throw new Error(`${name}: ${count - alive} of ${count} connections were lost`);
    return { emptyKb, fullKb, perConnectionKb: (fullKb - emptyKb) / count };
  } finally {
    await context.load.run('closeHttps', {});
    await proxy.dispose();
  }
}

async function runOne(protocol, context) {
  const count = Math.round(amount.count * context.scale);
  const names = available(['smartproxy', 'haproxy', 'nginx'], context);
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  const origin = await startHttpOrigin();
  const plan = { http: true, target: { host: origin.host, port: origin.port }, identity: makeCertificate(host) };
  try {
    for (let round = 0; round < Math.min(3, context.rounds); round++) {
      for (const name of names) runs[name].push(await measureOne(name, context, { protocol, count, plan }));
    }
  } finally {
    await origin.dispose();
  }
  return {
    name: `idle-${protocol === 'h2' ? 'h2' : 'https1'}`,
    unit: 'kB/connection',
    samples: Object.fromEntries(names.map((name) => [name, runs[name].map((run) => run.perConnectionKb)])),
    targets: [],
    details: { amount: { ...amount, count, protocol }, runs },
  };
}

export const idleHttps = {
  name: 'idle-https',
  missing: () => (isInstalled('openssl') && isInstalled('nginx') ? null : 'openssl or nginx is not installed'),
  run: async (context) => [await runOne('h2', context), await runOne('http/1.1', context)],
};
