// Requests for certificates.

import * as plugins from '../plugins.js';
import { alternativeNames, buildRequest } from './x509.js';

/**
 * A PKCS #10 request in DER for host names, wildcards and addresses, signed with the key that the certificate is for.
 * The names are in it as alternative names alone: a common name holds 64 characters, and nobody looks at it any more.
 */
export async function makeCsr(names: readonly string[], keyPem: string): Promise<Buffer> {
  if (names.length === 0) throw new RangeError('a certificate needs a name');
  return buildRequest(plugins.crypto.createPrivateKey(keyPem), [alternativeNames(names)]);
}
