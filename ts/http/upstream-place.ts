// Where the connections of one pool lead, and how one is made.

import type { Socket } from 'node:net';
import type { IResolvedHttp, IResolvedTarget } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { IForwardDeps } from '../flow/forward/deps.js';
import { targetHeader } from '../flow/forward/target-header.js';
import { placeName } from '../flow/forward/target-state.js';
import { dialUpstream } from './upstream-dial.js';
import type { IUpstreamWant } from './upstream-types.js';

export class UpstreamPlace {
  /** Of the configuration that used it last. */
  http: IResolvedHttp;
  forward: IForwardDeps;
  /** For people: `a.test:80`. */
  readonly name: string;
  readonly target: IResolvedTarget;
  /** For a connection to be made, and for one to come free. */
  readonly limitMs: number;
  readonly #host: string;
  readonly #port: number;
  readonly #denyPrivate: boolean;
  /** Whose address goes before; null: any client's requests may go here. */
  readonly #client: Connection | null;

  constructor({ pick, http, forward, connectionTimeoutMs, connection }: IUpstreamWant) {
    this.http = http;
    this.forward = forward;
    this.name = placeName(pick.host, pick.port);
    this.target = pick.target;
    this.limitMs = connectionTimeoutMs;
    this.#host = pick.host;
    this.#port = pick.port;
    this.#denyPrivate = forward.denyPrivateTargets;
    this.#client = pick.target.sendProxyProtocol === 0 ? null : connection;
  }

  /** For a target object and a configuration that it has served before: the same without building a key. */
  serves({ pick, http, forward, connectionTimeoutMs }: IUpstreamWant): boolean {
    return (
      this.http === http &&
      this.#host === pick.host &&
      this.#port === pick.port &&
      this.limitMs === connectionTimeoutMs &&
      this.#denyPrivate === forward.denyPrivateTargets
    );
  }

  /** `alpn`: what TLS offers. Rejects with ProxyError, or with the signal's reason. */
  dial(alpn: readonly string[], signal: AbortSignal): Promise<Socket> {
    const { forward, limitMs } = this;
    const { tls, sendProxyProtocol } = this.target;
    const client = this.#client;
    const header = client === null || sendProxyProtocol === 0 ? null : targetHeader(client, sendProxyProtocol);
    const place = { host: this.#host, port: this.#port, tls };
    return dialUpstream({ place, forward, limitMs, header, alpn, signal });
  }
}
