// What users write about HTTP: everything here is judged or done once a request.

/**
 * Rules for header fields: a value sets the field, replacing what was there; `null` removes it. Values may use
 * `{clientIp} {domain} {port} {path} {query} {method} {requestId} {routeName} {tlsVersion}`.
 */
export type THeaderRules = Readonly<Record<string, string | null>>;

/** Cross-origin requests (the Fetch standard's CORS protocol); the proxy answers preflights itself. */
export interface ICors {
  /** `'*'`, an origin (`https://a.test`), or several. Default `'*'`. */
  allowOrigin?: string | readonly string[] | undefined;
  /** Default: the methods that the route matches, else GET, HEAD, POST, PUT, PATCH, DELETE. */
  allowMethods?: readonly string[] | undefined;
  /** Default: what the preflight asks for. */
  allowHeaders?: readonly string[] | undefined;
  exposeHeaders?: readonly string[] | undefined;
  /** Default false; not together with `'*'`. */
  allowCredentials?: boolean | undefined;
  /** Seconds that a preflight may be remembered. Default 600. */
  maxAge?: number | undefined;
}

/** Strict-Transport-Security (RFC 6797), sent over TLS only. */
export interface IHsts {
  /** Seconds. Default 31 536 000. */
  maxAge?: number | undefined;
  includeSubDomains?: boolean | undefined;
  preload?: boolean | undefined;
}

/** What is done to header fields on the way. */
export interface IRouteHeaders {
  /** Of requests, before they go to the target. */
  request?: THeaderRules | undefined;
  /** Of answers, before they go to the client: those of targets and the proxy's own. */
  response?: THeaderRules | undefined;
  /** `true`: all defaults. */
  cors?: boolean | ICors | undefined;
  /** `true`: all defaults. */
  hsts?: boolean | IHsts | undefined;
}

/** Where to send clients instead. */
export interface IRedirect {
  /** A URL or a path, as a template: `https://{domain}{path}`. `{path}` is the path as asked for, with its query. */
  to: string;
  /** Default 308. */
  status?: 301 | 302 | 303 | 307 | 308 | undefined;
}

/** A fixed answer. */
export interface IFixedAnswer {
  /** 200 to 599. */
  status: number;
  headers?: Readonly<Record<string, string>> | undefined;
  /** Default: none. */
  body?: string | Uint8Array | undefined;
}

/** The answer of a blocked request. On connections that are not HTTP there is none. */
export interface IBlockAnswer {
  /** Default 403. */
  status?: number | undefined;
  /** Plain text. */
  message?: string | undefined;
}

/** Changes the path of requests before they go to a target: prefixes first, then the pattern. The query stays. */
export interface IUrlRewrite {
  /** Removed where the path begins with it as whole segments: `/api` of `/api/users`, not of `/apis`. */
  stripPrefix?: string | undefined;
  /** Put in front. */
  addPrefix?: string | undefined;
  /** A regular expression for the path, with or without `target`'s `$1`. Takes time as it is written: it is yours alone. */
  pattern?: string | RegExp | undefined;
  /** What replaces it; needed with `pattern`. */
  target?: string | undefined;
}

/** Repeating what failed. A request is repeated only where that cannot do anything twice (RFC 9110 §9.2.2). */
export interface IRetry {
  /** Attempts in all, the first included. Default 3; 1: no retries. */
  attempts?: number | undefined;
  /**
   * Answers of a target that count as failed, if the request is idempotent and its body is still at hand. Default none;
   * 502, 503, 504 are usual.
   */
  statuses?: readonly number[] | undefined;
  /** Retries that a target's route may add to its traffic, as a part of it: 0.2 is one in five. Default 0.2. */
  budget?: number | undefined;
}

/** Stops sending requests to a target that keeps failing. */
export interface ICircuitBreakerRule {
  /** Failed requests in a row (no answer, or 5xx) that open it. Default 5. */
  failures?: number | undefined;
  /** Milliseconds until one request may try again. Default 10 000. */
  openMs?: number | undefined;
}

