// Many bytes whose loss, change or order shows: both sides compare a hash.

import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';

export interface IHashed {
  readonly bytes: number;
  readonly sha256: string;
}

const chunkBytes = 65_536;

/** Sends `bytes` bytes, no two chunks alike, as fast as they are taken; then a FIN unless `end` is false. */
export function sendHashed(socket: Writable, bytes: number, end = true): Promise<IHashed> {
  const hash = createHash('sha256');
  return new Promise((resolve, reject) => {
    let left = bytes;
    const more = () => {
      while (left > 0) {
        const chunk = Buffer.alloc(Math.min(left, chunkBytes), `${left} `);
        left -= chunk.length;
        hash.update(chunk);
        if (!socket.write(chunk) && left > 0) return;
      }
      socket.off('drain', more);
      if (end) socket.end();
      resolve({ bytes, sha256: hash.digest('hex') });
    };
    socket.on('drain', more);
    socket.once('close', () => reject(new Error(`closed with ${left} of ${bytes} bytes to send`)));
    more();
  });
}

/** Resolves at the FIN, rejects at anything else. With `pauseMs` it takes one chunk after another, resting in between. */
export function receiveHashed(socket: Readable, pauseMs = 0): Promise<IHashed> {
  const hash = createHash('sha256');
  let bytes = 0;
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk) => {
      hash.update(chunk);
      bytes += chunk.length;
      if (pauseMs === 0) return;
      socket.pause();
      setTimeout(() => socket.resume(), pauseMs);
    });
    socket.once('end', () => resolve({ bytes, sha256: hash.digest('hex') }));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed without a FIN after ${bytes} bytes`)));
  });
}
