// The routes of one listening point, compiled: first for connections, then for each of their requests.

import type { IResolvedRoute, IResolvedTls } from '../../config/resolved.js';
import type { IConnectionFacts, IRequestFacts, TEngine, TPeekNeed } from '../stages.js';
import { ConnectionTable, rulesForTrusted } from './connection-table.js';
import { type IJudged, judgeConnection, judgeInside, judgeRequest } from './judge.js';
import { RequestTable } from './request-table.js';
import { greater, greatestNeed, type IRule } from './rule.js';
import { keepsOut } from './stricter.js';

export type { ICriterionVerdict, IJudged } from './judge.js';

/** Shared by all listening points that have the same routes. */
export class PortTable {
  /** What must be read of a connection before `engine` can be asked. */
  readonly need: TPeekNeed;
  /** In the order of the configuration. */
  readonly routes: readonly IResolvedRoute[];
  /**
   * True if no route judges method, headers or query: the same host and path then give requests of one connection the
   * same route.
   */
  readonly byPathOnly: boolean;
  /** True if some route keeps requests out that another may let in. */
  readonly keepsOut: boolean;
  readonly #rules: readonly IRule[];
  readonly #requests: RequestTable;
  #connections: ConnectionTable | null = null;
  /** For those of trusted proxies. */
  #fromTrusted: ConnectionTable | null = null;

  /** `rules` in the order of the configuration. */
  constructor(rules: readonly IRule[]) {
    this.#rules = rules;
    this.#requests = new RequestTable(rules);
    this.routes = Object.freeze(rules.map(({ route }) => route));
    this.need = greatestNeed(rules);
    this.byPathOnly = this.#requests.byPathOnly;
    this.keepsOut = this.routes.some(keepsOut);
    Object.freeze(this);
  }

  /** Builds the indexes now instead of at the first connection. */
  compile(): void {
    this.#forConnections();
    this.#requests.compile();
  }

  #forConnections(): ConnectionTable {
    this.#connections ??= new ConnectionTable(this.#rules);
    return this.#connections;
  }

  #forConnectionsLike({ fromTrusted }: IConnectionFacts): ConnectionTable {
    if (fromTrusted !== true) return this.#forConnections();
    this.#fromTrusted ??= new ConnectionTable(rulesForTrusted(this.#rules));
    return this.#fromTrusted;
  }

  /** `need`; where plain HTTP goes to the engine anyway, whether it is HTTP must be seen. */
  needOn(plainHttp: boolean): TPeekNeed {
    return plainHttp ? greater(this.need, 'first-bytes') : this.need;
  }

  /** The route that its bytes go to, or whose TLS they get; null if there is none. Allocates nothing. */
  match(facts: IConnectionFacts): IResolvedRoute | null {
    return this.#forConnections().match(facts);
  }

  /** What the connection is served by; null: by nothing. `plainHttp`: all plain HTTP on the port is for the engine. */
  engine(facts: IConnectionFacts, plainHttp: boolean): TEngine | null {
    return this.#forConnectionsLike(facts).engine(facts, plainHttp);
  }

  /** What must be read of the decrypted bytes before `engineInside` can be asked. */
  needInside(facts: IConnectionFacts, tls: IResolvedTls): TPeekNeed {
    return this.#forConnections().needInside(facts, tls);
  }

  /** Whether the connection can be served in any version of HTTP, as no socket handler may get its bytes. */
  servesRequests(facts: IConnectionFacts, tls: IResolvedTls): boolean {
    return this.#forConnectionsLike(facts).servesRequests(facts, tls);
  }

  /**
   * What decrypted bytes are served by. `facts` are those of the connection, but `protocol` is that of the decrypted bytes;
   * null: they were not looked at. `tls`: the settings that TLS was terminated with.
   */
  engineInside(facts: IConnectionFacts, tls: IResolvedTls): TEngine | null {
    const table = facts.protocol === 'http' ? this.#forConnectionsLike(facts) : this.#forConnections();
    return table.engineInside(facts, tls);
  }

  /** The route that takes the request; null if none does. Allocates nothing. */
  matchRequest(facts: IRequestFacts): IResolvedRoute | null {
    return this.#requests.match(facts);
  }

  /**
   * Routes that requests of a connection may find, one for each set of rules for clients: for `Guard.mayServe`. `tls`: the
   * settings that TLS was terminated with; null: plain.
   */
  routesFor(tls: IResolvedTls | null): readonly IResolvedRoute[] {
    return this.#requests.routesFor(tls);
  }

  /** All routes that would take the connection, best first. Looks at every route: for showing, not for traffic. */
  matchAll(facts: IConnectionFacts): readonly IResolvedRoute[] {
    return takenOf(this.judge(facts));
  }

  /** The same of a request. */
  matchAllRequest(facts: IRequestFacts): readonly IResolvedRoute[] {
    return takenOf(this.judgeRequest(facts));
  }

  /** What every route says of the connection, in the order in which they are preferred: for showing. */
  judge(facts: IConnectionFacts): readonly IJudged[] {
    return judgeConnection(this.#rules, facts, this.#forConnectionsLike(facts).isForeign(facts));
  }

  /** The same of decrypted bytes, as `engineInside` is asked. */
  judgeInside(facts: IConnectionFacts, tls: IResolvedTls): readonly IJudged[] {
    const table = this.#forConnections();
    return judgeInside(table.routesInside(facts, tls), facts, table.isForeignInside(facts, tls));
  }

  /** The same of a request. */
  judgeRequest(facts: IRequestFacts): readonly IJudged[] {
    return judgeRequest(this.#rules, facts);
  }
}

const takenOf = (judged: readonly IJudged[]): readonly IResolvedRoute[] =>
  judged.filter(({ matches }) => matches).map(({ route }) => route);
