// The names that this version knows of and does not have: they are refused by what they are for, never accepted
// silently and never taken for a misspelling.

/** What an option is for, by the place it stands in and its name. */
type TLater = Readonly<Record<string, Readonly<Record<string, string>>>>;

const tls = {
  certificate: 'the certificate of a route that terminates TLS',
  acme: 'certificates from an ACME authority',
  versions: 'TLS versions of a route that terminates TLS',
  ciphers: 'ciphers of a route that terminates TLS',
  honorCipherOrder: 'ciphers of a route that terminates TLS',
  alpn: 'protocols of a route that terminates TLS; to match what the client offers use match.alpn',
  sessionTimeout: 'session tickets of a route that terminates TLS',
  clientAuth: 'client certificates',
  upstream: 'TLS from the proxy to a target',
};

/** Options by place. */
export const laterOptions: TLater = {
  options: {
    acme: 'certificates from an ACME authority',
    certificateStore: 'where certificates are kept',
    certProvisionFunction: 'certificates from a function',
    useHttpProxy: 'ports whose plain connections go to the HTTP engine',
    httpProxyPort: 'a port of the HTTP engine',
    admin: 'the admin interface',
    trustedProxies: 'whose X-Forwarded-For is believed',
    http: 'limits of the HTTP engine',
    preserveSourceIP: "the client's address on routes that the kernel forwards; to tell targets use sendProxyProtocol",
  },
  route: { headers: 'rules for HTTP headers' },
  match: {
    path: 'matching HTTP requests',
    method: 'matching HTTP requests',
    headers: 'matching HTTP requests',
    query: 'matching HTTP requests',
  },
  'forward action': {
    retry: 'repeating HTTP requests; connect failures try the next target anyway',
    circuitBreaker:
      'a circuit breaker for HTTP targets; loadBalancing and healthCheck.passive pass over failing targets',
    websocket: 'WebSocket rules; passed-through connections carry WebSockets as they are',
    urlRewrite: 'rewriting the path of HTTP requests',
    forwardingEngine: 'forwarding in the kernel',
    nftables: 'forwarding in the kernel',
  },
  'block action': { block: 'the HTTP answer of a blocked request' },
  target: { tls: 'TLS from the proxy to a target', headers: 'rules for HTTP headers' },
  'target match': {
    path: 'matching HTTP requests',
    headers: 'matching HTTP requests',
    method: 'matching HTTP requests',
  },
  loadBalancing: { sticky: 'a cookie that ties HTTP clients to a target' },
  healthCheck: { path: 'probes by HTTP', expect: 'probes by HTTP' },
  tls,
  security: {
    authentication: 'HTTP authentication',
    basicAuth: 'HTTP authentication',
    jwtAuth: 'HTTP authentication',
    forwardAuth: 'HTTP authentication',
    rateLimit: 'a limit of HTTP requests; new connections are limited by connectionRateLimitPerMinute',
  },
};

/** Values by the option that takes them. */
export const laterValues: TLater = {
  'action.type': {
    'http-handler': 'a function that answers HTTP requests',
    redirect: 'an HTTP redirect',
    respond: 'a fixed HTTP answer',
  },
  'match.transport': { udp: 'UDP', all: 'UDP' },
  'tls.mode': {
    terminate: 'TLS termination',
    'terminate-and-reencrypt': 'TLS termination',
  },
  'loadBalancing.key': {
    header: 'balancing by HTTP requests',
    cookie: 'balancing by HTTP requests',
    path: 'balancing by HTTP requests',
  },
};

/** What to expect instead of an option or value of a later version. */
export const wantNotYet = (what: string): string => `nothing: not available in this version (${what})`;
