// The name by which an authority knows a certificate of its own (RFC 9773 §4.1).

import * as plugins from '../../plugins.js';
import { type IDerValue, readAll, readInside } from '../der.js';

/**
 * For `replaces` and for renewal information; null: the certificate does not say whose key signed it, so it has none.
 * @param certPem only the first one counts
 */
export function renewalIdOf(certPem: string): string | null {
  const { raw } = new plugins.crypto.X509Certificate(certPem);
  const body = readInside(raw)[0];
  if (body === undefined) return null;
  const parts = readAll(body.content);
  const serial = parts.find(({ tag }) => tag === integerTag);
  const extensions = parts.find(({ tag }) => tag === extensionsTag);
  const keyId = extensions === undefined ? null : authorityKeyIdIn(extensions);
  if (keyId === null || serial === undefined) return null;
  // The serial number as it is encoded, with the zero byte that keeps it positive.
  return `${keyId.toString('base64url')}.${serial.content.toString('base64url')}`;
}

const integerTag = 0x02;
const extensionsTag = 0xa3;
/** 2.5.29.35 */
const authorityKeyIdentifier = '551d23';

function authorityKeyIdIn(extensions: IDerValue): Buffer | null {
  for (const { content } of readInside(extensions.content)) {
    const [id, ...rest] = readAll(content);
    const value = rest.at(-1);
    if (id?.content.toString('hex') !== authorityKeyIdentifier || value === undefined) continue;
    return readInside(value.content).find(({ tag }) => tag === 0x80)?.content ?? null;
  }
  return null;
}
