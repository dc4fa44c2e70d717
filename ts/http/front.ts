// The HTTP engine's door: connections whose bytes are HTTP come in here.

import type { IClock } from '../base/clock.js';
import type { ILogger } from '../base/logger.js';
import type { IChallengeSource } from '../flow/challenge-source.js';
import type { ConnectionManager } from '../flow/connection-manager.js';
import type { Guard } from '../flow/guard/guard.js';
import type { IHttpFront, IHttpVisit } from '../flow/http-front.js';
import type { IRequestObserver } from '../flow/observer.js';
import { AuthDesk } from './auth-desk.js';
import { ClientConnection } from './client-connection.js';
import { H2ClientConnection } from './h2-client-connection.js';
import { H2Tunnels } from './h2-tunnels.js';
import { HeldBytes } from './held-content.js';
import { HttpDate } from './http-date.js';
import { refusePreface, versionOf } from './http-version.js';
import { RetryBudget } from './retry.js';
import type { IHttpServices } from './services.js';
import { Upstreams } from './upstream.js';
import { Via } from './via.js';
import { Visitor } from './visitor.js';

export interface IHttpFrontParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly connections: ConnectionManager;
  readonly guard: Guard;
  readonly requests: IRequestObserver;
  readonly challenges: IChallengeSource;
}

export class HttpFront implements IHttpFront {
  readonly #services: IHttpServices;

  constructor(parts: IHttpFrontParts) {
    const { clock, logger } = parts;
    const upstreams = new Upstreams({ clock });
    this.#services = {
      ...parts,
      tunnels: new H2Tunnels(parts),
      upstreams,
      auth: new AuthDesk({ clock, logger, upstreams }),
      retries: new RetryBudget(clock),
      held: new HeldBytes(),
      date: new HttpDate(clock),
      via: new Via(),
    };
  }

  /** Connections to targets, in numbers. */
  get upstreams() {
    return this.#services.upstreams.stats;
  }

  take(visit: IHttpVisit): void {
    const { connection } = visit;
    const { connections } = this.#services;
    const routes = visit.now();
    if (routes === null) return void connections.cleanupConnection(connection, 'no_route');
    connection.phase = 'transfer';
    connection.usingNetworkProxy = true;
    connection.handled = false;
    connection.lastActivityMs = this.#services.clock.nowMs();
    connection.checkedMs = connection.lastActivityMs;
    const { http } = routes.config;
    const version = versionOf(visit, http);
    const visitor = new Visitor(visit, http, this.#services, version === '2');
    connection.tellsActivity = version === '1';
    if (version === '1') new ClientConnection(visitor, visit.bytes).start();
    else if (version === '2') new H2ClientConnection(visitor).start(visit.bytes);
    else refusePreface(visitor);
  }

  /** Lets the connections of HTTP end in peace: each after its present request. */
  drain(graceMs: number): void {
    for (const { drainable } of this.#services.connections) drainable?.drain(graceMs);
  }

  /** New routes are in force. */
  reconsider(): void {
    for (const { drainable } of this.#services.connections) drainable?.reconsider();
  }

  /** Closes all connections to targets. */
  async cleanup(): Promise<void> {
    await Promise.all([this.#services.upstreams.cleanup(), this.#services.auth.cleanup()]);
  }
}
