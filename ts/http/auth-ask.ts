// One question to a server of the operator's, by the connections that are kept to targets: a GET without content, and a small answer.

import type { ITimer } from '../base/clock.js';
import { ProxyError } from '../base/errors.js';
import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import type { IResolvedAuthServer } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { IForwardDeps } from '../flow/forward/deps.js';
import type { ITargetLease } from '../flow/forward/target-types.js';
import type { IHttpRoutes } from '../flow/http-front.js';
import type { IAnswerListener, IOrigin, IOriginFailure } from './exchange-types.js';
import type { Upstreams } from './upstream.js';
import type { IUpstreamTicket, IUpstreamWant } from './upstream-types.js';

export interface IQuestion {
  readonly server: IResolvedAuthServer;
  readonly fields: TFields;
  readonly routes: IHttpRoutes;
  /** Of the client whose request made it necessary. */
  readonly connection: Connection;
  /** For the whole answer. */
  readonly timeoutMs: number;
  /** Of its content. */
  readonly maxBytes: number;
  /** null: it is asked for others too. */
  readonly signal: AbortSignal | null;
}

export interface IServerAnswer {
  readonly status: number;
  readonly fields: TFields;
  readonly body: Buffer;
}

/** Rejects with ProxyError, or with the signal's reason. */
export function askServer(upstreams: Upstreams, question: IQuestion): Promise<IServerAnswer> {
  return new Promise((resolve, reject) => new Asking(upstreams, question, resolve, reject).start());
}

class Asking implements IAnswerListener, IUpstreamWant {
  readonly pick: IUpstreamWant['pick'];
  readonly connection: Connection;
  readonly forward: IForwardDeps;
  readonly http: IUpstreamWant['http'];
  readonly connectionTimeoutMs: number;
  readonly upgrades = false;
  fresh = false;
  readonly #upstreams: Upstreams;
  readonly #question: IQuestion;
  readonly #resolve: (answer: IServerAnswer) => void;
  readonly #reject: (error: unknown) => void;
  #ticket: IUpstreamTicket | null = null;
  #origin: IOrigin | null = null;
  #head: IResponseHead | null = null;
  #timer: ITimer | null = null;
  #over = false;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(
    upstreams: Upstreams,
    question: IQuestion,
    resolve: (answer: IServerAnswer) => void,
    reject: (error: unknown) => void,
  ) {
    const { server, routes, connection, timeoutMs } = question;
    this.pick = { host: server.host, port: server.port, target: server.target, lease: noLease };
    this.connection = connection;
    this.forward = openTo(routes.forward);
    this.http = routes.config.http;
    this.connectionTimeoutMs = timeoutMs;
    this.#upstreams = upstreams;
    this.#question = question;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { signal, timeoutMs, server } = this.#question;
    if (signal?.aborted) return this.#fail(signal.reason);
    signal?.addEventListener('abort', this.#aborted, { once: true });
    const late = () => this.#fail(new ProxyError('RESPONSE_TIMEOUT', `${server.place} did not answer in time`));
    this.#timer = this.forward.clock.setTimer(late, timeoutMs);
    this.#acquire();
  }

  answerInform(): void {}

  answerHead(head: IResponseHead): void {
    this.#head = head;
  }

  answerData(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#question.maxBytes) this.#chunks.push(chunk);
    else this.#fail(new ProxyError('TARGET_MALFORMED', `the answer of ${this.#question.server.place} is too large`));
  }

  answerEnd(): void {
    this.#origin = null;
    const head = this.#head;
    if (this.#over || head === null) return;
    this.#finish();
    this.#resolve({ status: head.status, fields: head.fields, body: Buffer.concat(this.#chunks) });
  }

  answerPause(): void {}

  originDrained(): void {}

  answerSwitched(_head: IResponseHead, socket: { destroy(): void }): void {
    this.#origin = null;
    socket.destroy();
    this.#fail(new ProxyError('TARGET_MALFORMED', `${this.#question.server.place} switched protocols`));
  }

  originFailed(failure: IOriginFailure): void {
    this.#origin = null;
    if (failure.stale && !this.fresh && !this.#over) {
      this.fresh = true;
      this.#acquire();
    } else this.#fail(failure.error);
  }

  #acquire(): void {
    this.#ticket = this.#upstreams.acquire(this, this.#got, (failure) => this.originFailed(failure));
  }

  readonly #got = (origin: IOrigin): void => {
    this.#ticket = null;
    if (this.#over) return origin.cancel();
    const { server, fields } = this.#question;
    const head: IRequestHead = {
      ...{
        version: '1.1',
        method: 'GET',
        target: server.path.reveal(),
        authority: server.authority,
        host: server.host,
      },
      ...{ fields, contentLength: 0, expectsContinue: false, upgrade: null, close: false },
    };
    this.#origin = origin;
    origin.send(head, this);
  };

  readonly #aborted = (): void => this.#fail(this.#question.signal?.reason);

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.#ticket?.cancel();
    this.#origin?.cancel();
    this.#origin = null;
    this.#reject(error);
  }

  #finish(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#question.signal?.removeEventListener('abort', this.#aborted);
  }
}

/** Nobody balances these. */
const noLease: ITargetLease = { connected() {}, answered() {}, failed() {}, release() {} };

const opened = new WeakMap<IForwardDeps, IForwardDeps>();

/** The operator named this server; `denyPrivateTargets` is about what requests decide. */
function openTo(forward: IForwardDeps): IForwardDeps {
  if (!forward.denyPrivateTargets) return forward;
  const known = opened.get(forward) ?? { ...forward, denyPrivateTargets: false };
  opened.set(forward, known);
  return known;
}
