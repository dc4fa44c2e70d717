// The name that a client asks for in its ClientHello, for programs that look at it themselves.

import { decodeClientHello, type IClientHello } from '../codec/client-hello.js';
import { recognise } from '../codec/recognise.js';

/** Tells connections apart, while their ClientHello comes in pieces. */
export interface ISniConnectionInfo {
  readonly sourceIp: string;
  readonly sourcePort: number;
  readonly destIp: string;
  readonly destPort: number;
}

const handshake = 22;
/** RFC 8446 §4.2.11. */
const preSharedKey = String.fromCharCode(41);

/** What has come of a ClientHello so far. */
interface IPieces {
  readonly chunks: Buffer[];
  bytes: number;
  /** As many bytes as it takes at least: until then it is not looked at again. */
  need: number;
}

/** By connection. */
const pieces = new Map<string, IPieces>();
/** Whose pieces are kept; who has waited longest goes first. With as many of the longest hellos it is 16 MB. */
const mostPieces = 256;
const mostChunks = 64;

// biome-ignore lint/complexity/noStaticOnlyClass: programs know it as a class.
export class SniHandler {
  /** It begins with a record of a TLS handshake. */
  static isTlsHandshake(buffer: Buffer): boolean {
    return buffer[0] === handshake;
  }

  /** It begins with a ClientHello, of which six bytes tell. */
  static isClientHello(buffer: Buffer): boolean {
    const found = recognise(buffer);
    return found.kind === 'done' && found.value.protocol === 'tls';
  }

  /** The name in its normal form; undefined: there is none, the ClientHello is not whole, or it is none. Never throws. */
  static extractSNI(buffer: Buffer): string | undefined {
    return helloIn(buffer)?.serverName ?? undefined;
  }

  /** Whether a client comes back with a key of an earlier session of TLS 1.3, and names where it wants to go all the same. */
  static hasSessionResumption(buffer: Buffer): { isResumption: boolean; hasSNI: boolean } {
    const hello = helloIn(buffer);
    return {
      isResumption: hello?.extensions.includes(preSharedKey) ?? false,
      hasSNI: typeof hello?.serverName === 'string',
    };
  }

  /**
   * Puts the pieces of a connection's ClientHello together. They are kept until it is whole, can be none, or `forget` is
   * called.
   * @returns all of it once it is whole; undefined: more is needed, or it is none
   */
  static handleFragmentedClientHello(buffer: Buffer, connectionId: string): Buffer | undefined {
    const so = pieces.get(connectionId) ?? { chunks: [], bytes: 0, need: 0 };
    // Copied: what was read into may be read into again.
    so.chunks.push(Buffer.from(buffer));
    so.bytes += buffer.length;
    if (so.bytes < so.need) {
      // A byte each would take a hundred times its memory.
      if (so.chunks.length > mostChunks) so.chunks.splice(0, so.chunks.length, Buffer.concat(so.chunks));
      return undefined;
    }
    pieces.delete(connectionId);
    const bytes = Buffer.concat(so.chunks);
    const found = decodeClientHello(bytes);
    if (found.kind === 'done') return bytes;
    if (found.kind !== 'short') return undefined;
    pieces.set(connectionId, { chunks: [bytes], bytes: bytes.length, need: found.need });
    for (const id of pieces.keys()) {
      if (pieces.size <= mostPieces) break;
      pieces.delete(id);
    }
    return undefined;
  }

  /** The connection is over: its pieces are not needed. */
  static forget(connectionId: string): void {
    pieces.delete(connectionId);
  }

  /** The name, from a connection's first bytes as they come, or else the one that is known already. */
  static processTlsPacket(buffer: Buffer, connection: ISniConnectionInfo, cachedSni?: string): string | undefined {
    const { sourceIp, sourcePort, destIp, destPort } = connection;
    const id = `${sourceIp}:${sourcePort}-${destIp}:${destPort}`;
    const isBegun = pieces.has(id);
    if (!isBegun && !SniHandler.isTlsHandshake(buffer)) return cachedSni;
    const whole = SniHandler.handleFragmentedClientHello(buffer, id);
    return (whole === undefined ? undefined : SniHandler.extractSNI(whole)) ?? cachedSni;
  }
}

function helloIn(buffer: Buffer): IClientHello | null {
  const found = decodeClientHello(buffer);
  return found.kind === 'done' ? found.value : null;
}
