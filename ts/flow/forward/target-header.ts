// The PROXY header that tells a target who a connection's client is.

import { encodeProxyHeader } from '../../codec/proxy-protocol.js';
import type { Connection } from '../connection.js';

/** An unknown client is stated as UNKNOWN / LOCAL. */
export function targetHeader(connection: Connection, version: 1 | 2): Buffer {
  const { clientIp, clientPort, serverIp, serverPort, sni, id } = connection;
  const known = clientIp !== '' && serverIp !== '';
  return encodeProxyHeader({
    version,
    ...(known
      ? { source: { address: clientIp, port: clientPort }, destination: { address: serverIp, port: serverPort } }
      : { command: 'local', source: null, destination: null }),
    tlvs: { uniqueId: Buffer.from(id), ...(sni === null ? {} : { authority: sni }) },
  });
}
