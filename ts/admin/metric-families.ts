// What Prometheus is told of a proxy, by name. docs/metrics.md has the same names; a test compares them.

import type { IAdminCertificate, IAdminFigures, IAdminStatus, IAdminTarget, IHistogramFigures } from './view.js';

/** Of what the text is made. */
export interface IScrape {
  readonly status: IAdminStatus;
  readonly figures: IAdminFigures;
  readonly targets: readonly IAdminTarget[];
  readonly certificates: readonly IAdminCertificate[];
  /** The interface's own. */
  readonly admin: { readonly eventsDropped: number; readonly authenticationFailures: number };
}

/** Targets and certificates that are told one by one: by the name first. */
export const maxListed = 1000;

export type TSample = readonly [value: number, labels?: Readonly<Record<string, string>>];

export interface IFamily {
  readonly name: string;
  readonly help: string;
  /** A counter ends in `_total`; a list of samples with different labels each. */
  readonly of: (scrape: IScrape) => Iterable<TSample>;
}

export interface IHistogramFamily {
  readonly name: string;
  readonly help: string;
  /** What a bound is divided by. */
  readonly unit: number;
  readonly of: (figures: IAdminFigures) => IHistogramFigures;
}

const one = (value: (scrape: IScrape) => number) => (scrape: IScrape) => [[value(scrape)] as const];

const each = (label: string, of: (scrape: IScrape) => Readonly<Record<string, number>>) => (scrape: IScrape) =>
  Object.entries(of(scrape)).map(([key, value]) => [value, { [label]: key }] as const);

const eachRoute = (value: 'active' | 'connections' | 'bytesIn' | 'bytesOut') => (scrape: IScrape) =>
  Object.entries(scrape.figures.routes).map(([route, figures]) => [figures[value], { route }] as const);