/** WebSockets of a route. */
export interface IWebSocketRules {
  /** Default true; false: upgrades are answered by 403. */
  enabled?: boolean | undefined;
  /** Origins that may open one, exact, or `*.a.com`. Default: any. */
  allowedOrigins?: readonly string[] | undefined;
  /** Only these subprotocols are passed to the target. Default: what the client asks for. */
  subprotocols?: readonly string[] | undefined;
  /** A path template for the handshake, e.g. `/ws{path}`. Default: as other requests. */
  rewritePath?: string | undefined;
  /** Set on the handshake that goes to the target. */
  customHeaders?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds between the proxy's pings to the client. Default 0, none: frames are then passed on unread. */
  pingInterval?: number | undefined;
  /** Milliseconds for the pong. Default 10 000. */
  pingTimeout?: number | undefined;
  /**
   * Bytes of a message from either side; more closes with 1009. So that sizes are what they seem, no compression is agreed on
   * then. Default none: frames are then passed on unread.
   */
  maxPayload?: number | undefined;
}

/** Compression of answers that are worth it and are not compressed yet. */
export interface ICompression {
  /** In order of preference. Default `['br', 'gzip']`; `zstd` where Node has it. */
  algorithms?: readonly ('br' | 'gzip' | 'zstd')[] | undefined;
  /** Smaller bodies of known length stay as they are. Default 1 024. */
  minBytes?: number | undefined;
  /** Media types, `text/*` and `application/*+json` included. Default: text, JSON, JavaScript, XML, SVG, wasm. */
  types?: readonly string[] | undefined;
}

/** A cookie that ties a client to its target. */
export interface ISticky {
  /** Its name. Default `sp_target`. */
  cookie?: string | undefined;
  /** Seconds. Default: until the browser closes. */
  maxAge?: number | undefined;
}

/** Limits of the HTTP engine. */
export interface IHttpLimits {
  /** Of a request's or a response's head, request line included. Default 16 384. */
  maxHeaderBytes?: number | undefined;
  /** Field lines of a head. Default 100. */
  maxHeaders?: number | undefined;
  /** Of a request's body; more is answered by 413. Default 0, no limit. */
  maxBodyBytes?: number | undefined;
  /**
   * Bytes a second of a request's body, on average after `rateGrace`, while nothing but the client is waited for and its answer has not
   * begun; slower is answered by 408. Content of gRPC is let be. Default 100; 0 is no limit.
   */
  minRequestBytesPerSecond?: number | undefined;
  /** The same of an answer that waits for its reader; slower is cut. Default 100; 0 is no limit. */
  minResponseBytesPerSecond?: number | undefined;
  /** Milliseconds in which these rates are not asked for. Default 30 000. */
  rateGrace?: number | undefined;
  /** Milliseconds from the first byte of a request's head to its last. Default 10 000. */
  headersTimeout?: number | undefined;
  /** Milliseconds between requests. Default 65 000. */
  keepAliveTimeout?: number | undefined;
  /** Milliseconds from the head of a request to the end of its answer. Default 0, no limit. */
  requestTimeout?: number | undefined;
  /** Requests of one connection. Default 0, no limit. */
  maxRequestsPerConnection?: number | undefined;
  /** Requests of one HTTP/2 connection at a time. Default 128. */
  maxConcurrentStreams?: number | undefined;
  /**
   * HTTP/2 without TLS, with prior knowledge (RFC 9113 §3.3). Default false: such clients are told to come by HTTP/1.1. Over TLS
   * it is agreed on by `tls.alpn`.
   */
  h2c?: boolean | undefined;
  /**
   * Milliseconds without anything from an HTTP/2 client whose requests are under way until it is sent a PING. Default 0, none.
   */
  pingInterval?: number | undefined;
  /** Milliseconds for its answer. Default 10 000. */
  pingTimeout?: number | undefined;
  /** Connections to one target, and requests that wait for one. Default 1 024 and 1 024. */
  maxUpstreamConnections?: number | undefined;
  maxUpstreamQueue?: number | undefined;
  /** Milliseconds that an idle connection to a target is kept. Default 55 000. */
  upstreamIdleTimeout?: number | undefined;
  /** Milliseconds after which, and requests after which, a connection to a target is used no more. Default 0: no limit. */
  upstreamMaxAge?: number | undefined;
  upstreamMaxRequests?: number | undefined;
}
