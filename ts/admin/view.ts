// What the admin interface needs to know of a proxy, and asks of it. One process answers by itself; a group of them adds up what
// each says: figures are sums, lists are joined, what is asked for is done by all.

/** All answers are plain data that JSON keeps whole. A call may reject with a `ProxyError`, whose code is told. */
export interface IAdminView {
  status(): Promise<IAdminStatus>;
  /** As they were written, but for what JSON cannot hold and what nobody is to read: that is `{ $kept }`. */
  routes(): Promise<IAdminRoutes>;
  connections(filter: IConnectionFilter): Promise<IConnectionList>;
  /** Flat figures by name, and maps of them: what `getStatistics()` gives. */
  statistics(): Promise<object>;
  figures(): Promise<IAdminFigures>;
  certificates(): Promise<readonly IAdminCertificate[]>;
  targets(): Promise<readonly IAdminTarget[]>;
  nftables(): Promise<object>;
  /** Why a connection would be treated as it would; with `text`, the same for people. @throws ConfigError */
  explain(query: unknown): Promise<object>;
  /** What `updateRoutes` would do, and which functions it would lose. @throws ConfigError */
  plan(routes: unknown, options: IAdminUpdate): Promise<object>;
  /** All or nothing. @throws ConfigError; ProxyError HANDLERS_LOST and those of an update */
  updateRoutes(routes: unknown, options: IAdminUpdate): Promise<object>;
  /** Reads the configuration again from where it came; null where the host program gave none. @throws as `updateRoutes` */
  readonly reload: (() => Promise<object>) | null;
  /** False where there is no such connection in this process. */
  endConnection(id: string): Promise<boolean>;
  /** Resolves when the stop has begun. null: the grace that is configured. */
  stop(graceMs: number | null): Promise<void>;
  /** Hears of these from now on, until the function that it gives is called. `hear` must neither throw nor block. */
  subscribe(kinds: ReadonlySet<TAdminEventKind>, hear: (event: IAdminEvent) => void): Promise<() => void>;
}

export interface IAdminStatus {
  readonly version: string;
  readonly pid: number;
  /** Of Node, as in `process.versions.node`. */
  readonly node: string;
  /** `starting` until all ports listen, `draining` once a stop has begun. */
  readonly state: 'starting' | 'running' | 'draining';
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly uptimeMs: number;
  readonly ports: readonly number[];
  readonly routes: number;
  readonly connections: number;
  readonly maxConnections: number;
  readonly config: {
    /** Updates of the routes since the start. */
    readonly updates: number;
    /** Of the last one, or of the start; milliseconds since 1970. */
    readonly since: number;
    /** Whether `reload` can be asked for. */
    readonly reloadable: boolean;
  };
  /** Bytes; of a group: of all its processes. */
  readonly memory: { readonly rss: number; readonly heapUsed: number };
  /** Seconds of processor time since the start; of a group: of all its processes. */
  readonly cpuSeconds: number;
  /** Of a group of processes, of which `pid` is the one that minds the others; those that are there now. */
  readonly workers?: readonly IAdminWorker[];
}

export interface IAdminWorker {
  readonly number: number;
  readonly pid: number;
  /** Whether it serves. */
  readonly isReady: boolean;
  readonly connections: number;
  /** How often its place was filled anew. */
  readonly restarts: number;
  /** What it said of itself; null: it did not answer in time. */
  readonly memory: IAdminStatus['memory'] | null;
}

export interface IAdminRoutes {
  readonly routes: readonly unknown[];
  /** By which metrics and connections name each; null: it is disabled. In the order of `routes`. */
  readonly keys: readonly (string | null)[];
}

export interface IConnectionFilter {
  /** Key of a route. */
  readonly route: string | null;
  /** Address of a client. */
  readonly client: string | null;
  /** At most so many, the youngest first. */
  readonly limit: number;
}

export interface IConnectionList {
  /** Live ones. */
  readonly total: number;
  /** Of which so many fit the filter. */
  readonly matched: number;
  readonly connections: readonly IAdminConnection[];
}

export interface IAdminConnection {
  readonly id: string;
  readonly clientIp: string;
  readonly clientPort: number;
  readonly localPort: number;
  readonly phase: string;
  readonly route: string | null;
  readonly target: { readonly host: string; readonly port: number } | null;
  readonly sni: string | null;
  readonly isTLS: boolean;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export interface IAdminCertificate {
  readonly id: string;
  readonly names: readonly string[];
  readonly routes: readonly string[];
  readonly source: string | null;
  readonly issuer: string | null;
  readonly serial: string | null;
  readonly state: string;
  /** Milliseconds since 1970; null: there is none. */
  readonly notAfter: number | null;
  readonly renewAt: number | null;
  readonly lastError: { readonly type: string; readonly detail: string; readonly at: number } | null;
}

export interface IAdminTarget {
  /** `a.test:80` */
  readonly target: string;
  readonly up: boolean;
  /** null while it is up. */
  readonly why: string | null;
  /** Connections and dials at present. */
  readonly active: number;
}

/** What Prometheus is told: numbers that can be added up over processes, by name. */
export interface IAdminFigures {
  readonly connections: {
    readonly active: number;
    readonly max: number;
    readonly accepted: number;
    /** Those that were closed on arrival, and those that ended, by the reason; only reasons that occurred. */
    readonly refused: Readonly<Record<string, number>>;
    readonly ended: Readonly<Record<string, number>>;
  };
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** By status; only those that occurred. */
  readonly requests: Readonly<Record<string, number>>;
  /** By the key of the route, so many at most. */
  readonly routes: Readonly<Record<string, IRouteFigures>>;
  readonly kernel: IKernelFigures;
  /** In milliseconds. */
  readonly connectionDuration: IHistogramFigures;
  /** In bytes. */
  readonly bytesTransferred: IHistogramFigures;
  /** In milliseconds. */
  readonly requestDuration: IHistogramFigures;
  readonly process: {
    /** Seconds of processor time. */
    readonly cpuSeconds: number;
    readonly residentBytes: number;
    readonly heapBytes: number;
  };
}

export interface IRouteFigures {
  readonly active: number;
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** By the class of their status: `requests[2]` is 200 to 299. */
  readonly requests: readonly number[];
}

export interface IKernelFigures {
  readonly active: number;
  readonly connections: number;
  readonly refused: number;
  readonly limited: number;
  readonly dropped: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** How many values were not above each bound. */
export interface IHistogramFigures {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export interface IAdminUpdate {
  /** Lose functions that JSON cannot bring. */
  readonly force: boolean;
  /** Cut the connections of routes that are gone. */
  readonly closeRemoved: boolean;
}

/** Events of the proxy under their names, of which one is about each request and one about each connection that comes. */
export const adminEventKinds = [
  'connection',
  'connection-end',
  'request',
  'route-update',
  'certificate',
  'target-down',
  'target-up',
  'error',
] as const;

export type TAdminEventKind = (typeof adminEventKinds)[number];

export interface IAdminEvent {
  /** `dropped`: `count` of them were lost on their way here. */
  readonly kind: TAdminEventKind | 'dropped';
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly data: object;
}
