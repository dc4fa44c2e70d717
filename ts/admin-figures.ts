// The metrics of one process in the form that Prometheus is told, and that can be added up over processes.

import type { IAdminFigures, IRouteFigures } from './admin/view.js';
import type { Metrics } from './observe/metrics.js';
import type { IMetrics } from './observe/metrics-types.js';
import { maxCountedRoutes } from './observe/route-counts.js';
import * as plugins from './plugins.js';

/** Of what is above `maxCountedRoutes`. */
const otherRoutes = 'other';

/** 2^n - 1 for each: what ends a bucket of ours. */
const powers = (first: number, last: number, step: number): readonly number[] =>
  Array.from({ length: (last - first) / step + 1 }, (_, index) => 2 ** (first + index * step) - 1);

const bounds = {
  /** 1 ms to 131 s. */
  requestDuration: powers(1, 17, 1),
  /** 3 ms to 18.6 h. */
  connectionDuration: powers(2, 26, 2),
  /** 255 bytes to a terabyte. */
  bytesTransferred: powers(8, 40, 4),
};

export function figuresOf(metrics: Pick<Metrics, 'getMetrics' | 'histograms'>, maxConnections: number): IAdminFigures {
  const known = metrics.getMetrics();
  const { connections, totals, requests, ends, refused, kernel } = known;
  const { rss, heapUsed } = plugins.process.memoryUsage();
  const { active, connections: sent, refused: denied, limited, dropped, bytesIn, bytesOut } = kernel;
  return {
    connections: {
      active: connections.active,
      max: maxConnections,
      accepted: connections.total,
      refused: occurred(refused),
      ended: occurred(ends),
    },
    bytesIn: totals.bytesIn,
    bytesOut: totals.bytesOut,
    requests: Object.fromEntries(requests.byStatus()),
    routes: routesOf(known),
    kernel: { active, connections: sent, refused: denied, limited, dropped, bytesIn, bytesOut },
    ...metrics.histograms(bounds),
    process: { cpuSeconds: cpuSeconds(), residentBytes: rss, heapBytes: heapUsed },
  };
}

/** Of this process, since it began. */
export function cpuSeconds(): number {
  const { user, system } = plugins.process.cpuUsage();
  return (user + system) / 1_000_000;
}

const occurred = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

/** Those that the kernel forwards are counted there, by packets. */
function routesOf({ byRoute, kernel, connections }: IMetrics): Record<string, IRouteFigures> {
  const routes = new Map<string, IRouteFigures>();
  for (const [route, counters] of byRoute()) routes.set(route, { active: 0, ...counters });
  for (const [route, { connections: sent, bytesIn, bytesOut }] of kernel.byRoute()) {
    if (routes.size <= maxCountedRoutes) {
      routes.set(route, { active: 0, connections: sent, bytesIn, bytesOut, requests: [] });
    }
  }
  for (const [route, active] of connections.byRoute()) {
    const key = routes.has(route) ? route : otherRoutes;
    const figures = routes.get(key) ?? { active: 0, connections: 0, bytesIn: 0, bytesOut: 0, requests: [] };
    routes.set(key, { ...figures, active: figures.active + active });
  }
  return Object.fromEntries(routes);
}
