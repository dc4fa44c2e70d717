// Forwards what was inside the client's TLS to a target that speaks TLS too: the dial lays it over the socket and verifies it.

import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { splice } from './splice.js';

/** Some of the targets may be plain: each is dialed as its own settings say. */
export function forwardTerminatedToTls(admitted: IAdmitted, deps: IForwardDeps): void {
  splice(admitted, admitted.connection.clear, deps);
}
