// The ports of all workers: bound here once, listened on by each of them. One that dies takes no port with it, nor what waits there.

import type { IListeningPoint } from '../config/change.js';
import * as plugins from '../plugins.js';
import { bindPort, type IBoundPort } from './handles.js';

export class SharedPorts {
  readonly #bound = new Map<string, IBoundPort>();

  /** Ascending; free ports as they turned out. */
  get numbers(): number[] {
    return [...new Set([...this.#bound.values()].map(({ port }) => port))].sort((a, b) => a - b);
  }

  /** Binds it, unless it is. Port 0 is one port for everybody who asks. @throws Error with the system's code */
  async open({ address, port }: IListeningPoint): Promise<IBoundPort> {
    const isName = address !== null && plugins.net.isIP(address) === 0;
    const bindTo = isName ? (await plugins.dns.promises.lookup(address)).address : address;
    const key = keyOf({ address, port });
    const bound = this.#bound.get(key) ?? bindPort(bindTo, port);
    this.#bound.set(key, bound);
    return bound;
  }

  /** Lets go of all others. */
  keep(points: readonly IListeningPoint[]): void {
    const kept = new Set(points.map(keyOf));
    for (const [key, { handle }] of this.#bound) {
      if (kept.has(key)) continue;
      this.#bound.delete(key);
      handle.close();
    }
  }
}

const keyOf = ({ address, port }: IListeningPoint): string => `${address ?? ''}#${port}`;
