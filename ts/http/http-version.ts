// Which version of HTTP a connection speaks: agreed on by ALPN, or told by its first bytes.

import type { IResolvedHttp } from '../config/resolved.js';
import type { IHttpVisit } from '../flow/http-front.js';
import { sendEnd } from './client-close.js';
import type { Visitor } from './visitor.js';

/** RFC 9113 §3.4. Whoever looked at first bytes has waited for all of it. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/**
 * null: HTTP/2 where it is not served. Over TLS it must have been agreed on (RFC 9113 §3.2), and by prior knowledge it must have
 * been asked for.
 */
export function versionOf({ connection, bytes, tls }: IHttpVisit, { h2c }: IResolvedHttp): '1' | '2' | null {
  if (tls !== null && connection.alpn[0] === 'h2') return '2';
  const isPrefaced = bytes !== null && bytes.length >= preface.length && bytes.indexOf(preface) === 0;
  if (!isPrefaced) return '1';
  return tls === null && h2c ? '2' : null;
}

/** Our preface, which must come first: SETTINGS without any; then GOAWAY with HTTP_1_1_REQUIRED (RFC 9113 §7). */
const refusal = Buffer.from('000000040000000000' + '000008070000000000' + '000000000000000d', 'hex');

/** The client is to come again by HTTP/1.1. */
export function refusePreface(visitor: Visitor): void {
  const { connection, connections } = visitor;
  const finish = () => void connections.cleanupConnection(connection, 'protocol_error');
  visitor.refused(505, 'HTTP/2 is not served on this connection');
  connection.clear.once('end', finish).write(refusal);
  connection.clear.resume();
  sendEnd(visitor, 'protocol_error', true, finish);
}
