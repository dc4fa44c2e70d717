// The connections to the interface: where there are too many, those that have shown nothing give way, so that strangers who hold
// theirs open keep nobody out.

import type { Socket } from 'node:net';

/** Requests of a connection that have no answer yet: Node reads thousands ahead, and no browser or script sends two. */
const maxUnanswered = 4;

export class Crowd {
  readonly #most: number;
  /** Without a request that was let in, the oldest first. */
  readonly #strangers = new Set<Socket>();
  readonly #known = new Set<Socket>();
  readonly #unanswered = new WeakMap<Socket, number>();

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

  /** A request of it came. False: it is one too many, and the connection is gone. */
  asks(socket: Socket): boolean {
    if (socket.destroyed) return false;
    const unanswered = (this.#unanswered.get(socket) ?? 0) + 1;
    this.#unanswered.set(socket, unanswered);
    if (unanswered > maxUnanswered) socket.destroy();
    return unanswered <= maxUnanswered;
  }

  answered(socket: Socket): void {
    this.#unanswered.set(socket, (this.#unanswered.get(socket) ?? 1) - 1);
  }
}
