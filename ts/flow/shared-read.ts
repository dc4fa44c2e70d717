// Reads many sockets into one memory: what is small costs no memory of its own, what is large gets it.
//
// Node's streams allocate 64 kB for each read, shrink it to what came, and pass it through a queue. For a request of 100 bytes
// that is more work than reading it.

import type { Socket } from 'node:net';
import { type IReader, readBy } from './read-into.js';

/**
 * Gets the bytes of a read. `owned`: their memory is the listener's; else it is used again as soon as it returns, and
 * whoever keeps them copies them. True: they cost so much that others should have their turn before the next read.
 */
export type TBytesRead = (bytes: Buffer, owned: boolean) => unknown;

const sharedBytes = 65_536;
/** A read of at least so much is likely followed by others: copying those would cost more than memory of their own. */
const largeBytes = 16_384;

let shared: Buffer | null = null;

/**
 * From the next read on, calls `read` instead of emitting `data`; everything else about the socket stays as it is, and
 * `giveBack` makes it a stream again. Where that is not possible, `data` is listened to. Nothing may be buffered in the stream.
 */
export class SharedRead implements IReader {
  buffer: Buffer;
  readonly #socket: Socket;
  readonly #shared: Buffer;
  #read: TBytesRead | null;
  #onData: ((chunk: Buffer) => void) | null = null;

  constructor(socket: Socket, read: TBytesRead) {
    shared ??= Buffer.allocUnsafeSlow(sharedBytes);
    this.#shared = shared;
    this.buffer = shared;
    this.#socket = socket;
    this.#read = read;
    if (socket.readableLength === 0 && readBy(socket, this)) socket.resume();
    else this.#listen();
  }

  /** From now on the socket emits `data` again, to whoever listens then. */
  giveBack(): void {
    this.#read = null;
    if (this.#onData !== null) this.#socket.off('data', this.#onData);
  }

  /** False: no more for now. */
  filled(bytes: number): boolean {
    const { buffer } = this;
    const isShared = buffer === this.#shared;
    const chunk = bytes === buffer.length ? buffer : buffer.subarray(0, bytes);
    if (this.#read === null) {
      // What was read into the shared memory is only lent; memory of its own is the stream's from here on.
      this.buffer = this.#shared;
      return this.#socket.push(isShared ? Buffer.from(chunk) : chunk);
    }
    const wasCostly = this.#read(chunk, !isShared) === true;
    // Whoever was stopped by this has nothing to read into for a long time, perhaps.
    if (bytes >= largeBytes && !this.#socket.isPaused()) this.buffer = Buffer.allocUnsafeSlow(sharedBytes);
    else if (!isShared) this.buffer = this.#shared;
    if (wasCostly) setImmediate(goOn, this.#socket);
    return !wasCostly;
  }

  #listen(): void {
    this.#onData = (chunk) => void this.#read?.(chunk, true);
    this.#socket.on('data', this.#onData);
  }
}

/** Whoever has paused it meanwhile resumes it. */
function goOn(socket: Socket): void {
  if (!socket.isPaused() && !socket.destroyed) socket.resume();
}
