// What the data plane reports. Implemented by observe/ and by SmartProxy's events; a report must neither throw nor block.

import type { Connection } from './connection.js';
import type { TEnd } from './ends.js';

export interface IFlowObserver {
  /** A record was made; the address is the peer's, a PROXY header may still change it. */
  connectionOpened(connection: Connection): void;
  /** Its route is known and the guard let it in. */
  connectionRouted(connection: Connection): void;
  /** It ended; counters and `connection.end` are final. */
  connectionEnded(connection: Connection, end: TEnd): void;
  /** It was closed on arrival, before a record was made. */
  connectionRefused(clientIp: string, end: TEnd): void;
}
