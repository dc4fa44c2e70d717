// Two ends of a connection that stays in memory, with a socket's manners.

import type { Socket } from 'node:net';
import * as plugins from '../plugins.js';

/** Who is at the other end, as whoever serves an end is to see it. */
export interface IMemoryAddress {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

/** @returns the end to be served, and the end to speak to */
export function connectInMemory(address: IMemoryAddress): [served: Socket, other: Socket] {
  const served = new MemorySocket(address);
  const other = new MemorySocket(nowhere);
  served.peer = other;
  other.peer = served;
  return [served as unknown as Socket, other as unknown as Socket];
}

const nowhere: IMemoryAddress = {
  remoteAddress: undefined,
  remotePort: undefined,
  localAddress: undefined,
  localPort: undefined,
};

/** Errors are handled from the beginning. */
class MemorySocket extends plugins.stream.Duplex implements IMemoryAddress {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly connecting = false;
  bytesRead = 0;
  bytesWritten = 0;
  peer: MemorySocket | null = null;
  /** Of the peer's write: to be called when there is room. */
  #taken: (() => void) | null = null;

  constructor({ remoteAddress, remotePort, localAddress, localPort }: IMemoryAddress) {
    super({ allowHalfOpen: true });
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.on('error', () => {});
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  resetAndDestroy(): this {
    this.peer?.destroy(Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' }));
    return this.destroy();
  }

  destroySoon(): void {
    if (!this.writableEnded) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = null;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: () => void): void {
    const { peer } = this;
    if (peer === null || peer.destroyed) return void this.destroy();
    this.bytesWritten += chunk.length;
    peer.bytesRead += chunk.length;
    if (peer.push(chunk)) written();
    else peer.#taken = written;
  }

  override _final(done: () => void): void {
    if (this.peer?.destroyed === false) this.peer.push(null);
    done();
  }

  /** What was sent before is the peer's to read; what it still sends has nowhere to go. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { peer } = this;
    this.#taken?.();
    this.#taken = null;
    if (peer !== null && !peer.destroyed && !peer.readableEnded && !this.writableFinished) peer.push(null);
    done(error);
  }
}
