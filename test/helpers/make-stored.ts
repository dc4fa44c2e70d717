// Certificates as they are stored.

import { X509Certificate } from 'node:crypto';
import type { ICertificateMeta, IStoredCertificate } from '../../ts/certs/store/store-types.js';

/** What is known of the certificate is taken from it. */
export function makeStored(
  { cert, key }: { readonly cert: string; readonly key: string },
  parts: Partial<ICertificateMeta> = {},
): IStoredCertificate {
  const { serialNumber, validFrom, validTo, subjectAltName = '' } = new X509Certificate(cert);
  return {
    cert,
    key,
    meta: {
      names: subjectAltName.split(', ').map((name) => name.replace(/^[^:]*:/, '')),
      issuer: 'https://ca.test/directory',
      notBefore: Date.parse(validFrom),
      notAfter: Date.parse(validTo),
      serial: serialNumber,
      profile: null,
      challenge: 'http-01',
      issuedAt: Date.parse(validFrom),
      ari: null,
      generation: 1,
      ...parts,
    },
  };
}
