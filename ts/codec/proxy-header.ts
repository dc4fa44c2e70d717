// What a PROXY protocol header says, whichever version wrote it.

import { parseAddress, type TAddress } from './fold.js';

/** One end of a connection. */
export interface IProxyEndpoint {
  /** Canonical; IPv4-mapped IPv6 is IPv4 (see `foldAddress`). */
  readonly address: string;
  readonly port: number;
}

export type TProxyFamily = 'tcp4' | 'tcp6' | 'udp4' | 'udp6' | 'unix' | 'unknown';

export interface IProxyHeader {
  readonly version: 1 | 2;
  /** `local`: the sender speaks for itself, as health checks do; the connection's own addresses hold. */
  readonly command: 'proxy' | 'local';
  /** As on the wire; `unknown` for `local`. */
  readonly family: TProxyFamily;
  /** null where there is no IP address: `local`, `unknown`, `unix`. The connection's own addresses hold then. */
  readonly source: IProxyEndpoint | null;
  /** null exactly where `source` is. */
  readonly destination: IProxyEndpoint | null;
  /** Empty in version 1 and for `local` and `unknown`. */
  readonly tlvs: IProxyTlvs;
}

/** Additional facts of version 2. The buffers share one copy of the header's end. */
export interface IProxyTlvs {
  /** The protocol negotiated with the client, one character a byte. */
  readonly alpn?: string;
  /** The name that the client asked for, as it was sent: not normalised. */
  readonly authority?: string;
  /** At most 128 bytes. */
  readonly uniqueId?: Buffer;
  readonly ssl?: IProxySsl;
  /** Network namespace. */
  readonly netns?: string;
  /** The header's checksum, which was right. */
  readonly crc32c?: number;
  /** All other types, in order. */
  readonly others?: readonly IProxyTlv[];
}

export interface IProxyTlv {
  /** 0 to 255. */
  readonly type: number;
  readonly value: Buffer;
}

/** What the sender knows of the client's TLS. */
export interface IProxySsl {
  /** Bits: 1 TLS was used, 2 certificate on this connection, 4 certificate in this session. */
  readonly client: number;
  /** 0: the client's certificate was verified. */
  readonly verify: number;
  readonly version?: string;
  readonly commonName?: string;
  readonly cipher?: string;
  readonly signatureAlgorithm?: string;
  readonly keyAlgorithm?: string;
  readonly others?: readonly IProxyTlv[];
}

/** What is to be written. */
export interface IProxyHeaderDraft {
  readonly version: 1 | 2;
  /** Default `proxy`. Version 1 writes `local` as UNKNOWN. */
  readonly command?: 'proxy' | 'local';
  /** null, or what is no address, is written as UNKNOWN or UNSPEC. */
  readonly source: IProxyEndpoint | null;
  readonly destination: IProxyEndpoint | null;
  /** Version 2 only, and only with addresses. `crc32c` is ignored here: it is computed where `checksum` is true. */
  readonly tlvs?: IProxyTlvs;
  /** Version 2 only: adds a CRC-32C. Default false. */
  readonly checksum?: boolean;
}

/** Both ends in one family. */
export type TAddressPair =
  | {
      readonly family: 4;
      readonly source: number;
      readonly destination: number;
      readonly ports: readonly [number, number];
    }
  | {
      readonly family: 6;
      readonly source: bigint;
      readonly destination: bigint;
      readonly ports: readonly [number, number];
    };

/** What a draft's ends are on the wire; null for UNKNOWN. A mixed pair becomes IPv6, the IPv4 address mapped into it. */
export function pairOf(draft: IProxyHeaderDraft): TAddressPair | null {
  if (draft.command === 'local' || draft.source === null || draft.destination === null) return null;
  const source = parseAddress(draft.source.address);
  const destination = parseAddress(draft.destination.address);
  const ports = [draft.source.port, draft.destination.port] as const;
  if (source === null || destination === null || !ports.every(isPort)) return null;
  return typeof source === 'number' && typeof destination === 'number'
    ? { family: 4, source, destination, ports }
    : { family: 6, source: toIpv6(source), destination: toIpv6(destination), ports };
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;

const toIpv6 = (address: TAddress): bigint =>
  typeof address === 'bigint' ? address : (0xffffn << 32n) | BigInt(address);
