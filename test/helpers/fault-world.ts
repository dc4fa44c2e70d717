// One connection through one proxy or two, at a given step of its life, with faults done to it.

import type { Socket } from 'node:net';
import net from 'node:net';
import type { IRouteMatch, IRouteTimeouts, TEnd } from '../../ts/index.js';
import { closedPort, startOrigin } from './origins.js';
import { type IStartedProxy, makeForwardRoute, startProxy } from './start-proxy.js';
import { someTurns, until } from './until.js';

/** `burst`: bytes and a reset that arrive together. */
type TAct = 'FIN' | 'RST' | 'answers' | 'burst';
export type TFault = `${'client' | 'target'} ${TAct}`;

/** How far the connection has come when the faults begin. */
export interface IStep {
  /** `peek`: the proxy has read `opening` and waits for more. */
  readonly at: 'peek' | 'dial' | 'transfer';
  /** What the port needs to see. */
  readonly match?: Omit<IRouteMatch, 'ports'>;
  /** Default `open`. */
  readonly target?: 'open' | 'refused' | 'blackhole';
  /** What the client has sent. */
  readonly opening?: Buffer;
  /** Bytes have gone both ways. */
  readonly exchanged?: boolean;
  /** Reads nothing, while the other sends until nobody takes more. */
  readonly stuck?: 'client' | 'target';
}

export interface ICell {
  readonly step: IStep;
  readonly faults: readonly TFault[];
  /** Whether a side answers a FIN by its own. */
  readonly polite: boolean;
  readonly limits: IRouteTimeouts & { readonly initialDataTimeout?: number };
  /** How many proxies in a row. */
  readonly proxies: 1 | 2;
  readonly blackhole: number;
}

/**
 * `-`: nothing, or there was nobody to see it. `own`: it ended the connection itself before it saw anything. After its
 * own FIN a side that had not read may take a reset for a FIN: a table says `end` then.
 */
export type TSeen = 'FIN' | 'RST' | 'end' | 'own' | '-';

export interface IOutcome {
  /** From the client's side; null: no connection reached that proxy. */
  readonly ends: readonly (TEnd | null)[];
  readonly client: TSeen;
  readonly target: TSeen;
}

export async function runCell(cell: ICell): Promise<IOutcome> {
  const { step, faults, polite } = cell;
  const targets: Side[] = [];
  await using origin = await startOrigin((socket) => targets.push(new Side(socket, polite, step.stuck !== 'target')));
  await using chain = await startChain(cell, await targetPort(cell, origin.port));
  const client = new Side(net.connect({ port: chain.port, host: '127.0.0.1', allowHalfOpen: true }), polite, false);
  await client.connected();
  if (step.stuck !== 'client') client.read();
  await reachStep(step, client, targets, chain.proxies);
  for (const fault of faults) await act(fault, client, targets);
  const ends = await chain.ends();
  // What a side that did not read has missed, it sees now.
  for (const side of [client, ...targets]) {
    side.read();
    await side.settled();
  }
  client.socket.destroy();
  return { ends, client: client.saw, target: targets[0]?.saw ?? '-' };
}

class Side {
  saw: TSeen = '-';
  bytes = 0;
  readonly socket: Socket;

