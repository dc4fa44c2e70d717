// A socket with what is known about it: the face of its record for code that thinks in sockets.

import type { Socket } from 'node:net';
import { ConfigError, ProxyError } from '../../base/errors.js';
import { AddressSet, foldAddress } from '../../codec/address.js';
import { decodeProxyHeader, type IProxyHeader } from '../../codec/proxy-protocol.js';
import type { Connection } from '../connection.js';
import { collect } from './collect.js';
import { ProxyProtocolSocket } from './proxy-protocol-socket.js';

/** See the properties of `WrappedSocket`. */
export type TWrappedSocketMetadata = Pick<
  WrappedSocket,
  'realClientIP' | 'realClientPort' | 'proxyIP' | 'proxyPort' | 'bytesReceived' | 'bytesSent' | 'lastActivity' | 'isTLS'
>;

/**
 * Wraps an accepted socket. With a record (inside of SmartProxy) every fact is read from and written to that record;
 * without one the wrapper keeps its own few. The socket stays usable; its `error` event must have a listener.
 */
export class WrappedSocket {
  #seen: ProxyProtocolSocket;
  #sent = 0;

  constructor(
    readonly socket: Socket,
    readonly record: Connection | null = null,
  ) {
    this.#seen = new ProxyProtocolSocket(socket);
  }

  get connectionId(): string | null {
    return this.record?.id ?? null;
  }

  get remoteAddress(): string {
    return this.#seen.remoteAddress;
  }

  get remotePort(): number {
    return this.#seen.remotePort;
  }

  get realClientIP(): string | undefined {
    return this.#seen.realClientIP;
  }

  get realClientPort(): number | undefined {
    return this.#seen.realClientPort;
  }

  /** The peer's own address: the proxy's, if one is in front. */
  get proxyIP(): string {
    return foldAddress(this.socket.remoteAddress ?? '');
  }

  get proxyPort(): number {
    return this.socket.remotePort ?? 0;
  }

  /** True once a PROXY header has stated the client. */
  get isFromTrustedProxy(): boolean {
    return this.#seen.realClientIP !== undefined;
  }

  get bytesReceived(): number {
    return this.record?.bytesReceived ?? this.socket.bytesRead;
  }

  get bytesSent(): number {
    return this.record?.bytesSent ?? this.#sent;
  }

  /** Milliseconds of the record's clock; 0 without a record. */
  get lastActivity(): number {
    return this.record?.lastActivityMs ?? 0;
  }

  get isTLS(): boolean {
    return this.record?.isTLS ?? false;
  }

  /** All that is known, as plain data of this moment. */
  get metadata(): TWrappedSocketMetadata {
    const { realClientIP, realClientPort, proxyIP, proxyPort, bytesReceived, bytesSent, lastActivity, isTLS } = this;
    return { realClientIP, realClientPort, proxyIP, proxyPort, bytesReceived, bytesSent, lastActivity, isTLS };
  }

  /**
   * Reads the PROXY header that a trusted peer must send first, and puts back what follows it.
   * @param trusted Addresses (exact, CIDR, range, glob) whose header is believed.
   * @returns false where the peer is not trusted: its bytes are plain data then and none was read.
   * @throws ConfigError for a list that cannot be read, ProxyError PROXY_HEADER_INVALID where the header is missing or malformed, CLIENT_LEFT where it never came.
   */
  async parseProxyProtocol(trusted: readonly string[] | AddressSet): Promise<boolean> {
    const set = trusted instanceof AddressSet ? trusted : compileTrusted(trusted);
    if (!set.matches(this.proxyIP)) return false;
    const header = await this.#readHeader();
    if (header.command === 'proxy' && header.source !== null) this.#believe(header);
    return true;
  }

  /** Writes to the socket and counts. */
  write(data: string | Uint8Array): boolean {
    const bytes = Buffer.byteLength(data);
    if (this.record === null) this.#sent += bytes;
    else this.record.bytesSent += bytes;
    return this.socket.write(data);
  }

  destroy(error?: Error): void {
    this.socket.destroy(error);
  }

  on(event: string, listener: (...args: never[]) => void): this {
    this.socket.on(event, listener as (...args: unknown[]) => void);
    return this;
  }

  #readHeader(): Promise<IProxyHeader> {
    const { socket } = this;
    return new Promise((resolve, reject) => {
      const left = () => {
        stop();
        reject(new ProxyError('CLIENT_LEFT', 'the peer closed before its PROXY header was complete'));
      };
      socket.once('close', left);
      const stop = collect(socket, noBytes, decodeProxyHeader, ({ result, bytes, ended }) => {
        socket.off('close', left);
        if (result.kind === 'done') {
          const rest = bytes.subarray(result.used);
          if (rest.length > 0) socket.unshift(rest);
          if (this.record !== null) this.record.headerBytes = result.used;
          resolve(result.value);
        } else if (ended && result.kind === 'short') {
          left();
        } else {
          const why = result.kind === 'broken' ? result.why : 'it is missing';
          reject(new ProxyError('PROXY_HEADER_INVALID', `PROXY header of ${this.proxyIP}: ${why}`));
        }
      });
    });
  }

  #believe({ source, destination }: IProxyHeader): void {
    if (source === null) return;
    this.#seen = new ProxyProtocolSocket(this.socket, foldAddress(source.address), source.port);
    if (this.record === null) return;
    this.record.proxyIp = this.proxyIP;
    this.record.clientIp = this.#seen.remoteAddress;
    this.record.clientPort = this.#seen.remotePort;
    if (destination === null) return;
    this.record.serverIp = foldAddress(destination.address);
    this.record.serverPort = destination.port;
  }
}

/** Compiles the list, or says which of its patterns is none. */
function compileTrusted(patterns: readonly string[]): AddressSet {
  const { set, faults } = AddressSet.compile(patterns);
  if (set === null)
    throw new ConfigError(faults.map(({ index, want, got }) => ({ path: `trusted[${index}]`, want, got })));
  return set;
}

const noBytes = Buffer.alloc(0);
