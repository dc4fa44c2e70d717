// Our proxy in several processes, as a program of its own.

import { ProxyWorkers } from '../../dist_ts/index.js';
import { answerBenchmark } from './answer.mjs';

const { routes, http, workers } = JSON.parse(process.argv[2]);

const group = new ProxyWorkers({ config: { routes, http, listenAddress: '127.0.0.1' }, workers });
await group.start();
process.send({ port: group.getListeningPorts()[0], workers: group.getWorkers().map(({ pid }) => pid) });
answerBenchmark();