  constructor(socket: Socket, polite: boolean, reads: boolean) {
    this.socket = socket;
    socket.pause();
    socket.on('data', (chunk) => {
      this.bytes += chunk.length;
    });
    socket.on('end', () => {
      this.#see(hasPeer(socket) ? 'FIN' : 'RST');
      if (polite) socket.end();
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNRESET' || code === 'EPIPE') this.#see('RST');
    });
    socket.on('close', () => this.#see('own'));
    if (reads) this.read();
  }

  read(): void {
    this.socket.resume();
  }

  async connected(): Promise<void> {
    await until(
      () => !this.socket.connecting,
      5_000,
      () => 'connected',
    );
  }

  async settled(): Promise<void> {
    await until(
      () => this.saw !== '-',
      5_000,
      () => 'that both sides see the end',
    );
  }

  async floodUntilStuck(): Promise<void> {
    const { socket } = this;
    const chunk = Buffer.alloc(65_536);
    const more = () => {
      while (!socket.destroyed && !socket.writableEnded && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
    // Takers with large buffers pause now and then: only a longer silence tells that all are full.
    let sent = -1;
    for (let same = 0; same < 10; same++) {
      if (sent !== socket.bytesWritten - socket.writableLength) same = 0;
      sent = socket.bytesWritten - socket.writableLength;
      await someTurns(30);
    }
  }

  #see(what: TSeen): void {
    if (this.saw === '-') this.saw = what;
  }
}

/** Where a reset comes together with bytes, Node calls it an end; but then the connection has no peer any more. */
function hasPeer(socket: Socket): boolean {
  const { _handle: handle } = socket as { _handle?: { getpeername(into: object): number } | null };
  return socket.writableEnded || handle?.getpeername({}) === 0;
}

async function reachStep(step: IStep, client: Side, targets: Side[], proxies: readonly IStartedProxy[]): Promise<void> {
  if (step.opening !== undefined) client.socket.write(step.opening);
  const isThere = ({ proxy, ended }: IStartedProxy, phase: string) =>
    ended.length > 0 || proxy.getConnections()[0]?.phase === phase;
  const asked = step.at === 'peek' ? proxies.slice(0, 1) : step.at === 'dial' ? proxies.slice(-1) : proxies;
  await until(
    () => asked.every((one) => isThere(one, step.at)) && (step.at !== 'transfer' || targets.length > 0),
    5_000,
    () => `the connection is at ${step.at}`,
  );
  // Bytes that were sent before are with the proxy then.
  if (step.at !== 'transfer') return await someTurns(25);
  const [target] = targets;
  if (target === undefined) return;
  if (step.exchanged) {
    client.socket.write('from the client');
    target.socket.write('from the target');
    await until(
      () => client.bytes >= 15 && target.bytes >= 15,
      5_000,
      () => 'bytes have gone both ways',
    );
  }
  if (step.stuck === 'client') await target.floodUntilStuck();
  if (step.stuck === 'target') await client.floodUntilStuck();
}

async function act(fault: TFault, client: Side, targets: Side[]): Promise<void> {
  const [who, what] = fault.split(' ') as ['client' | 'target', TAct];
  const side = who === 'client' ? client : targets[0];
  if (side === undefined) throw new Error('there is no target yet');
  if (what === 'burst') side.socket.write(Buffer.alloc(200_000));
  if (what === 'FIN') side.socket.end();
  else if (what !== 'answers') side.socket.resetAndDestroy();
  else side.socket.write('an answer');
  // To be seen by everybody before the next one.
  await someTurns(15);
}

async function targetPort({ step, blackhole }: ICell, open: number): Promise<number> {
  if (step.target === 'refused') return await closedPort();
  return step.target === 'blackhole' ? blackhole : open;
}

interface IChain extends AsyncDisposable {
  readonly proxies: readonly IStartedProxy[];
  readonly port: number;
  /** Resolves when nothing is left in any of them. */
  ends(): Promise<(TEnd | null)[]>;
}

/** Only the limit that the cell is about is short; in front of another proxy it is longer, so that the inner one decides. */
async function startChain({ step, limits, proxies: count }: ICell, target: number): Promise<IChain> {
  const proxies: IStartedProxy[] = [];
  for (let index = 0; index < count; index++) {
    const to = proxies[0]?.port ?? target;
    const scaled = Object.fromEntries(Object.entries(limits).map(([name, ms]) => [name, Number(ms) * 4 ** index]));
    const route = makeForwardRoute(to, { match: { ports: 0, ...step.match } });
    proxies.unshift(await startProxy({ ...patient, ...scaled, routes: [route] }));
  }
  return {
    proxies,
    port: proxies[0]?.port ?? 0,
    async ends() {
      await until(
        () => proxies.every(({ proxy }) => proxy.getConnections().length === 0) && (proxies[0]?.ended.length ?? 0) > 0,
        15_000,
        () => `no connection: ${JSON.stringify(proxies.map(({ proxy }) => proxy.getConnections()))}`,
      );
      return proxies.map(({ ended }) => ended[0]?.end ?? null);
    },
    async [Symbol.asyncDispose]() {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    },
  };
}

/** Limits that no cell reaches. */
const patient = {
  initialDataTimeout: 30_000,
  connectionTimeout: 30_000,
  inactivityTimeout: 30_000,
  halfOpenTimeout: 30_000,
  stallTimeout: 30_000,
};
