// A proxy in a network namespace of its own: does what a test asks for.

import {
  type IExplainQuery,
  type INfTablesProxyOptions,
  type IRouteConfig,
  type ISmartProxyOptions,
  type IUpdateOptions,
  NfTablesProxy,
  ProxyWorkers,
  SmartProxy,
} from '../../ts/index.js';
import { workerRun } from './start-workers.js';

let proxy: SmartProxy | null = null;
let alone: NfTablesProxy | null = null;
let workers: ProxyWorkers | null = null;
const ended: string[] = [];
const clients: string[] = [];

const operations: Record<string, (wish: never) => unknown> = {
  async start(options: ISmartProxyOptions) {
    proxy = new SmartProxy(options);
    proxy.on('connection-end', ({ route }, end) => ended.push(`${route} ${end}`));
    proxy.on('connection', ({ route, clientIp }) => clients.push(`${route} ${clientIp}`));
    await proxy.start();
    return proxy.getListeningPorts();
  },
  async update({ routes, options }: { routes: IRouteConfig[]; options?: IUpdateOptions }) {
    return await proxy?.updateRoutes(routes, options);
  },
  plan: ({ routes }: { routes: IRouteConfig[] }) => proxy?.plan(routes),
  explain: (query: IExplainQuery) => proxy?.explain(query),
  status: async () => await proxy?.getNfTablesStatus(),
  statistics: () => proxy?.getStatistics(),
  connections: () => proxy?.getConnections(),
  ended: () => ended,
  clients: () => clients,
  async nft(options: INfTablesProxyOptions) {
    alone = new NfTablesProxy(options);
    await alone.start();
  },
  nftStatus: () => alone?.getStatus(),
  nftStop: () => alone?.stop(),
  nftClean: () => NfTablesProxy.cleanSlate(),
  async stop({ graceMs }: { graceMs: number }) {
    await proxy?.stop({ graceMs });
    proxy = null;
  },
  async startWorkers(config: ISmartProxyOptions) {
    workers = new ProxyWorkers({ config, workers: 2, ...workerRun });
    await workers.start();
    return workers.getListeningPorts();
  },
  updateWorkers: async ({ routes }: { routes: IRouteConfig[] }) => await workers?.updateRoutes(routes),
  workers: () => workers?.getWorkers().filter(({ isReady }) => isReady),
  killWorker: ({ number }: { number: number }) => {
    const found = workers?.getWorkers().find((worker) => worker.number === number);
    if (found !== undefined) process.kill(found.pid, 'SIGKILL');
  },
  workersStatus: async () => await workers?.getNfTablesStatus(),
  stopWorkers: async () => await workers?.stop({ graceMs: 0 }),
  /** Ends the process as a program would that nobody taught to stop. */
  exit: () => void setTimeout(() => process.exit(), 10),
};

process.on('message', async ({ id, operation, wish }: { id: number; operation: string; wish: unknown }) => {
  try {
    process.send?.({ id, result: await operations[operation]?.(wish as never) });
  } catch (error) {
    const { message, code, stack } = error as Error & { code?: string };
    process.send?.({ id, error: `${code}: ${message}`, stack });
  }
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0 });
