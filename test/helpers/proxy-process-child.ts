// A proxy in a process of its own: see proxy-process.ts.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { type IRouteConfig, type ISmartProxyOptions, SmartProxy } from '../../ts/index.js';
import type { IProcessState } from './proxy-process.js';

const [options = { routes: [] }, descriptors] = process.argv.slice(2).map((text) => JSON.parse(text)) as [
  ISmartProxyOptions,
  number?,
];
// From here on: Node opens all modules of a program at once, which takes more.
if (descriptors !== undefined) {
  execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${descriptors}:${descriptors}`]);
}
const folder = '/proc/self/fd';
const proxy = new SmartProxy({ listenAddress: '127.0.0.1', ...options });

function sockets(): Socket[] {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] };
  return handles.call(process).filter((handle): handle is Socket => handle instanceof Socket);
}

function queuedBytes(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { writeQueueSize?: number } | null };
  return Math.max(socket.writableLength, handle?.writeQueueSize ?? 0) + socket.readableLength;
}

/** Node opens a file to know: without a descriptor left it cannot. */
function memory(): Pick<NodeJS.MemoryUsage, 'rss' | 'heapUsed' | 'arrayBuffers'> {
  try {
    return process.memoryUsage();
  } catch {
    return { rss: 0, heapUsed: 0, arrayBuffers: 0 };
  }
}

function openDescriptors(): number {
  try {
    // One of them reads the folder.
    return readdirSync(folder).length - 1;
  } catch {
    return 0;
  }
}

function state(): IProcessState {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, arrayBuffers } = memory();
  const { connections, ends, refused } = proxy.getMetrics();
  return {
    port: proxy.getListeningPorts()[0] ?? 0,
    cpuMs: (user + system) / 1000,
    memoryBytes: rss,
    heapBytes: heapUsed,
    bufferBytes: arrayBuffers,
    mostQueuedBytes: Math.max(0, ...sockets().map(queuedBytes)),
    descriptors: openDescriptors(),
    live: connections.active,
    ends: { ...ends },
    refused: { ...refused },
  };
}

process.on('message', async (question: 'state' | 'stop' | { readonly routes: IRouteConfig[] }) => {
  if (typeof question === 'object') await proxy.updateRoutes(question.routes);
  if (question !== 'stop') return void process.send?.(state());
  await proxy.stop({ graceMs: 0 });
  process.disconnect();
});

await proxy.start();
process.send?.(state());
