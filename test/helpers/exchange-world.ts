// Requests without sockets: a client's side and origins that record what they are told, a proxy's parts around them.

import { silentLogger } from '../../ts/base/logger.js';
import type { IRequestHead, IResponseHead, TFields } from '../../ts/codec/http-message.js';
import { resolveConfig } from '../../ts/config/resolve.js';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/config/types.js';
import { noChallenges } from '../../ts/flow/challenge-source.js';
import type { TEnd } from '../../ts/flow/ends.js';
import { TargetRegistry } from '../../ts/flow/forward/target-registry.js';
import { Guard } from '../../ts/flow/guard/guard.js';
import type { IHttpRoutes, IHttpVisit } from '../../ts/flow/http-front.js';
import type { IRequestRecord } from '../../ts/flow/observer.js';
import { takeSnapshot } from '../../ts/flow/snapshot.js';
import type { IConnectionFacts } from '../../ts/flow/stages.js';
import { AuthDesk } from '../../ts/http/auth-desk.js';
import { Exchange } from '../../ts/http/exchange.js';
import type { IAnswerListener, IClientSide, IDetached, IOrigin, IOriginFailure } from '../../ts/http/exchange-types.js';
import { H2Tunnels } from '../../ts/http/h2-tunnels.js';
import { HeldBytes } from '../../ts/http/held-content.js';
import { HttpDate } from '../../ts/http/http-date.js';
import { RetryBudget } from '../../ts/http/retry.js';
import type { Upstreams } from '../../ts/http/upstream.js';
import type { IUpstreamWant } from '../../ts/http/upstream-types.js';
import { Via } from '../../ts/http/via.js';
import { Visitor } from '../../ts/http/visitor.js';
import { makeFakeClock } from './fake-clock.js';
import { makeConnection } from './make-connection.js';
import { makeFacts } from './make-route.js';
import { makeHead } from './upstream-world.js';

/** What it was told, in order: `head 200`, `data ab`, `end`. */
export class FakeSide implements IClientSide {
  readonly calls: string[] = [];
  fields: TFields = [];
  body = '';
  /** Of the next calls of `data`. */
  hasRoom = true;
  first: Buffer | null = null;
  detached: IDetached | null = null;
  /** Whose connection has the limits of the request. */
  visitor: Visitor | null = null;
  readonly releases: (() => void)[] = [];

  inform(status: number): void {
    this.calls.push(`inform ${status}`);
  }
  head({ status, fields }: IResponseHead): void {
    this.calls.push(`head ${status}`);
    this.fields = fields;
  }
  data(chunk: Uint8Array): boolean {
    this.body += Buffer.from(chunk).toString('latin1');
    this.calls.push('data');
    return this.hasRoom;
  }
  end(trailers: TFields | null): void {
    this.calls.push(trailers === null ? 'end' : `end ${trailers.join(' ')}`);
  }
  flush(): void {
    this.calls.push('flush');
  }
  cut(end: TEnd): void {
    this.calls.push(`cut ${end}`);
  }
  pull(): void {
    this.calls.push('pull');
  }
  hold(): void {
    this.calls.push('hold');
  }
  limit(limitMs: number, end: TEnd): void {
    this.visitor?.limit(limitMs, end);
  }
  whenOver(release: () => void): void {
    this.releases.push(release);
  }
  refuseVersion(): boolean {
    return false;
  }
  original(): Buffer | null {
    return this.first;
  }
  detach(): IDetached | null {
    this.calls.push('detach');
    return this.detached;
  }
}

/** Answers as the test makes it, by `to`. */
export class FakeOrigin implements IOrigin {
  readonly calls: string[] = [];
  head: IRequestHead | null = null;
  body = '';
  hasRoom = true;
  #listener: IAnswerListener | null = null;

