// The connections to the interface: where there are too many, those that have shown nothing give way, so that strangers who hold
// theirs open keep nobody out.

import type { Socket } from 'node:net';

export class Crowd {
  readonly #most: number;
  /** Without a request that was let in, the oldest first. */
  readonly #strangers = new Set<Socket>();
  readonly #known = new Set<Socket>();

  constructor(most: number) {
    this.#most = most;
  }

  came(socket: Socket): void {
    this.#strangers.add(socket);
    socket.once('close', () => {
      this.#strangers.delete(socket);
      this.#known.delete(socket);
    });
    if (this.#strangers.size + this.#known.size <= this.#most) return;
    // It is this one where all others are known.
    const [oldest = socket] = this.#strangers;
    this.#strangers.delete(oldest);
    oldest.destroy();
  }

  /** A request of it was let in. */
  knows(socket: Socket): void {
    if (this.#strangers.delete(socket)) this.#known.add(socket);
  }
}
