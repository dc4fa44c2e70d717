// Version 1 of the PROXY protocol: one line of text.

import type { TDecoded } from './decoded.js';
import { foldAddress } from './fold.js';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from './ip-number.js';
import { type IProxyHeader, type IProxyHeaderDraft, pairOf } from './proxy-header.js';

/** With its CRLF: what the longest line takes, according to the specification. */
const maxLineBytes = 107;
const minLineBytes = 'PROXY UNKNOWN\r\n'.length;
const signatureBytes = 'PROXY '.length;

/** Reads the header of bytes that begin with `PROXY `. */
export function decodeProxyV1(bytes: Buffer): TDecoded<IProxyHeader> {
  const line = bytes.subarray(0, maxLineBytes);
  const cr = line.indexOf(13);
  const lf = line.indexOf(10);
  // The line ends with CRLF and holds neither alone.
  const cut = cr >= 0 && cr + 1 === line.length;
  if ((lf >= 0 && lf !== cr + 1) || (cr >= 0 && !cut && lf < 0)) return broken('a line that does not end with CRLF');
  if (lf < 0) {
    if (bytes.length >= maxLineBytes) return broken('a line of more than 107 bytes');
    return { kind: 'short', need: Math.max(minLineBytes, bytes.length + 1) };
  }
  const header = readLine(line.toString('latin1', signatureBytes, cr));
  return header === null ? broken('a malformed line') : { kind: 'done', value: header, used: lf + 1 };
}

const broken = (why: string): TDecoded<never> => ({ kind: 'broken', why: `PROXY v1: ${why}` });

/** Exactly one space between the parts, plain decimal ports, addresses of the family named; null otherwise. */
function readLine(line: string): IProxyHeader | null {
  if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) return headerOf('unknown', null, null);
  const [family, from = '', to = '', fromPort = '', toPort = '', more] = line.split(' ');
  if ((family !== 'TCP4' && family !== 'TCP6') || more !== undefined) return null;
  const isAddress = family === 'TCP4' ? isIpv4 : isIpv6;
  const source = { address: isAddress(from) ? foldAddress(from) : '', port: readPort(fromPort) };
  const destination = { address: isAddress(to) ? foldAddress(to) : '', port: readPort(toPort) };
  if (source.address === '' || destination.address === '' || source.port < 0 || destination.port < 0) return null;
  return headerOf(family === 'TCP4' ? 'tcp4' : 'tcp6', source, destination);
}

const isIpv4 = (text: string): boolean => parseIpv4(text) >= 0;
const isIpv6 = (text: string): boolean => parseIpv6(text) !== null;

/** -1 for what is no port. */
function readPort(text: string): number {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : -1;
  return port > 65_535 ? -1 : port;
}

const headerOf = (
  family: IProxyHeader['family'],
  source: IProxyHeader['source'],
  destination: IProxyHeader['destination'],
): IProxyHeader => ({ version: 1, command: 'proxy', family, source, destination, tlvs: {} });

/** The line of a draft. */
export function encodeProxyV1(draft: IProxyHeaderDraft): Buffer {
  const pair = pairOf(draft);
  if (pair === null) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  const addresses =
    pair.family === 4
      ? `TCP4 ${formatIpv4(pair.source)} ${formatIpv4(pair.destination)}`
      : `TCP6 ${formatIpv6(pair.source)} ${formatIpv6(pair.destination)}`;
  return Buffer.from(`PROXY ${addresses} ${pair.ports.join(' ')}\r\n`, 'latin1');
}
