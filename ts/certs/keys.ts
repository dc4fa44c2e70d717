// Makes the private keys that certificates are for.

import type { KeyObject } from 'node:crypto';
import * as plugins from '../plugins.js';

/** Which key a certificate has. */
export type TKeyType = 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048' | 'rsa-4096';

/** A new private key, PKCS #8 in PEM. An RSA key takes seconds of another thread. */
export function makeKeyPem(type: TKeyType): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: KeyObject) => {
      if (error) reject(error);
      else resolve(key.export({ type: 'pkcs8', format: 'pem' }).toString());
    };
    const { generateKeyPair } = plugins.crypto;
    const recipe = recipes[type];
    if ('curve' in recipe) generateKeyPair('ec', { namedCurve: recipe.curve }, (error, _, key) => done(error, key));
    else generateKeyPair('rsa', { modulusLength: recipe.bits }, (error, _, key) => done(error, key));
  });
}

const recipes = {
  'ecdsa-p256': { curve: 'P-256' },
  'ecdsa-p384': { curve: 'P-384' },
  'rsa-2048': { bits: 2048 },
  'rsa-4096': { bits: 4096 },
} as const satisfies Record<TKeyType, { curve: string } | { bits: number }>;
