// Reads a socket's first bytes until a decoder has an answer, without making the socket flow.

import type { Socket } from 'node:net';
import type { TDecoded } from '../../codec/decoded.js';

/** What was found, and all the bytes that were read for it: more than it used, perhaps. */
export interface ICollected<T> {
  readonly result: TDecoded<T>;
  readonly bytes: Buffer;
  /** The client has sent its FIN: `short` is final. */
  readonly ended: boolean;
}

/**
 * Calls `done` once, as soon as `decode` says anything but `short`, or the stream has ended. Bytes in hand are tried
 * first, in the same tick. Bytes are taken by `readable` and `read()`: a socket that was paused after `data` would give
 * a later listener nothing. Nobody else may read the socket meanwhile.
 * @returns stops it; `done` is not called any more.
 */
export function collect<T>(
  socket: Socket,
  inHand: Buffer,
  decode: (bytes: Buffer) => TDecoded<T>,
  done: (collected: ICollected<T>) => void,
): () => void {
  let bytes = inHand;
  /** What `bytes` is the beginning of. One buffer that grows: a buffer for each byte would take hundreds of bytes. */
  let room = inHand;
  let need = 1;

  const stop = () => {
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
  };
  const add = (chunk: Buffer) => {
    const { length } = bytes;
    const total = length + chunk.length;
    if (length === 0) room = chunk;
    else {
      if (total > room.length) room = copyInto(Buffer.allocUnsafe(Math.max(total, 2 * length)), bytes);
      chunk.copy(room, length);
    }
    bytes = room.subarray(0, total);
  };
  const tryDecode = (ended: boolean): boolean => {
    // Decoding again before `need` bytes are there would make bytes that come one by one cost their square.
    if (!ended && bytes.length < need) return false;
    const result = decode(bytes);
    if (result.kind === 'short' && !ended) {
      need = Math.max(result.need, bytes.length + 1);
      return false;
    }
    stop();
    done({ result, bytes, ended });
    return true;
  };
  const onReadable = () => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      add(chunk);
      if (tryDecode(false)) return;
    }
    // Said here and not at `end`: after `end` nobody could put the bytes back for others to read.
    if (hasEnded(socket)) tryDecode(true);
  };
  const onEnd = () => tryDecode(true);

  if (bytes.length > 0 && tryDecode(false)) return stop;
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
  return stop;
}

function copyInto(room: Buffer, bytes: Buffer): Buffer {
  bytes.copy(room);
  return room;
}

/** True once the FIN has been read; Node itself tells only after `end`. */
function hasEnded(socket: Socket): boolean {
  const { _readableState: state } = socket as { _readableState?: { ended?: boolean } };
  return state?.ended === true;
}
