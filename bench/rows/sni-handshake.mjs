// SNI passthrough: how much longer a full TLS handshake takes through a proxy than directly, and its CPU time there.

import { makeCertificate } from '../lib/certificate.mjs';
import { isInstalled } from '../lib/children.mjs';
import { makeHello } from '../lib/hello.mjs';
import { available, pick, takeTurns } from '../lib/turns.mjs';

const count = 300;
/** The origin's name is one of this many that the proxy routes. */
const names = Array.from({ length: 20 }, (_, n) => `site-${n}.bench.test`);
const name = names[10];
/** This name's target echoes: visits with nothing but a ClientHello warm a proxy up much quicker than handshakes do. */
const warmName = names[11];
const warmUpCount = 4_000;

export const sniHandshake = {
  name: 'sni-handshake',
  missing: () => (isInstalled('openssl') ? null : 'openssl is not installed (it makes the certificate)'),
  async run(context) {
    const amount = { count: Math.round(count * context.scale), name };
    const { key, cert } = makeCertificate(name);
    const work = (port) => context.load.run('handshake', { ...amount, ca: cert, port });
    const makePlan = async (peer) => {
      const target = await context.load.listen('tls', { key, cert });
      if (peer === 'direct') return { target };
      const echo = await context.load.listen('echo');
      return { byName: names.map((each) => ({ name: each, target: each === warmName ? echo : target })) };
    };
    const hex = makeHello(warmName).toString('hex');
    const warmUp = async (port, peer) => {
      if (peer !== 'direct') await context.load.run('churn', { port, count: warmUpCount, atOnce: 32, hex });
      await work(port);
    };
    const chosen = available(['smartproxy', 'haproxy', 'nginx', 'direct'], context);
    const runs = await takeTurns(chosen, context, { makePlan, warmUp, work });
    const { direct: _, ...proxied } = runs;
    return [
      {
        name: 'sni-handshake',
        unit: 'ms/handshake',
        samples: pick(runs, (run) => run.handshakeMs / run.done),
        targets: [{ against: 'direct', atMost: 1.2 }],
        details: { amount, runs },
      },
      {
        name: 'sni-handshake CPU',
        unit: 'us CPU/handshake',
        samples: pick(proxied, (run) => (run.cpuMs * 1_000) / run.done),
        targets: [],
        details: {},
      },
    ];
  },
};
