// Builds and signs certificates (RFC 5280) and requests for them (RFC 2986). Keys are P-256, P-384 or RSA.

import type { KeyObject } from 'node:crypto';
import * as plugins from '../plugins.js';
import {
  bits,
  boolean,
  explicit,
  implicit,
  integer,
  nothing,
  octets,
  oid,
  readInside,
  sequence,
  set,
  time,
  tlv,
  utf8,
} from './der.js';
import { addressBytesOf } from './names.js';

export interface ICertificateRecipe {
  /** The common name; null: no name at all, for which the alternative names then are critical. */
  readonly subject: string | null;
  readonly issuer: string | null;
  readonly publicKey: KeyObject;
  /** The issuer's. */
  readonly signingKey: KeyObject;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Made by the functions below. */
  readonly extensions: readonly Buffer[];
}

/** A certificate of version 3 in PEM, with a serial number of 127 random bits. */
export async function buildCertificate(recipe: ICertificateRecipe): Promise<string> {
  const { subject, issuer, publicKey, signingKey, notBeforeMs, notAfterMs, extensions } = recipe;
  const serial = plugins.crypto.randomBytes(16);
  // Neither negative nor zero, and of the same length always (RFC 5280 §4.1.2.2).
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  const signature = signatureOf(signingKey);
  const body = sequence(
    explicit(0, integer(2)),
    integer(serial),
    signature.algorithm,
    distinguishedName(issuer),
    sequence(time(notBeforeMs), time(notAfterMs)),
    distinguishedName(subject),
    keyInfoOf(publicKey),
    explicit(3, sequence(...extensions)),
  );
  return pemOf('CERTIFICATE', await signed(body, signingKey, signature));
}

/** A request for a certificate with these extensions, in DER. It names no subject. */
export async function buildRequest(key: KeyObject, extensions: readonly Buffer[]): Promise<Buffer> {
  const wanted = sequence(oid(extensionRequest), set(sequence(...extensions)));
  const publicKey = plugins.crypto.createPublicKey(key);
  const body = sequence(integer(0), distinguishedName(null), keyInfoOf(publicKey), tlv(0xa0, wanted));
  return signed(body, key, signatureOf(key));
}

const extensionRequest = '1.2.840.113549.1.9.14';

const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(value));

/** Host names, wildcards included, and addresses. */
export function alternativeNames(names: readonly string[], isCritical = false): Buffer {
  const general = names.map((name) => {
    const address = addressBytesOf(name);
    return address === null ? implicit(2, Buffer.from(name, 'latin1')) : implicit(7, address);
  });
  return extension('2.5.29.17', isCritical, sequence(...general));
}

/** Whether certificates may be signed with the key; `pathLength`: how many authorities may stand below it. */
export function basicConstraints(isAuthority: boolean, pathLength?: number): Buffer {
  const length = pathLength === undefined ? [] : [integer(pathLength)];
  return extension('2.5.29.19', true, sequence(...(isAuthority ? [boolean(true), ...length] : [])));
}

/** What the key of an authority, or of a server, is for. */
export function keyUsage(use: 'authority' | 'server'): Buffer {
  // keyCertSign and cRLSign, bits 5 and 6; digitalSignature, bit 0.
  const value = use === 'authority' ? bits(Buffer.from([0b0000_0110]), 1) : bits(Buffer.from([0b1000_0000]), 7);
  return extension('2.5.29.15', true, value);
}

export const serverAuthentication = (): Buffer => extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1')));

export const subjectKeyId = (publicKey: KeyObject): Buffer => extension('2.5.29.14', false, octets(keyIdOf(publicKey)));

/** `publicKey`: the issuer's. */
export const authorityKeyId = (publicKey: KeyObject): Buffer =>
  extension('2.5.29.35', false, sequence(implicit(0, keyIdOf(publicKey))));

/** SHA-256 of a key authorization, for TLS-ALPN-01 (RFC 8737 §3). */
export const acmeIdentifier = (digest: Buffer): Buffer => extension('1.3.6.1.5.5.7.1.31', true, octets(digest));

const distinguishedName = (commonName: string | null): Buffer =>
  commonName === null ? sequence() : sequence(set(sequence(oid('2.5.4.3'), utf8(commonName))));

const keyInfoOf = (publicKey: KeyObject): Buffer => publicKey.export({ type: 'spki', format: 'der' });

/** SHA-1 of the key without what says of which kind it is: RFC 5280 §4.2.1.2, method 1. */
function keyIdOf(publicKey: KeyObject): Buffer {
  const key = readInside(keyInfoOf(publicKey))[1]?.content.subarray(1) ?? Buffer.alloc(0);
  return plugins.crypto.createHash('sha1').update(key).digest();
}

interface ISignature {
  readonly hash: 'sha256' | 'sha384';
  readonly algorithm: Buffer;
}

function signatureOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): ISignature {
  if (asymmetricKeyType === 'rsa') {
    return { hash: 'sha256', algorithm: sequence(oid('1.2.840.113549.1.1.11'), nothing) };
  }
  if (asymmetricKeyType !== 'ec') throw new TypeError(`cannot sign a certificate with a key of ${asymmetricKeyType}`);
  return asymmetricKeyDetails?.namedCurve === 'secp384r1'
    ? { hash: 'sha384', algorithm: sequence(oid('1.2.840.10045.4.3.3')) }
    : { hash: 'sha256', algorithm: sequence(oid('1.2.840.10045.4.3.2')) };
}

function signed(body: Buffer, key: KeyObject, { hash, algorithm }: ISignature): Promise<Buffer> {
  // With a callback another thread signs, which for RSA takes milliseconds.
  return new Promise((resolve, reject) => {
    plugins.crypto.sign(hash, body, key, (error, signature) => {
      if (error) reject(error);
      else resolve(sequence(body, algorithm, bits(signature)));
    });
  });
}

export function pemOf(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
