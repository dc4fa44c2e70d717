// What the parts of a worker have in common.

import type { IToPrimary, IToWorker } from './topics.js';
import type { THandlers, Wire } from './wire.js';

export type TToPrimaryWire = Wire<IToPrimary, IToWorker>;
export type TWorkerHandlers = THandlers<IToWorker>;
