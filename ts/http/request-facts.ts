// What is known of one request: what routes are matched against, what templates and functions are told.

import type { IRequestHead, TFields } from '../codec/http-message.js';
import { withMarks } from '../codec/never-indexed.js';
import type { IResolvedRoute } from '../config/resolved.js';
import type { IRouteContext, TProtocol, TTlsVersion } from '../config/types.js';
import type { IHelloFacts } from '../flow/connection.js';
import type { IPickRequest } from '../flow/forward/target-types.js';
import type { IRateVerdict } from '../flow/guard/rate-store.js';
import type { IRequestFacts } from '../flow/stages.js';
import type { IForwardFacts } from './forwarded.js';
import { remove } from './hop-by-hop.js';
import { type IOwnedFields, setOwned } from './owned-fields.js';
import { requestContext } from './request-context.js';
import { makeRequestId } from './request-id.js';
import type { ITemplateValues } from './template-values.js';
import type { Visitor } from './visitor.js';

export class RequestFacts implements IRequestFacts, ITemplateValues {
  readonly visitor: Visitor;
  readonly port: number;
  readonly protocol: TProtocol = 'http';
  readonly hello: IHelloFacts | null;
  readonly alpn: readonly string[];
  readonly tlsVersion: TTlsVersion | null;
  readonly isTls: boolean;
  readonly method: string;
  readonly clientIp: string;
  readonly domain: string | null;
  /** Like `fields`, without what was only for the proxy once the guard has seen it. */
  head: IRequestHead;
  fields: TFields;
  path = '';
  /** What is left of the route's limits on requests; null: it has none, or they were not asked. */
  rate: IRateVerdict | null = null;
  query = '';
  /** Fields in which the proxy says who the client is; null: none. */
  owned: IOwnedFields | null = null;
  /** What the client is told by whoever let the request pass; null: nothing. */
  toClient: TFields | null = null;
  #route: IResolvedRoute | null = null;
  #requestId = '';
  #abort: AbortController | null = null;
  #context: IRouteContext | null = null;
  #isHandedOver = false;

  constructor(visitor: Visitor, head: IRequestHead) {
    const { facts, tls } = visitor.visit;
    this.visitor = visitor;
    this.head = head;
    this.port = facts.port;
    this.hello = facts.hello;
    this.alpn = facts.alpn;
    this.tlsVersion = facts.tlsVersion;
    this.isTls = tls !== null;
    this.method = head.method;
    this.fields = head.fields;
    this.clientIp = visitor.clientOf(head.fields);
    this.domain = visitor.nameOf(head.host);
  }

  /** For pickers. */
  get request(): IPickRequest {
    return this;
  }

  read(path: string, query: string): void {
    this.path = path;
    this.query = query;
  }

  routed(route: IResolvedRoute): void {
    this.#route = route;
  }

  /** Of no client are fields of these names (in lower case) taken; `fields` are those of the proxy. */
  own(names: readonly string[], fields: TFields): void {
    const all = withMarks(this.fields, [...this.fields]);
    const owned = { names, fields };
    setOwned(all, owned);
    this.owned = owned;
    this.fields = all;
    this.head = { ...this.head, fields: all };
  }

  /** Whoever serves the request does not get the credentials that the proxy asked for. */
  hideCredentials(): void {
    const fields = withMarks(this.fields, [...this.fields]);
    remove(fields, 'authorization');
    this.fields = fields;
    this.head = { ...this.head, fields };
  }

  /** The value of a template's placeholder. */
  get(name: string): string {
    switch (name) {
      case 'clientIp':
        return this.clientIp;
      case 'domain':
        return this.head.host;
      case 'port':
        return String(this.port);
      case 'path':
        return this.path;
      case 'target':
        return this.query === '' ? this.path : `${this.path}?${this.query}`;
      case 'query':
        return this.query;
      case 'method':
        return this.method;
      case 'requestId':
        return this.requestId();
      case 'routeName':
        return this.#route?.name ?? '';
      case 'tlsVersion':
        return this.tlsVersion ?? '';
      default:
        return '';
    }
  }

  /** Made when first asked for. */
  requestId(): string {
    if (this.#requestId === '') this.#requestId = makeRequestId(this.fields, this.visitor.trusted);
    return this.#requestId;
  }

  /** The handler that got its socket outlives it. */
  handOver(): void {
    this.#isHandedOver = true;
  }

  signal(): AbortSignal {
    if (this.#isHandedOver) return this.visitor.connection.signal;
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  readonly context = (): IRouteContext => {
    this.#context ??= requestContext(this, this.#route);
    return this.#context;
  };

  /** The request is over; whoever works for it hears so, if it did not end well. */
  leave(broken: boolean): void {
    if (broken) this.#abort?.abort();
  }
}

/** What targets and handlers are told about the client. */
export const forwardFacts = ({ visitor, port, isTls, head }: RequestFacts): IForwardFacts => ({
  peerIp: visitor.connection.clientIp,
  serverPort: port,
  isTls,
  authority: head.authority,
  trusted: visitor.trusted,
});
