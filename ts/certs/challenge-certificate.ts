// The certificate that answers TLS-ALPN-01 (RFC 8737 §3, RFC 8738 §6).

import * as plugins from '../plugins.js';
import { makeKeyPem } from './keys.js';
import { acmeIdentifier, alternativeNames, buildCertificate } from './x509.js';

/** Both in PEM. */
export interface IChallengeCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Signed by itself, for one name or address, with the digest of the key authorization in it. For an address the
 * authority asks by its arpa name, while the certificate holds the address itself.
 */
export async function makeChallengeCertificate(name: string, keyAuthorization: string): Promise<IChallengeCertificate> {
  const key = await makeKeyPem('ecdsa-p256');
  const signingKey = plugins.crypto.createPrivateKey(key);
  const digest = plugins.crypto.createHash('sha256').update(keyAuthorization).digest();
  const cert = await buildCertificate({
    subject: 'ACME challenge',
    issuer: 'ACME challenge',
    publicKey: plugins.crypto.createPublicKey(signingKey),
    signingKey,
    // Nobody asks when it is valid, so it is valid by any clock.
    notBeforeMs: Date.UTC(2000, 0, 1),
    notAfterMs: Date.UTC(2100, 0, 1),
    extensions: [acmeIdentifier(digest), alternativeNames([name])],
  });
  return { cert, key };
}
