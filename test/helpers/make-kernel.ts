// Routes and tables for the kernel, with everything in them that a test does not care about.

import type { IKernelRoute, IKernelTable } from '../../ts/nftables/kernel-route.js';

export const makeKernelRoute = (parts: Partial<IKernelRoute> = {}): IKernelRoute => ({
  key: 'web',
  label: 'web',
  number: 1,
  transports: ['tcp'],
  ports: [{ from: 80, to: 80 }],
  listenAddress: null,
  clients: null,
  lists: [],
  maxConnections: null,
  targets: [{ address: '192.0.2.1', port: 8080, weight: 1 }],
  balancing: 'round-robin',
  preserveSourceIP: false,
  randomPorts: false,
  maxRateBytes: null,
  trafficPriority: null,
  markPackets: false,
  logPrefix: null,
  useSets: true,
  localClients: true,
  ...parts,
});

export const makeKernelTable = (routes: readonly IKernelRoute[], parts: Partial<IKernelTable> = {}): IKernelTable => ({
  name: 'smartproxy_1_1',
  owner: 'smartproxy pid=1 start=1 boot=0 ns=1',
  markPrefix: 0x1234,
  limits: { maxConnectionsPerIP: 0, connectionRateLimitPerMinute: 0 },
  loopback: false,
  isClosing: false,
  routes,
  ...parts,
});
