// Hashes of passwords as other programs make them.

import { scryptSync } from 'node:crypto';
import bcrypt from 'bcryptjs';

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/** `ln` is the logarithm of the cost: small, so that tests are quick. */
export function scryptHash(password: string, { ln = 10, r = 8, p = 1, salt = 'saltsaltsalt' } = {}): string {
  const digest = scryptSync(password, salt, 32, { cost: 2 ** ln, blockSize: r, parallelization: p });
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(Buffer.from(salt))}$${unpadded(digest)}`;
}

export const bcryptHash = (password: string, cost = 4): string => bcrypt.hashSync(password, cost);
