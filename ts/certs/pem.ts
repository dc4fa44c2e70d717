// What a certificate and its key in PEM are good for, in words for people.

import { messageOf } from '../base/errors.js';
import * as plugins from '../plugins.js';

/** A chain and its key, as they were configured or read. */
export interface IKeyPair {
  /** The chain, leaf first. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** Certificates to send after the chain; null: none. */
  readonly ca: string | Uint8Array | null;
  readonly passphrase: string | null;
}

/** What is wrong with a pair; null: it can be served. That it has expired is not for this to judge. */
export function problemOf({ cert, key, ca, passphrase }: IKeyPair): string | null {
  try {
    const leaf = new plugins.crypto.X509Certificate(asBytes(cert));
    const secret = readKey(key, passphrase);
    if (typeof secret === 'string') return secret;
    // OpenSSL itself takes an EC certificate together with an RSA key, and then has half of two pairs.
    if (!leaf.checkPrivateKey(secret)) return 'the key does not belong to the certificate';
  } catch (error) {
    return `the certificate cannot be parsed: ${messageOf(error)}`;
  }
  return ca === null ? null : problemOfAuthorities([ca]);
}

function readKey(key: string | Uint8Array, passphrase: string | null) {
  try {
    return plugins.crypto.createPrivateKey({
      key: asBytes(key),
      ...(passphrase === null ? {} : { passphrase }),
    });
  } catch (error) {
    return `the key cannot be parsed: ${messageOf(error)}`;
  }
}

/** What is wrong with certificates that others are verified by; null: nothing. OpenSSL skips what it cannot read. */
export function problemOfAuthorities(pems: readonly (string | Uint8Array)[]): string | null {
  for (const pem of pems) {
    const blocks = asBytes(pem).toString('latin1').match(certificateBlock) ?? [];
    if (blocks.length === 0) return 'there is no certificate in it';
    try {
      for (const block of blocks) new plugins.crypto.X509Certificate(block);
    } catch (error) {
      return `one of its certificates cannot be parsed: ${messageOf(error)}`;
    }
  }
  return null;
}

const certificateBlock =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Why people may complain about a pair that is served all the same; null: nothing. */
export function concernAbout({ cert }: IKeyPair, wallMs: number): string | null {
  const { validFrom, validTo } = new plugins.crypto.X509Certificate(asBytes(cert));
  if (Date.parse(validTo) < wallMs) return `the certificate expired on ${validTo}`;
  return Date.parse(validFrom) > wallMs ? `the certificate is not valid before ${validFrom}` : null;
}

/** The leaf and everything that is sent after it. */
export function chainOf({ cert, ca }: IKeyPair): Buffer {
  return ca === null ? asBytes(cert) : Buffer.concat([asBytes(cert), newline, asBytes(ca)]);
}

/** Node's functions take text and Buffers, and of other byte arrays only some. */
export const asBytes = (pem: string | Uint8Array): Buffer => Buffer.from(pem as string);

const newline = Buffer.from('\n');