  /** Whoever hears its answer. */
  get to(): IAnswerListener {
    if (this.#listener === null) throw new Error('nothing was sent to this origin');
    return this.#listener;
  }

  /** All of an answer with a length. */
  answer(status: number, fields: readonly string[] = [], body = ''): void {
    const { to } = this;
    to.answerHead({ status, reason: '', fields, contentLength: body.length });
    if (body !== '') to.answerData(Buffer.from(body));
    to.answerEnd(null);
  }

  send(head: IRequestHead, listener: IAnswerListener): void {
    this.calls.push('send');
    this.head = head;
    this.#listener = listener;
  }
  data(chunk: Uint8Array): boolean {
    this.body += Buffer.from(chunk).toString('latin1');
    this.calls.push('data');
    return this.hasRoom;
  }
  end(): void {
    this.calls.push('end');
  }
  flush(): void {}
  cancel(): void {
    this.calls.push('cancel');
  }
  hold(): void {
    this.calls.push('hold');
  }
  pull(): void {
    this.calls.push('pull');
  }
}

/** A wish for a connection, and the answer to it. */
export interface IAsked {
  readonly want: IUpstreamWant;
  /** Where it leads: `b.test:80`, and ` fresh` if no used connection will do. */
  readonly to: string;
  cancelled: boolean;
  give(): FakeOrigin;
  fail(failure: IOriginFailure): void;
}

export class ExchangeWorld implements AsyncDisposable {
  readonly clock = makeFakeClock();
  readonly asked: IAsked[] = [];
  readonly records: IRequestRecord[] = [];
  /** Lines of level `error`. */
  readonly errors: object[] = [];
  readonly visitor: Visitor;
  readonly #registry: TargetRegistry;

  constructor(
    routes: readonly IRouteConfig[],
    options: Partial<ISmartProxyOptions> = {},
    facts: Partial<IConnectionFacts> = {},
  ) {
    const { clock } = this;
    const logger = { ...silentLogger, error: (fields: object) => void this.errors.push(fields) };
    const config = resolveConfig({ routes, ...options });
    this.#registry = new TargetRegistry({
      ...{ clock, logger, probe: async () => {}, onDown() {}, onUp() {} },
    });
    this.#registry.attach(config.routes);
    const connections = { deadlines: { reschedule() {} }, routed() {} } as never;
    const snapshot = takeSnapshot(config, {
      ...{ clock, logger, connections, resolver: { resolve: (host: string) => [host] } },
      pickerFor: (route) => this.#registry.pickerFor(route),
    });
    const point = snapshot.points[0] ?? { address: null, port: 80 };
    const table = snapshot.tableAt(point);
    if (table === undefined) throw new Error('no routes');
    const now: IHttpRoutes = { config, table, forward: snapshot.forward, plainHttp: true };
    const visit: IHttpVisit = {
      connection: makeConnection(),
      facts: makeFacts({ port: 80, protocol: 'http', ...facts }),
      ...{ bytes: null, tls: null, refusal: null, now: () => now },
    };
    const upstreams = { acquire: this.#acquire } as unknown as Upstreams;
    this.visitor = new Visitor(visit, config.http, {
      ...{ clock, logger, connections, upstreams },
      tunnels: new H2Tunnels({ clock, logger }),
      guard: new Guard({ config, clock, live: () => [] }),
      auth: new AuthDesk({ clock, logger, upstreams }),
      retries: new RetryBudget(clock),
      held: new HeldBytes(),
      requests: { requestEnded: (record) => void this.records.push(record), requestRefused() {} },
      date: new HttpDate(clock),
      via: new Via(),
      challenges: noChallenges,
    });
  }

  /** Begins a request on the connection. */
  ask(head: Partial<IRequestHead> = {}, side = new FakeSide()): { exchange: Exchange; side: FakeSide } {
    side.visitor = this.visitor;
    const exchange = new Exchange(this.visitor, side, makeHead(head));
    exchange.start();
    return { exchange, side };
  }

  /** The wish that was made last. */
  get last(): IAsked {
    const asked = this.asked.at(-1);
    if (asked === undefined) throw new Error('no connection was asked for');
    return asked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry.cleanup();
  }

  readonly #acquire: Upstreams['acquire'] = (want, got, failed) => {
    const { pick, fresh } = want;
    const asked: IAsked = {
      ...{ want, to: `${pick.host}:${pick.port}${fresh ? ' fresh' : ''}`, cancelled: false, fail: failed },
      give() {
        const origin = new FakeOrigin();
        got(origin);
        return origin;
      },
    };
    this.asked.push(asked);
    return {
      cancel() {
        asked.cancelled = true;
      },
    };
  };
}
