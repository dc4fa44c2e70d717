// The PROXY protocol header, versions 1 and 2, as HAProxy's specification of it says.

import type { TDecoded } from './decoded.js';
import type { IProxyHeader, IProxyHeaderDraft } from './proxy-header.js';
import { decodeProxyV1, encodeProxyV1 } from './proxy-v1.js';
import { decodeProxyV2, encodeProxyV2, proxyV2Signature } from './proxy-v2.js';

export type {
  IProxyEndpoint,
  IProxyHeader,
  IProxyHeaderDraft,
  IProxySsl,
  IProxyTlv,
  IProxyTlvs,
  TProxyFamily,
} from './proxy-header.js';

const proxyV1Signature = Buffer.from('PROXY ', 'latin1');

/**
 * Reads the header at the start of a connection from a peer that must send one. It takes exactly one: a second one
 * behind it is data. `foreign` as soon as the first bytes cannot be a header, `broken` once they are one but offend.
 */
export function decodeProxyHeader(bytes: Buffer): TDecoded<IProxyHeader> {
  const isV2 = bytes[0] === proxyV2Signature[0];
  const signature = isV2 ? proxyV2Signature : proxyV1Signature;
  const seen = Math.min(bytes.length, signature.length);
  if (bytes.compare(signature, 0, seen, 0, seen) !== 0) return { kind: 'foreign' };
  if (seen < signature.length) return { kind: 'short', need: seen + 1 };
  return isV2 ? decodeProxyV2(bytes) : decodeProxyV1(bytes);
}

/**
 * Writes a header. A pair of an IPv4 and an IPv6 address is written as IPv6 with the IPv4 one mapped. Throws a
 * `RangeError` if the TLVs take more than the 64 KiB that a header can hold.
 */
export function encodeProxyHeader(draft: IProxyHeaderDraft): Buffer {
  return draft.version === 1 ? encodeProxyV1(draft) : encodeProxyV2(draft);
}
