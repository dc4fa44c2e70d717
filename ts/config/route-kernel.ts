// Which routes the kernel forwards, and how, as the code reads it.

import { kernelDefaults } from './defaults.js';
import { bytesOfRate } from './kernel-text.js';
import type { IResolvedKernel } from './resolved-kernel.js';
import type { IRouteConfig, ISmartProxyOptions } from './types.js';
import { withDefaults } from './with-defaults.js';

/** True for a route that the kernel forwards. */
export const isKernelRoute = ({ action }: Pick<IRouteConfig, 'action'>): boolean =>
  action?.type === 'forward' && action.forwardingEngine === 'nftables';

/** null: this process serves the route. */
export function resolveKernel(route: IRouteConfig, options: ISmartProxyOptions): IResolvedKernel | null {
  const { action } = route;
  if (action.type !== 'forward' || action.forwardingEngine !== 'nftables') return null;
  const rules = withDefaults(kernelDefaults, action.nftables);
  return Object.freeze({
    transports: Object.freeze(rules.protocol === 'all' ? (['tcp', 'udp'] as const) : ([rules.protocol] as const)),
    preserveSourceIP: rules.preserveSourceIP ?? options.preserveSourceIP ?? false,
    maxRateBytes: rules.maxRate === undefined ? null : bytesOfRate(rules.maxRate),
    trafficPriority: rules.priority ?? null,
    tableName: rules.tableName ?? null,
    useSets: rules.useIPSets,
    randomPorts: rules.useAdvancedNAT,
    markPackets: rules.markConnections,
    logPrefix: rules.log === false ? null : rules.log === true ? (route.name ?? 'smartproxy').slice(0, 64) : rules.log,
    changeSysctls: rules.changeSysctls,
    redirect: rules.redirect,
    fallback: rules.fallback === 'node',
  });
}
