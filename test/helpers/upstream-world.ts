// Upstream connections without a proxy around them: asks targets on loopback, and records what an exchange would hear.

import type { Socket } from 'node:net';
import { type IClock, systemClock } from '../../ts/base/clock.js';
import { silentLogger } from '../../ts/base/logger.js';
import type { IRequestHead, IResponseHead, TFields } from '../../ts/codec/http-message.js';
import type { IResolvedHttp } from '../../ts/config/resolved.js';
import type { Connection } from '../../ts/flow/connection.js';
import type { IForwardDeps } from '../../ts/flow/forward/deps.js';
import type { IResolver, ITargetPick } from '../../ts/flow/forward/target-types.js';
import type { IAnswerListener, IOrigin, IOriginFailure } from '../../ts/http/exchange-types.js';
import { Upstreams } from '../../ts/http/upstream.js';
import type { IUpstreamTicket, IUpstreamWant } from '../../ts/http/upstream-types.js';
import { makeConnection } from './make-connection.js';
import { makeTarget, type TTargetParts } from './make-targets.js';
import { until } from './until.js';

export const plainHttp: IResolvedHttp = {
  ports: [],
  port: null,
  trustedProxies: null,
  maxHeaderBytes: 16_384,
  maxHeaders: 100,
  maxBodyBytes: 0,
  minRequestBytesPerSecond: 0,
  minResponseBytesPerSecond: 0,
  rateGraceMs: 0,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
  requestTimeoutMs: 0,
  maxRequestsPerConnection: 0,
  maxConcurrentStreams: 128,
  h2c: false,
  pingIntervalMs: 0,
  pingTimeoutMs: 10_000,
  maxUpstreamConnections: 1_024,
  maxUpstreamQueue: 1_024,
  upstreamIdleTimeoutMs: 55_000,
  upstreamMaxAgeMs: 0,
  upstreamMaxRequests: 0,
};

/** What is asked for: GET / without content, unless told otherwise. */
export function makeHead(parts: Partial<IRequestHead> = {}): IRequestHead {
  return {
    version: '1.1',
    method: 'GET',
    target: '/',
    authority: 'a.test',
    host: 'a.test',
    fields: [],
    contentLength: 0,
    expectsContinue: false,
    upgrade: null,
    close: false,
    ...parts,
  };
}

/** An answer as it comes; what it was told in order stands in `calls`. */
export class Heard implements IAnswerListener {
  readonly calls: string[] = [];
  readonly informs: { status: number; fields: TFields }[] = [];
  readonly chunks: Uint8Array[] = [];
  head: IResponseHead | null = null;
  trailers: TFields | null = null;
  failure: IOriginFailure | null = null;
  switched: { socket: Socket; bytes: Buffer | null } | null = null;
  /** It ended, failed or switched. */
  over = false;
  /** Called with each name that is added to `calls`. */
  on: (call: string) => void = () => {};

  get body(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  get status(): number {
    return this.head?.status ?? 0;
  }

  /** Code of the failure; `''` if there is none. */
  get code(): string {
    return this.failure === null ? '' : String((this.failure.error as { code?: unknown }).code);
  }

  async end(): Promise<this> {
    await until(
      () => this.over,
      5_000,
      () => `the end of an answer, heard ${this.calls.join(' ')}`,
    );
    return this;
  }

  answerInform(status: number, fields: TFields): void {
    this.informs.push({ status, fields });
    this.#tell('inform');
  }

  answerHead(head: IResponseHead): void {
    this.head = head;
    this.#tell('head');
  }

  answerData(chunk: Uint8Array): void {
    this.chunks.push(Buffer.from(chunk));
    this.#tell('data');
  }

  answerEnd(trailers: TFields | null): void {
    this.trailers = trailers;
    this.over = true;
    this.#tell('end');
  }

  answerPause(): void {
    this.#tell('pause');
  }

  originDrained(): void {
    this.#tell('drained');
  }

  answerSwitched(head: IResponseHead, socket: Socket, bytes: Buffer | null): void {
    this.head = head;
    this.switched = { socket, bytes };
    this.over = true;
    this.#tell('switched');
  }

  originFailed(failure: IOriginFailure): void {
    this.failure = failure;
    this.over = true;
    this.#tell('failed');
  }

  #tell(call: string): void {
    this.calls.push(call);
    this.on(call);
  }
}

export interface IWorldParts {
  readonly clock?: IClock;
  readonly http?: Partial<IResolvedHttp>;
  readonly connectionTimeoutMs?: number;
  readonly resolver?: IResolver;
  readonly denyPrivateTargets?: boolean;
}

export class UpstreamWorld implements AsyncDisposable {
  readonly upstreams: Upstreams;
  readonly #parts: IWorldParts;
  readonly #http: IResolvedHttp;
  readonly #forward: IForwardDeps;
  readonly #picks = new Map<string, ITargetPick>();
  readonly #client = makeConnection();

  constructor(parts: IWorldParts = {}) {
    const { clock = systemClock, denyPrivateTargets = false } = parts;
    this.#parts = parts;
    this.#http = { ...plainHttp, ...parts.http };
    this.upstreams = new Upstreams({ clock });
    this.#forward = {
      clock,
      logger: silentLogger,
      resolver: parts.resolver ?? { resolve: (host) => [host] },
      socket: { noDelay: true, keepAlive: false, keepAliveInitialDelayMs: 0 },
      denyPrivateTargets,
      // Nothing here asks for these.
      connections: null as never,
      pickerFor: null as never,
    };
  }

  /** The same target object each time, as routes give it. */
  pick(port: number, target: TTargetParts = {}): ITargetPick {
    const { host = '127.0.0.1' } = target;
    const key = JSON.stringify([port, target]);
    let pick = this.#picks.get(key);
    if (pick === undefined) {
      const lease = { connected() {}, answered() {}, failed() {}, release() {} };
      pick = { host: String(host), port, target: makeTarget({ ...target, host: String(host), port }), lease };
      this.#picks.set(key, pick);
    }
    return pick;
  }

  want(port: number, parts: Partial<IUpstreamWant> & { readonly to?: TTargetParts } = {}): IUpstreamWant {
    const { to, ...rest } = parts;
    return {
      pick: this.pick(port, to),
      connection: this.#client,
      forward: this.#forward,
      http: this.#http,
      connectionTimeoutMs: this.#parts.connectionTimeoutMs ?? 5_000,
      fresh: false,
      upgrades: false,
      ...rest,
    };
  }

  acquire(want: IUpstreamWant): Promise<IOrigin> {
    return new Promise((resolve, reject) => {
      this.upstreams.acquire(want, resolve, (failure) => reject(failure.error));
    });
  }

  /** Sends a request without content; resolves when its answer has ended, failed or switched. */
  async ask(
    port: number,
    head: Partial<IRequestHead> = {},
    parts: Parameters<UpstreamWorld['want']>[1] = {},
  ): Promise<Heard> {
    const heard = new Heard();
    (await this.acquire(this.want(port, parts))).send(makeHead(head), heard);
    return await heard.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstreams.cleanup();
  }
}

export type { IUpstreamTicket };

/** The client whose address a PROXY header would state. */
export const someClientOf = (clientIp: string): Connection => makeConnection({ clientIp });
