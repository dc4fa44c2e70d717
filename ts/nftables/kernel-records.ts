// The connections that the kernel forwards, as records: one for each that connection tracking knows by our marks.
//
// This process learns of them when it looks, so that forwarding costs it nothing: a record begins at the first look that
// finds its connection, and is released, as `nftables_closed`, at the first that does not.

import type { IFlow } from './conntrack.js';
import type { TTransport } from './kernel-route.js';

export interface IKernelConnection {
  /** Unique in this process. */
  readonly id: string;
  readonly transport: TTransport;
  readonly clientIp: string;
  readonly clientPort: number;
  /** Our address and port that the client reached. */
  readonly serverIp: string;
  readonly serverPort: number;
  /** Key of the route. */
  readonly route: string;
  readonly target: { readonly host: string; readonly port: number };
  /** From the client, headers included; null where the kernel does not count (net.netfilter.nf_conntrack_acct is 0). */
  readonly bytesReceived: number | null;
  /** To the client. */
  readonly bytesSent: number | null;
  /** When it was seen first, milliseconds since 1970. */
  readonly since: number;
}

/** Is told what the looks find. */
export interface IKernelObserver {
  kernelOpened(connection: IKernelConnection): void;
  kernelClosed(connection: IKernelConnection): void;
}

/** More are counted by the counters alone. */
export const maxRecords = 100_000;

export class KernelRecords {
  readonly #observer: IKernelObserver;
  readonly #prefix: string;
  /** null: it is over and the kernel still keeps it for stray packets. */
  readonly #byFlow = new Map<string, IKernelConnection | null>();
  #live = 0;
  #serial = 0;

  constructor(observer: IKernelObserver, prefix: string) {
    this.#observer = observer;
    this.#prefix = prefix;
  }

  get size(): number {
    return this.#live;
  }

  *[Symbol.iterator](): Generator<IKernelConnection> {
    for (const record of this.#byFlow.values()) if (record !== null) yield record;
  }

  /** `routeOf`: the key of the route with this mark; null: it is gone, and its connections go on. */
  update(flows: readonly IFlow[], routeOf: (mark: number) => string | null, wallMs: number): void {
    const seen = new Set<string>();
    for (const flow of flows) {
      seen.add(flow.id);
      this.#look(flow, routeOf, wallMs);
    }
    for (const id of [...this.#byFlow.keys()]) {
      if (!seen.has(id)) this.#release(id, true);
    }
  }

  /** Releases all. */
  clear(): void {
    this.update([], () => null, 0);
  }

  #look(flow: IFlow, routeOf: (mark: number) => string | null, wallMs: number): void {
    const known = this.#byFlow.get(flow.id);
    if (known === null) return;
    if (known === undefined) {
      const route = routeOf(flow.mark);
      if (route === null || this.#byFlow.size >= maxRecords) return;
      const record = recordOf(flow, `${this.#prefix}k${(++this.#serial).toString(36)}`, route, wallMs);
      this.#byFlow.set(flow.id, record);
      this.#live++;
      this.#observer.kernelOpened(record);
    } else if (known.bytesReceived !== flow.original.bytes || known.bytesSent !== flow.reply.bytes) {
      this.#byFlow.set(flow.id, { ...known, ...bytesOf(flow) });
    }
    if (!flow.isOpen) this.#release(flow.id, false);
  }

  #release(id: string, isGone: boolean): void {
    const record = this.#byFlow.get(id);
    if (isGone) this.#byFlow.delete(id);
    else this.#byFlow.set(id, null);
    if (record === null || record === undefined) return;
    this.#live--;
    this.#observer.kernelClosed(record);
  }
}

const bytesOf = ({ original, reply }: IFlow) => ({ bytesReceived: original.bytes, bytesSent: reply.bytes });

const recordOf = (flow: IFlow, id: string, route: string, wallMs: number): IKernelConnection => ({
  id,
  transport: flow.transport,
  clientIp: flow.original.source,
  clientPort: flow.original.sourcePort,
  serverIp: flow.original.destination,
  serverPort: flow.original.destinationPort,
  route,
  target: { host: flow.reply.source, port: flow.reply.sourcePort },
  ...bytesOf(flow),
  since: wallMs,
});
