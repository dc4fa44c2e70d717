// Forwards TLS that the target terminates: nothing is decrypted, the ClientHello goes first, byte for byte.

import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { splice } from './splice.js';

export function passThroughHttps(admitted: IAdmitted, deps: IForwardDeps): void {
  splice(admitted, admitted.connection.incoming, deps);
}
