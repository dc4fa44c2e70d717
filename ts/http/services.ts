// What the HTTP engine needs from outside; smart-proxy.ts introduces it. It outlives configurations.

import type { IClock } from '../base/clock.js';
import type { ILogger } from '../base/logger.js';
import type { IChallengeSource } from '../flow/challenge-source.js';
import type { ConnectionManager } from '../flow/connection-manager.js';
import type { Guard } from '../flow/guard/guard.js';
import type { IRequestObserver } from '../flow/observer.js';
import type { AuthDesk } from './auth-desk.js';
import type { H2Tunnels } from './h2-tunnels.js';
import type { HeldBytes } from './held-content.js';
import type { HttpDate } from './http-date.js';
import type { RetryBudget } from './retry.js';
import type { Upstreams } from './upstream.js';
import type { Via } from './via.js';

export interface IHttpServices {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly connections: ConnectionManager;
  readonly guard: Guard;
  readonly tunnels: H2Tunnels;
  readonly upstreams: Upstreams;
  readonly auth: AuthDesk;
  readonly retries: RetryBudget;
  readonly held: HeldBytes;
  readonly requests: IRequestObserver;
  readonly date: HttpDate;
  readonly via: Via;
  readonly challenges: IChallengeSource;
}
