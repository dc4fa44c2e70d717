// Lets a socket that is already open read into memory of ours, as `net.connect({ onread })` does for new ones.

import type { Socket } from 'node:net';

/** Where Node keeps what `onread` was given. Accepted sockets have the same fields, but no option to set them. */
interface IReadFields {
  readonly buffer: symbol;
  readonly callback: symbol;
  /** A function that gives the buffer for the next read; null: the same again. */
  readonly next: symbol;
}

/** Whoever is read into by `readBy`. */
export interface IReader {
  /** For the next read. */
  readonly buffer: Buffer;
  /** So many bytes are in it. False: no more until the socket is resumed. */
  filled(bytes: number): boolean;
}

/** The part of a socket's handle that `onread` uses. */
interface IReadHandle {
  readonly reading: boolean;
  useUserBuffer(buffer: Buffer): void;
}

/**
 * From the next read on, `socket` reads into `buffer` and calls `read` with the part that was filled, instead of
 * emitting `data`; `end`, `error`, `close`, `pause` and `resume` stay as they are. `read` is called again only after it
 * has returned, with the same memory: whoever is not done with it pauses the socket. To be called while nothing is
 * buffered in the stream. There is no way back.
 *
 * Uses what Node does not document; where that is not as expected nothing is changed.
 * @returns false if it cannot be done.
 */
export function readInto(socket: Socket, buffer: Buffer, read: (chunk: Buffer) => void): boolean {
  const { _handle: handle } = socket as { _handle?: Partial<IReadHandle> | null };
  const fields = fieldsOf(socket);
  if (fields === null || typeof handle?.useUserBuffer !== 'function') return false;
  Object.assign(socket, {
    [fields.buffer]: buffer,
    [fields.callback]: (bytes: number) => read(bytes === buffer.length ? buffer : buffer.subarray(0, bytes)),
  });
  handle.useUserBuffer(buffer);
  // A stream that is paused leaves its handle reading until it has enough; from now on it must not.
  if (socket.isPaused()) socket.pause();
  return true;
}

/** As `readInto`, with a buffer that may change from read to read. */
export function readBy(socket: Socket, reader: IReader): boolean {
  const { _handle: handle } = socket as { _handle?: Partial<IReadHandle> | null };
  const fields = fieldsOf(socket);
  if (fields === null || typeof handle?.useUserBuffer !== 'function') return false;
  let present = reader.buffer;
  // A function that is written as the value of a computed key would get a name of its own, in memory of its own.
  const filled = (bytes: number) => reader.filled(bytes);
  const next = () => {
    if (reader.buffer === present) return undefined;
    present = reader.buffer;
    return present;
  };
  Object.assign(socket, { [fields.buffer]: present, [fields.callback]: filled, [fields.next]: next });
  handle.useUserBuffer(present);
  if (socket.isPaused()) socket.pause();
  return true;
}

let known: IReadFields | null = null;

function fieldsOf(socket: Socket): IReadFields | null {
  known ??= findFields(Object.getOwnPropertySymbols(socket));
  if (known === null) return null;
  const { buffer, callback, next } = known;
  return unused(socket, buffer) && unused(socket, callback) && unused(socket, next) ? known : null;
}

function findFields(symbols: readonly symbol[]): IReadFields | null {
  const buffer = symbols.find(({ description }) => description === 'kBuffer');
  const callback = symbols.find(({ description }) => description === 'kBufferCb');
  const next = symbols.find(({ description }) => description === 'kBufferGen');
  return buffer === undefined || callback === undefined || next === undefined ? null : { buffer, callback, next };
}

/** Present and not set: the socket reads by `data`. */
const unused = (socket: Socket, field: symbol): boolean =>
  Object.hasOwn(socket, field) && (socket as unknown as Record<symbol, unknown>)[field] === null;
