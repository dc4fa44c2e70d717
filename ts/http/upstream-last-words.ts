// What a target said before it closed on us: an answer may wait to be read when a write fails.
//
// A target that refuses an upload answers, closes, and resets what still comes. Node ends a socket at the first failed
// write and drops what the kernel had received by then: the answer. Here the write's failure waits until that was read.

import type { Socket } from 'node:net';

export interface ILastWords {
  /** Whether an answer is awaited at all. */
  wanted(): boolean;
  /** A write failed; nothing can be sent any more. What can be read comes as `data`, then `silent` or the socket's end. */
  failed(error: Error): void;
  /** There is nothing left to read. */
  silent(): void;
}

/** For TCP alone: records of TLS that were cut by a reset are no answer. */
export function hearLastWords(socket: Socket, words: ILastWords): void {
  if ('encrypted' in socket) return;
  const { destroy } = socket;
  let isBroken = false;
  socket.destroy = (error?: Error) => {
    if (isBroken || !isFailedWrite(error) || !words.wanted()) return destroy.call(socket, error);
    isBroken = true;
    // A duplex stream whose writing failed takes nothing to read either, unless it is told so.
    (socket as unknown as { _readableState: { errored: Error | null } })._readableState.errored = null;
    words.failed(error);
    watch(socket, words, -1);
    return socket;
  };
}

/** Socket errors that a write met, not a read. */
export const isFailedWrite = (error: Error | null | undefined): error is NodeJS.ErrnoException =>
  error !== null && error !== undefined && (error as NodeJS.ErrnoException).syscall === 'write';

/** All that the kernel has is read in turns of the event loop that follow each other, unless the reader pauses. */
function watch(socket: Socket, words: ILastWords, seenBytes: number): void {
  if (socket.destroyed) return;
  const { bytesRead } = socket;
  if (socket.isPaused()) {
    socket.once('resume', () => watch(socket, words, -1));
    return;
  }
  if (bytesRead === seenBytes) return words.silent();
  setImmediate(() => watch(socket, words, bytesRead));
}
