// Reads a downloaded chain, and lets nothing but certificates through (RFC 8555 §7.4.2, §11.4).

import { messageOf } from '../../base/errors.js';
import * as plugins from '../../plugins.js';
import { pemOf } from '../x509.js';
import { AcmeProblem } from './acme-problem.js';

const maxCertificates = 20;

/** The certificates of a PEM file, written anew. @throws AcmeProblem `malformedAnswer` */
export function chainIn(text: string): string {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > maxCertificates) return malformed(`${blocks.length} certificates in it`);
  const labels = text.match(/-----BEGIN /g) ?? [];
  // A server could slip in a key, and with it, what it is used for.
  if (labels.length !== blocks.length) return malformed('something else than certificates is in it');
  try {
    return blocks.map((block) => pemOf('CERTIFICATE', new plugins.crypto.X509Certificate(block).raw)).join('');
  } catch (error) {
    return malformed(messageOf(error));
  }
}

function malformed(detail: string): never {
  throw new AcmeProblem({ type: 'malformedAnswer', detail: `certificate chain: ${detail}` });
}
