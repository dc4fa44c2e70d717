// Forwards what was inside the client's TLS, whatever protocol it is, to a target that speaks it plainly.

import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { splice } from './splice.js';

export function forwardTerminatedToPlain(admitted: IAdmitted, deps: IForwardDeps): void {
  splice(admitted, admitted.connection.clear, deps);
}
