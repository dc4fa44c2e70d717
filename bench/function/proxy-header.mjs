// Decoding PROXY headers, both versions.

import { decodeProxyHeader, encodeProxyHeader } from '../../dist_ts/codec/proxy-protocol.js';

function makeHeaders(version) {
  return Array.from({ length: 100 }, (_, n) =>
    encodeProxyHeader({
      version,
      source: { address: `192.0.2.${n}`, port: 40_000 + n },
      destination: { address: '198.51.100.7', port: 443 },
    }),
  );
}

function decodeAll(headers) {
  for (const header of headers) decodeProxyHeader(header);
}

export async function makeCase() {
  const [first, second] = [makeHeaders(1), makeHeaders(2)];
  for (const headers of [first, second]) {
    if (decodeProxyHeader(headers[7]).value.source.address !== '192.0.2.7') throw new Error('the address was not read');
  }
  return {
    perCall: first.length,
    tasks: { smartproxy: () => decodeAll(second), 'version 1': () => decodeAll(first) },
  };
}
