// What is compared in constant time while something runs: counted, since time tells nothing on a busy machine.

import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/** The lengths that were compared, pair by pair. */
export function comparisonsOf(work: () => void): number[][] {
  const real = crypto.timingSafeEqual;
  const pairs: number[][] = [];
  crypto.timingSafeEqual = (a, b) => {
    pairs.push([a.byteLength, b.byteLength]);
    return real(a, b);
  };
  syncBuiltinESMExports();
  try {
    work();
  } finally {
    crypto.timingSafeEqual = real;
    syncBuiltinESMExports();
  }
  return pairs;
}
