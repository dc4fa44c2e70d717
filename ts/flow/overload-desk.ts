// What is said to clients for whom there is no place: a request of plain HTTP is answered by 503, all else is closed.

import type { Socket } from 'node:net';
import type { IClock, ITimer } from '../base/clock.js';
import { recognise } from '../codec/recognise.js';

/** How long a client has to send its request, and then to take the answer. */
const patienceMs = 1_000;

const answer =
  'HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n' +
  'Retry-After: 1\r\nContent-Length: 24\r\nConnection: close\r\n\r\n503 Service Unavailable\n';

/** Nobody at the desk is a connection of the proxy: nothing of it is matched, guarded or counted there. */
export class OverloadDesk {
  readonly #clock: IClock;
  readonly #waiting = new Map<Socket, ITimer>();

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Takes a socket whose errors are handled, if there is room at the desk; it is closed by then, whatever becomes of it. */
  take(socket: Socket, room: number): boolean {
    if (this.#waiting.size >= room) return false;
    this.#waiting.set(
      socket,
      this.#clock.setTimer(() => socket.destroy(), patienceMs),
    );
    socket.once('close', () => {
      this.#waiting.get(socket)?.cancel();
      this.#waiting.delete(socket);
    });
    socket.once('end', () => {
      if (!socket.writableEnded) socket.destroy();
      else socket.destroySoon();
    });
    socket.once('data', (bytes: Buffer) => {
      const recognised = recognise(bytes);
      const isHttp = recognised.kind === 'done' && recognised.value.protocol === 'http';
      if (!isHttp || recognised.value.http2Preface) return void socket.destroy();
      // What else the client sends is read, so that no reset takes the answer from it.
      socket.resume();
      socket.end(answer, 'latin1');
    });
    return true;
  }

  /** The proxy has stopped. */
  close(): void {
    for (const socket of this.#waiting.keys()) socket.destroy();
  }
}
