// Which TLS is good enough for HTTP/2 (RFC 9113 §9.2).

import type { TLSSocket } from 'node:tls';
import type { Connection } from '../flow/connection.js';

/** Of TLS 1.2: ephemeral keys, and authenticated encryption; whatever else there is stands in Appendix A, which forbids it. */
const goodSuite = /^TLS_(?:ECDHE|DHE)_.*(?:_GCM_|_CCM|_CHACHA20_)/;

/** True without TLS, too. */
export function isAdequate({ secure, tlsVersion }: Connection): boolean {
  if (secure === null || tlsVersion === 'TLSv1.3') return true;
  return tlsVersion === 'TLSv1.2' && goodSuite.test((secure as TLSSocket).getCipher().standardName);
}
