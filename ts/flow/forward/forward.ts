// forward: the last stage. One file for each way to serve a connection's bytes, chosen here by the route's action.

import type { IResolvedRoute } from '../../config/resolved.js';
import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { forwardDirect } from './direct.js';
import { passThroughHttps } from './https-passthrough-handler.js';
import { forwardTerminatedToPlain } from './https-terminate-to-http-handler.js';
import { forwardTerminatedToTls } from './https-terminate-to-https-handler.js';
import { runSocketHandler } from './socket-handler.js';

/** Takes over an admitted connection; from here on only its end comes back. */
export function forward(admitted: IAdmitted, deps: IForwardDeps): void {
  const { action } = admitted.route;
  switch (action.type) {
    case 'forward':
      return handlerFor(admitted.route)(admitted, deps);
    case 'socket-handler':
      return runSocketHandler(admitted, action, deps);
    case 'block':
      return void deps.connections.cleanupConnection(admitted.connection, 'route_blocked');
    default:
      // The others answer requests, and the HTTP engine has those; the matcher brings no bytes here.
      deps.connections.cleanupConnection(admitted.connection, 'no_route');
  }
}

function handlerFor({ tls, match, action }: IResolvedRoute): (admitted: IAdmitted, deps: IForwardDeps) => void {
  if (tls === null) return match.protocol === 'tls' ? passThroughHttps : forwardDirect;
  const reencrypts = action.type === 'forward' && action.targets.some((target) => target.tls !== null);
  return reencrypts ? forwardTerminatedToTls : forwardTerminatedToPlain;
}
