// What one HTTP/2 connection is made from.

import type { Socket } from 'node:net';
import type { IClock } from '../base/clock.js';
import type { IH2Limits } from './h2-limits.js';
import type { IH2SessionListener } from './h2-types.js';

export interface IH2SessionOptions {
  /** `client-side`: we are the server. `target-side`: we are the client. */
  readonly role: 'client-side' | 'target-side';
  readonly socket: Socket;
  readonly listener: IH2SessionListener;
  readonly limits: IH2Limits;
  readonly clock: IClock;
}
