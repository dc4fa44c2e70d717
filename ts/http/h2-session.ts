// One HTTP/2 connection, of either role.

import type { Socket } from 'node:net';
import type { IClock } from '../base/clock.js';
import type { IH2Limits } from './h2-limits.js';
import type { IH2Session, IH2SessionListener, IH2Stream, IH2StreamOwner } from './h2-types.js';

export interface IH2SessionOptions {
  /** `client-side`: we are the server. `target-side`: we are the client. */
  readonly role: 'client-side' | 'target-side';
  readonly socket: Socket;
  readonly listener: IH2SessionListener;
  readonly limits: IH2Limits;
  readonly clock: IClock;
}

export class H2Session implements IH2Session {
  readonly options: IH2SessionOptions;

  constructor(options: IH2SessionOptions) {
    this.options = options;
  }

  get streams(): number {
    return 0;
  }

  get room(): number {
    return 0;
  }

  get usable(): boolean {
    return false;
  }

  get allowsConnectProtocol(): boolean {
    return false;
  }

  start(_bytes: Buffer | null): void {}

  open(_owner: IH2StreamOwner): IH2Stream | null {
    return null;
  }

  flush(): void {}

  drain(): void {}

  abort(_code: number, _why: string): void {}

  ping(_limitMs: number): void {}

  lost(): void {}
}
