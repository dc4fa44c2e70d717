// Our proxy, as a program of its own.

import { SmartProxy } from '../../dist_ts/index.js';
import { answerBenchmark } from './answer.mjs';

const { port, routes, http } = JSON.parse(process.argv[2]);

const proxy = new SmartProxy({ routes, http, listenAddress: '127.0.0.1' });
await proxy.start();
process.send({ port: port || proxy.getListeningPorts()[0] });
answerBenchmark();