/** In the order in which they are written. */
export const families: readonly IFamily[] = [
  {
    name: 'smartproxy_info',
    help: 'Always 1; the version of the proxy and of Node.',
    of: ({ status: { version, node } }) => [[1, { version, node }]],
  },
  {
    name: 'smartproxy_ready',
    help: '1 while all ports listen and no stop has begun.',
    of: one(({ status }) => (status.state === 'running' ? 1 : 0)),
  },
  {
    name: 'smartproxy_start_time_seconds',
    help: 'When the proxy was made, in seconds since 1970.',
    of: one(({ status }) => status.startedAt / 1000),
  },
  {
    name: 'smartproxy_routes',
    help: 'Routes in force.',
    of: one(({ status }) => status.routes),
  },
  {
    name: 'smartproxy_config_updates_total',
    help: 'Updates of the routes.',
    of: one(({ status }) => status.config.updates),
  },
  {
    name: 'smartproxy_config_last_update_timestamp_seconds',
    help: 'When the routes in force came, in seconds since 1970.',
    of: one(({ status }) => status.config.since / 1000),
  },
  {
    name: 'smartproxy_active_connections',
    help: 'Live connections, those that the kernel forwards included.',
    of: one(({ figures }) => figures.connections.active),
  },
  {
    name: 'smartproxy_max_connections',
    help: 'How many connections may live at a time.',
    of: one(({ figures }) => figures.connections.max),
  },
  {
    name: 'smartproxy_connections_accepted_total',
    help: 'Connections that were accepted.',
    of: one(({ figures }) => figures.connections.accepted),
  },
  {
    name: 'smartproxy_connections_ended_total',
    help: 'Connections that ended, by the reason.',
    of: each('reason', ({ figures }) => figures.connections.ended),
  },
  {
    name: 'smartproxy_connections_refused_total',
    help: 'Clients closed on arrival, by the reason; they are in no other number.',
    of: each('reason', ({ figures }) => figures.connections.refused),
  },
  {
    name: 'smartproxy_received_bytes_total',
    help: 'Bytes from clients, inside TLS where it is terminated.',
    of: one(({ figures }) => figures.bytesIn),
  },
  {
    name: 'smartproxy_sent_bytes_total',
    help: 'Bytes to clients, inside TLS where it is terminated.',
    of: one(({ figures }) => figures.bytesOut),
  },
  {
    name: 'smartproxy_requests_total',
    help: 'HTTP requests by the status of their answer; 499: the client left before it.',
    of: each('code', ({ figures }) => figures.requests),
  },
  {
    name: 'smartproxy_route_active_connections',
    help: 'Live connections of a route.',
    of: eachRoute('active'),
  },
  {
    name: 'smartproxy_route_connections_total',
    help: 'Connections that came to a route.',
    of: eachRoute('connections'),
  },
  {
    name: 'smartproxy_route_received_bytes_total',
    help: 'Bytes from clients of a route.',
    of: eachRoute('bytesIn'),
  },
  {
    name: 'smartproxy_route_sent_bytes_total',
    help: 'Bytes to clients of a route.',
    of: eachRoute('bytesOut'),
  },
  {
    name: 'smartproxy_route_requests_total',
    help: 'HTTP requests of a route, by the class of their status.',
    of: requestsOfRoutes,
  },
  {
    name: 'smartproxy_target_up',
    help: '1 while a target is used, 0 while it is passed over.',
    of: ({ targets }) => byLabel('target', targets, ({ target, up }) => [target, up ? 1 : 0], Math.min),
  },
  {
    name: 'smartproxy_target_active_connections',
    help: 'Connections and dials to a target.',
    of: ({ targets }) => byLabel('target', targets, ({ target, active }) => [target, active], sum),
  },
  {
    name: 'smartproxy_certificate_expiry_timestamp_seconds',
    help: 'When a certificate ends, by its first name, in seconds since 1970; 0: there is none yet.',
    of: ({ certificates }) =>
      byLabel(
        'certificate',
        certificates,
        ({ names, id, notAfter }) => [names[0] ?? id, (notAfter ?? 0) / 1000],
        Math.min,
      ),
  },
  {
    name: 'smartproxy_kernel_active_connections',
    help: 'Connections that the kernel forwards.',
    of: one(({ figures }) => figures.kernel.active),
  },
  {
    name: 'smartproxy_kernel_connections_total',
    help: 'Connections that the kernel sent to a target.',
    of: one(({ figures }) => figures.kernel.connections),
  },
  {
    name: 'smartproxy_kernel_dropped_packets_total',
    help: 'Packets that the kernel did not forward: of clients that lists refused, beyond maxConnections, beyond maxRate.',
    of: ({ figures: { kernel } }) => [
      [kernel.refused, { reason: 'refused' }],
      [kernel.limited, { reason: 'limited' }],
      [kernel.dropped, { reason: 'rate' }],
    ],
  },
  {
    name: 'smartproxy_kernel_received_bytes_total',
    help: 'Bytes from clients by way of the kernel, as IP packets.',
    of: one(({ figures }) => figures.kernel.bytesIn),
  },
  {
    name: 'smartproxy_kernel_sent_bytes_total',
    help: 'Bytes to clients by way of the kernel, as IP packets.',
    of: one(({ figures }) => figures.kernel.bytesOut),
  },
  {
    name: 'smartproxy_process_cpu_seconds_total',
    help: 'Processor time of the whole process.',
    of: one(({ figures }) => figures.process.cpuSeconds),
  },
  {
    name: 'smartproxy_process_resident_memory_bytes',
    help: 'Memory of the whole process.',
    of: one(({ figures }) => figures.process.residentBytes),
  },
  {
    name: 'smartproxy_process_heap_bytes',
    help: 'JavaScript objects of the whole process.',
    of: one(({ figures }) => figures.process.heapBytes),
  },
  {
    name: 'smartproxy_admin_dropped_events_total',
    help: 'Events that a listener of the admin interface did not take in time.',
    of: one(({ admin }) => admin.eventsDropped),
  },
  {
    name: 'smartproxy_admin_authentication_failures_total',
    help: 'Requests to the admin interface with a wrong token.',
    of: one(({ admin }) => admin.authenticationFailures),
  },
];

export const histogramFamilies: readonly IHistogramFamily[] = [
  {
    name: 'smartproxy_connection_duration_seconds',
    help: 'How long ended connections lasted.',
    unit: 1000,
    of: (figures) => figures.connectionDuration,
  },
  {
    name: 'smartproxy_connection_bytes',
    help: 'What ended connections moved, both ways together.',
    unit: 1,
    of: (figures) => figures.bytesTransferred,
  },
  {
    name: 'smartproxy_request_duration_seconds',
    help: 'How long HTTP requests took, from the head to the end of the answer.',
    unit: 1000,
    of: (figures) => figures.requestDuration,
  },
];

function* requestsOfRoutes({ figures }: IScrape): Generator<TSample> {
  for (const [route, { requests }] of Object.entries(figures.routes)) {
    for (const [kind, count] of requests.entries()) {
      if (count > 0) yield [count, { route, class: kind === 0 ? 'other' : `${kind}xx` }];
    }
  }
}

const sum = (a: number, b: number): number => a + b;

/** One sample for each label, as the format demands: several of one name become one. */
function byLabel<T>(
  label: string,
  entries: readonly T[],
  read: (entry: T) => readonly [name: string, value: number],
  join: (a: number, b: number) => number,
): TSample[] {
  const values = new Map<string, number>();
  for (const entry of entries) {
    const [name, value] = read(entry);
    const known = values.get(name);
    if (known !== undefined) values.set(name, join(known, value));
    else if (values.size < maxListed) values.set(name, value);
  }
  return Array.from(values, ([name, value]) => [value, { [label]: name }] as const);
}
