// TLS termination: CPU time of the proxy for a full handshake.

import { makeCertificate } from '../lib/certificate.mjs';
import { isInstalled } from '../lib/children.mjs';
import { host } from '../lib/http-plan.mjs';
import { pick, takePreparedTurns } from '../lib/turns.mjs';

const count = 400;
/** Of npm's proxies one stands for all: the handshake is Node's. */
const names = ['smartproxy', 'haproxy', 'nginx', 'http-proxy-3'];

async function prepare({ load, scale }) {
  const amount = { count: Math.round(count * scale), name: host };
  const identity = makeCertificate(host);
  const work = (port) => load.run('handshake', { ...amount, ca: identity.cert, port });
  const makePlan = async () => ({ http: true, target: await load.listen('upload'), identity });
  return { amount, makePlan, warmUp: work, work };
}

export const httpsHandshake = {
  name: 'https-handshake',
  missing: () => (isInstalled('openssl') ? null : 'openssl is not installed (it makes the certificate)'),
  prepare,
  async run(context) {
    const { amount, runs } = await takePreparedTurns(names, context, prepare);
    return [
      {
        name: 'https-handshake',
        unit: 'us CPU/handshake',
        samples: pick(runs, (run) => (run.cpuMs * 1_000) / run.done),
        targets: [],
        details: { amount, runs },
      },
    ];
  },
};
