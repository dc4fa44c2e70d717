// Forwards plain TCP: the client's bytes reach the target as they came.

import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { splice } from './splice.js';

export function forwardDirect(admitted: IAdmitted, deps: IForwardDeps): void {
  splice(admitted, admitted.connection.incoming, deps);
}
