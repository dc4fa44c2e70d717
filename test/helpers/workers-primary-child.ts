// The primary of a few workers, in a process of its own that can be killed. It tells its port and the ids of its workers.

import { type ISmartProxyOptions, ProxyWorkers } from '../../ts/index.js';
import { workerRun } from './start-workers.js';

const config = JSON.parse(process.argv[2] ?? '{}') as ISmartProxyOptions;
const workers = new ProxyWorkers({ config, workers: 2, ...workerRun });
await workers.start();
process.send?.({ port: workers.getListeningPorts()[0], pids: workers.getWorkers().map(({ pid }) => pid) });
// Signals of the group are for the workers to ignore.
process.on('SIGINT', () => {});
