// What a certificate says, and whether it may take the place of the present one. No I/O.

import type { X509Certificate } from 'node:crypto';
import * as plugins from '../../plugins.js';
import { renewalIdOf } from '../acme/renewal-id.js';
import { identifierOf } from '../names.js';
import type { ILife } from './schedule.js';

/** Times are milliseconds since 1970. */
export interface ICertificateFacts {
  /** In normal form. */
  readonly names: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  /** Capital hexadecimal digits. */
  readonly serial: string;
  /** False: it is for another key. */
  readonly keyFits: boolean;
  /** RFC 9773 §4.1: by which its issuer knows it; null: it does not name its issuer's key. */
  readonly renewalId: string | null;
}

/** @throws Error where the chain or the key cannot be read, or OpenSSL serves nobody with them: weak keys, old digests */
export function factsOf(chainPem: string, keyPem: string): ICertificateFacts {
  const leaf = parsed(chainPem)[0];
  if (leaf === undefined) throw new Error('there is no certificate in it');
  const keyFits = leaf.checkPrivateKey(plugins.crypto.createPrivateKey(keyPem));
  if (keyFits) plugins.requireTls().createSecureContext({ cert: chainPem, key: keyPem });
  return {
    names: namesOf(leaf),
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
    serial: leaf.serialNumber,
    keyFits,
    renewalId: renewalIdOf(chainPem),
  };
}

/** Common names of those who signed the certificates of a chain, in its order. @throws Error where it cannot be read */
export const signersOf = (chainPem: string): string[] =>
  parsed(chainPem).flatMap(({ issuer }) => /(?:^|\n)CN=([^\n]*)/.exec(issuer)?.[1] ?? []);

const parsed = (chainPem: string): X509Certificate[] =>
  (chainPem.match(block) ?? []).map((pem) => new plugins.crypto.X509Certificate(pem));

const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function namesOf({ subjectAltName }: X509Certificate): string[] {
  return (subjectAltName ?? '').split(', ').flatMap((entry) => {
    const [, kind, value = ''] = /^(DNS|IP Address):(.*)$/.exec(entry) ?? [];
    if (kind === undefined) return [];
    return [kind === 'DNS' ? value.toLowerCase() : identifierOf(value).value];
  });
}

/**
 * Why a certificate that came is not to be served; null: it is good.
 * @param present the life of the one that it would replace; null: nothing good is in its place
 */
export function refusalOf(
  facts: ICertificateFacts,
  names: readonly string[],
  nowMs: number,
  present: ILife | null,
): string | null {
  if (!facts.keyFits) return 'the key does not belong to the certificate';
  const missing = names.filter((name) => !covers(facts.names, name));
  if (missing.length > 0) return `the certificate lacks ${missing.join(', ')}`;
  // Issuers date back by up to an hour; clocks differ the other way too.
  if (!(facts.notBefore <= nowMs + skewMs)) return 'the certificate is not valid yet';
  if (!(facts.notAfter > nowMs)) return 'the certificate has expired';
  if (present !== null && isLesser(facts, present, nowMs)) return 'the certificate ends before the present one';
  return null;
}

/**
 * True for a certificate that ends sooner than the present one, unless that one is half over and the other is new: where
 * an issuer goes over to shorter lives, or the settings ask for them, to refuse those would be to order without end.
 */
export function isLesser(found: ILife, present: ILife, nowMs: number): boolean {
  if (found.notAfter >= present.notAfter) return false;
  return found.notBefore <= present.notBefore || isHalfOver(found, nowMs) || !isHalfOver(present, nowMs);
}

const isHalfOver = ({ notBefore, notAfter }: ILife, nowMs: number): boolean => nowMs - notBefore >= notAfter - nowMs;

const skewMs = 5 * 60_000;

/** RFC 6125 §6.4.3: a wildcard stands for one label. */
function covers(held: readonly string[], name: string): boolean {
  if (held.includes(name)) return true;
  const dot = name.indexOf('.');
  return dot > 0 && !name.startsWith('*.') && identifierOf(name).type === 'dns' && held.includes(`*${name.slice(dot)}`);
}
