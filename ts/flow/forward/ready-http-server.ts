// A socket handler that is an HTTP/1.1 server of Node's, for listeners `(request, response)` that a program already has.

import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type ITimer, systemClock } from '../../base/clock.js';
import type { TSocketHandler } from '../../config/types.js';
import * as plugins from '../../plugins.js';

/** A server that does not listen runs none of Node's own clocks for heads: this is ours, from the first moment on. */
const headMs = 10_000;
/** Idle time between requests. */
const keepAliveMs = 5_000;

/**
 * Requests of the connection go to `listener`, one after the other. What it throws or rejects with is answered by 500, if nothing was
 * said yet, and ends the connection as every failure of a socket handler does.
 */
export function httpServer(listener: RequestListener): TSocketHandler {
  let server: Server | null = null;
  const visits = new WeakMap<Socket, Visit>();
  return (socket) => {
    server ??= makeServer(listener, visits);
    const visit = new Visit(socket);
    visits.set(socket, visit);
    server.emit('connection', socket);
    return visit.over;
  };
}

function makeServer(listener: RequestListener, visits: WeakMap<Socket, Visit>): Server {
  const server = plugins.requireHttp().createServer({ keepAliveTimeout: keepAliveMs });
  server.on('request', (request, response) => {
    const visit = visits.get(request.socket);
    visit?.begun(response);
    const failed = (error: unknown) => visit?.failed(response, error);
    // Without a listener, writing after the end would be thrown into the program.
    response.on('error', failed);
    try {
      const result: unknown = listener(request as IncomingMessage, response);
      Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
  });
  return server;
}

/** One connection: how long it may take to ask, and how it ends. */
class Visit {
  /** Resolves when the connection is closed; rejects with what the listener failed with. */
  readonly over: Promise<void>;
  readonly #socket: Socket;
  #timer: ITimer | null = null;
  #answering = 0;
  #failed = false;
  #reject: (error: unknown) => void = ignore;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.over = new Promise((resolve, reject) => {
      this.#reject = reject;
      socket.once('close', () => {
        this.#stop();
        if (!this.#failed) resolve();
      });
    });
    this.#wait(headMs);
  }

  begun(response: ServerResponse): void {
    this.#stop();
    this.#answering++;
    response.once('close', () => {
      this.#answering--;
      if (this.#answering === 0 && !this.#socket.destroyed) this.#wait(keepAliveMs + headMs);
    });
  }

  failed(response: ServerResponse, error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    const end = () => this.#reject(error);
    if (response.headersSent || this.#socket.destroyed) return end();
    // The listener's own fields may be half of an answer, or be what failed.
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    this.#socket.once('close', end);
    response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
    response.end('500 Internal Server Error\n', end);
  }

  #wait(ms: number): void {
    this.#stop();
    this.#timer = systemClock.setTimer(() => this.#socket.destroy(), ms);
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

function ignore(): void {}
