// Our proxy, as a program of its own.

import { SmartProxy } from '../../dist_ts/index.js';

const { port, routes } = JSON.parse(process.argv[2]);

const proxy = new SmartProxy({ routes, listenAddress: '127.0.0.1' });
await proxy.start();
process.send({ port: port || proxy.getListeningPorts()[0] });
// An orderly exit, so that a profile is written.
process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());
