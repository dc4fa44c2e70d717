// forward: the last stage. One file for each way to serve a connection, chosen here by the route's action.

import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { forwardDirect } from './direct.js';
import { runSocketHandler } from './socket-handler.js';

/** Takes over an admitted connection; from here on only its end comes back. */
export function forward(admitted: IAdmitted, deps: IForwardDeps): void {
  const { action } = admitted.route;
  switch (action.type) {
    case 'forward':
      return forwardDirect(admitted, deps);
    case 'socket-handler':
      return runSocketHandler(admitted, action, deps);
    case 'block':
      deps.connections.cleanupConnection(admitted.connection, 'route_blocked');
  }
}
