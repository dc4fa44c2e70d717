// What ProxyWorkers runs in each of its processes.

import { runWorker } from './worker-main.js';

runWorker();
