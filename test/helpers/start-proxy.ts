// A live proxy that checks, when it is disposed of, that it left nothing behind.

import assert from 'node:assert/strict';
import type { IConnectionRecord, IHostParts, IRouteConfig, ISmartProxyOptions, TEnd, TPhase } from '../../ts/index.js';
import { endTable, SmartProxy } from '../../ts/index.js';
import { until } from './until.js';

export interface IStartedProxy extends AsyncDisposable {
  readonly proxy: SmartProxy;
  /** The first of its ports. */
  readonly port: number;
  /** Every connection that ended, in order. */
  readonly ended: { readonly connection: IConnectionRecord; readonly end: TEnd }[];
  /** Resolves with the next `count` ends that have not been asked for yet. */
  ends(count?: number): Promise<TEnd[]>;
}

export interface IStartOptions extends Partial<ISmartProxyOptions> {
  /** Milliseconds that connections get to end by themselves at disposal. Default 3 000. */
  settleMs?: number;
}

/** Listens on loopback; routes without a port get a free one. */
export async function startProxy(options: IStartOptions, parts: IHostParts = {}): Promise<IStartedProxy> {
  const { settleMs = 3_000, ...given } = options;
  const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: [], ...given }, parts);
  const ended: { connection: IConnectionRecord; end: TEnd }[] = [];
  let asked = 0;
  proxy.on('connection-end', (connection, end) => ended.push({ connection, end }));
  await proxy.start();
  return {
    proxy,
    get port() {
      return proxy.getListeningPorts()[0] ?? 0;
    },
    ended,
    async ends(count = 1) {
      await until(
        () => ended.length >= asked + count,
        5_000,
        () => `${count} ends, has ${ended.length - asked}`,
      );
      const words = ended.slice(asked, asked + count).map(({ end }) => end);
      asked += count;
      return words;
    },
    async [Symbol.asyncDispose]() {
      try {
        await until(
          () => proxy.getConnections().length === 0,
          settleMs,
          () => `no live connection, has ${JSON.stringify(proxy.getConnections())}`,
        );
      } finally {
        await proxy.stop({ graceMs: 0 });
      }
      const { connections, ends } = proxy.getMetrics();
      const endCount = Object.values(ends).reduce((sum, count) => sum + count, 0);
      assert.equal(connections.active, 0, 'connections are left');
      assert.equal(endCount, connections.total, 'not every connection has ended exactly once');
      for (const { connection, end } of ended) {
        const phases: readonly TPhase[] = endTable[end].phases;
        assert.ok(phases.includes(connection.phase), `${end} in phase ${connection.phase}, which its table denies`);
      }
      assert.deepEqual(proxy.getListeningPorts(), [], 'ports are left open');
    },
  };
}

/** One route on a free port that forwards everything to a local port. */
export function makeForwardRoute(targetPort: number, more: Partial<IRouteConfig> = {}): IRouteConfig {
  return {
    name: `to-${targetPort}`,
    match: { ports: 0 },
    action: { type: 'forward', target: { host: '127.0.0.1', port: targetPort } },
    ...more,
  };
}
