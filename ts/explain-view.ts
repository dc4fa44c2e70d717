// What `explain` is shown of a proxy: the parts that serve its traffic.

import { kernelRoutesOf } from './config/kernel-order.js';
import type { IExplainView } from './flow/explain-types.js';
import type { ISnapshot } from './flow/snapshot.js';
import type { IProxyParts } from './proxy-parts.js';

export function explainViewOf(snapshot: ISnapshot, parts: IProxyParts, isRunning: boolean): IExplainView {
  const { config, table, tableAt, isHttpPort } = snapshot;
  const { guard, connections, registry, ports, certificates } = parts;
  return {
    ...{ config, kernelRoutes: kernelRoutesOf(config), table, tableAt, isHttpPort },
    ...{ guard, live: connections, pickerFor: (route) => registry.pickerFor(route) },
    ...(isRunning ? { listening: ports.listening, certificateFor: (tls, name) => certificates.shown(tls, name) } : {}),
  };
}
