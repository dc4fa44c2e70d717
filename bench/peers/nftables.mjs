// Our proxy on the router of the row `nftables`: one route, by the kernel or by this process.

import { SmartProxy } from '../../dist_ts/index.js';

const engine = process.argv[2];
const ports = engine === 'nftables' ? 5301 : 5302;

const proxy = new SmartProxy({
  routes: [
    {
      name: 'bench',
      match: { ports },
      action: { type: 'forward', target: { host: '10.78.1.2', port: 5201 }, forwardingEngine: engine },
    },
  ],
});
await proxy.start();
process.send('ready');
