// The key that an account is known by, and the forms in which it is shown and kept.

import type { JsonWebKey, KeyObject } from 'node:crypto';
import * as plugins from '../../plugins.js';

/** How a key signs: RFC 7518 §3.1. */
export type TSignature = 'ES256' | 'ES384' | 'RS256';

export interface IAccountKey {
  readonly algorithm: TSignature;
  readonly privateKey: KeyObject;
  /** The public half. */
  readonly jwk: Readonly<JsonWebKey>;
  /** SHA-256 of the public half (RFC 7638), base64url; every challenge's answer has it. */
  readonly thumbprint: string;
}

/** A new P-256 key. */
export function makeAccountKey(): Promise<IAccountKey> {
  return new Promise((resolve, reject) => {
    plugins.crypto.generateKeyPair('ec', { namedCurve: 'P-256' }, (error, _, key) => {
      if (error) reject(error);
      else resolve(accountKeyOf(key));
    });
  });
}

/** PKCS #8 in PEM. */
export const exportAccountKey = ({ privateKey }: IAccountKey): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Takes every PEM of a P-256, P-384 or RSA key of 2048 bits and more. Rejects with a TypeError otherwise. */
export async function importAccountKey(text: string): Promise<IAccountKey> {
  let key: KeyObject;
  try {
    key = plugins.crypto.createPrivateKey(text);
  } catch (cause) {
    throw new TypeError('the account key cannot be parsed', { cause });
  }
  return accountKeyOf(key);
}

/** A key that is there already: a certificate's may revoke it. */
export async function accountKeyOf(privateKey: KeyObject): Promise<IAccountKey> {
  const algorithm = algorithmOf(privateKey);
  const jwk = plugins.crypto.createPublicKey(privateKey).export({ format: 'jwk' });
  const { calculateJwkThumbprint } = await plugins.loadJose();
  return {
    algorithm,
    privateKey,
    jwk,
    thumbprint: await calculateJwkThumbprint(jwk as Parameters<typeof calculateJwkThumbprint>[0], 'sha256'),
  };
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): TSignature {
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048) return 'RS256';
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'secp384r1') return 'ES384';
  throw new TypeError(`an account key is P-256, P-384 or RSA of 2048 bits and more, not ${asymmetricKeyType}`);
}
