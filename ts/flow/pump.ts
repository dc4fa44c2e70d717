// One direction of a forwarded connection: bytes from one socket to another, as fast as the other takes them.

import type { Socket } from 'node:net';
import * as plugins from '../plugins.js';
import { readInto } from './read-into.js';

/**
 * Called with each chunk before it is passed on; gives what goes on in its place, the chunk itself as a rule, or nothing (no
 * bytes). The chunk's memory is used again afterwards: nobody may keep it.
 */
export type TPassed = (chunk: Buffer) => Buffer;

/**
 * Passes on what `from` receives, and stops reading while `to` has enough waiting. No `pipe`: this costs less a chunk.
 * FINs and errors are the caller's business.
 */
export function pump(from: Socket, to: Socket, passed: TPassed): void {
  let largeReads = 0;
  from.on('data', (chunk: Buffer) => {
    const bytes = passed(chunk);
    if (bytes.length > 0) to.write(bytes);
    if (isFull(to)) from.pause();
    if (chunk.length < largeReadBytes) largeReads = 0;
    else if (++largeReads >= bulkAfterReads) readInBulk(from, to, passed);
  });
  to.on('drain', () => {
    if (from.isPaused()) from.resume();
  });
}

/**
 * True if what the kernel did not take at once is more than should wait, so that `drain` will come. `write()` itself
 * says "full" of every chunk as large as the mark, most of which the kernel has already taken. A destroyed writer
 * never drains; its reader goes on, so that the end of the stream is seen.
 */
function isFull(to: Socket): boolean {
  return to.writableLength >= to.writableHighWaterMark && !to.destroyed;
}

/** A read of at least so much, a quarter of what libuv reads at most, is large. */
const largeReadBytes = 16_384;
/** So many large reads in a row make a bulk transfer: 256 kB to a megabyte. */
const bulkAfterReads = 16;
const bulkBufferBytes = 262_144;
/** Bulk transfers at a time that get a buffer of their own: 64 MB in all. Others go on as they are. */
const maxBulkTransfers = 256;
let bulkTransfers = 0;

/**
 * Whether nothing waits on either side, and nobody else would miss the `data` events. Not for TLS: after a pause Node still
 * gives out the records that it has decrypted, into the memory that is being written. A stream of HTTP/2 keeps what it was given
 * for longer than its write takes.
 */
const canReadInBulk = (from: Socket, to: Socket): boolean =>
  bulkTransfers < maxBulkTransfers &&
  from.readableLength === 0 &&
  to.writableLength === 0 &&
  from.listenerCount('data') === 1 &&
  to instanceof plugins.net.Socket &&
  !('encrypted' in from);

/**
 * Each read of Node's streams takes 64 kB of fresh memory. A bulk transfer makes so much garbage of it that the whole
 * program stops for collections, the longer the larger its heap is. So it reads into one buffer, and reads again only
 * when that was written.
 */
function readInBulk(from: Socket, to: Socket, passed: TPassed): void {
  if (!canReadInBulk(from, to)) return;
  const taken = () => {
    if (to.writableLength === 0 && from.isPaused()) from.resume();
  };
  const begun = readInto(from, Buffer.allocUnsafeSlow(bulkBufferBytes), (chunk) => {
    to.write(passed(chunk), taken);
    if (to.writableLength > 0 && !to.destroyed) from.pause();
  });
  if (!begun) return;
  bulkTransfers += 1;
  from.once('close', () => {
    bulkTransfers -= 1;
  });
}
