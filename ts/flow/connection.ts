// One client's visit: the record that every stage writes on. Its life begins and ends in connection-manager.ts.

import type { Socket } from 'node:net';
import { foldAddress } from '../codec/address.js';
import type { IResolvedRoute, IResolvedTimeouts } from '../config/resolved.js';
import type { TTlsVersion } from '../config/types.js';
import type { TEnd, TPhase } from './ends.js';

/** A connection as the public API shows it. Snapshots of it (`getConnections`) are plain data. */
export interface IConnectionRecord {
  /** Unique in this process, with the worker's prefix. */
  readonly id: string;
  /** The client's address; behind a PROXY header the one it states. */
  readonly clientIp: string;
  readonly clientPort: number;
  /** Our address that the client reached; behind a PROXY header the one it states. */
  readonly serverIp: string;
  readonly serverPort: number;
  /** The port of ours that accepted it. */
  readonly localPort: number;
  readonly phase: TPhase;
  /** Key of the route: its id, else its name, else one made from its match. Of HTTP: that of the last request that had one. */
  readonly route: string | null;
  /** The address that was dialed, or is. */
  readonly target: { readonly host: string; readonly port: number } | null;
  readonly sni: string | null;
  readonly ja4: string | null;
  readonly isTLS: boolean;
  /** True while the HTTP engine has it. */
  readonly usingNetworkProxy: boolean;
  /** From the client. */
  readonly bytesReceived: number;
  /** To the client. */
  readonly bytesSent: number;
  /** When it was accepted, milliseconds since 1970. */
  readonly since: number;
  readonly connectionClosed: boolean;
  /** Why it ended; null while it lives. */
  readonly end: TEnd | null;
}

/** What a look at one direction found: bytes passed in all, bytes that wait for the reader, since when neither moved. */
export interface IProgress {
  passed: number;
  queued: number;
  sinceMs: number;
}

/** What few routes need of a ClientHello. */
export interface IHelloFacts {
  /** Computed when first asked for. */
  readonly ja4: string;
}

/** Of the routes in force. */
export type TRouteKeys = ReadonlySet<string>;

/** Whoever can end a connection in peace once what is under way on it is done. */
export interface IDrainable {
  /** `graceMs`: what it has at most; it is ended then by others. */
  drain(graceMs: number): void;
  /** New routes are in force: a connection that would be served otherwise now is drained. */
  reconsider(): void;
  /** Whether `keepOnly` would end anything. */
  losesBy(keys: TRouteKeys): boolean;
  /** Ends what is under way for any other route, as `route_removed`; and in peace a connection whose last request was for one. */
  keepOnly(keys: TRouteKeys): void;
  /** The client's FIN has come, behind everything that it sent. */
  clientEnded(): void;
}

/** Given back exactly once, when the connection ends. */
export type TRelease = () => void;

/** The live record. Only ConnectionManager makes and ends it. */
export class Connection implements IConnectionRecord {
  phase: TPhase = 'accept';
  /** Counts connections; and where it stands in the table. */
  serial = 0;
  place = 0;
  clientIp: string;
  clientPort: number;
  serverPort: number;
  /** The peer's real address, where a PROXY header stated another client. */
  proxyIp: string | null = null;
  /** The length of its PROXY header, which is no byte of the client's. */
  headerBytes = 0;
  routed: IResolvedRoute | null = null;
  timeouts: IResolvedTimeouts | null = null;
  /** The decrypted side of `incoming`, once TLS was terminated. */
  secure: Socket | null = null;
  outgoing: Socket | null = null;
  target: { readonly host: string; readonly port: number } | null = null;
  hello: IHelloFacts | null = null;
  sni: string | null = null;
  tlsVersion: TTlsVersion | null = null;
  alpn: readonly string[] = [];
  isTLS = false;
  usingNetworkProxy = false;
  bytesReceived = 0;
  bytesSent = 0;
  end: TEnd | null = null;
  /** True where a socket handler owns the bytes: they are then read off the socket, not counted by the splice. */
  handled = false;
  /** True once client and target are paired: the splice then decides how the connection ends. */
  spliced = false;
  /**
   * Stops the peek while one is under way. Not kept any longer: it holds the first bytes, and through its callback the
   * whole table of routes, which updates replace.
   */
  stopPeeking: (() => void) | null = null;
  /** Stops what watches the client's socket until then. */
  unwatch: () => void = nothing;

  // --- deadlines.ts reads these; all in milliseconds of the clock, 0 where not running ---
  lastActivityMs: number;
  /** The HTTP engine notes each activity of it itself; else moved counters are activity when they are looked at. */
  tellsActivity = false;
  /** When the present dial began. */
  dialingMs = 0;
  /** How long it may take. */
  dialLimitMs = 0;
  /** Called when the dial has taken too long. */
  dialTimedOut: (() => void) | null = null;
  /** When the client, then the target, sent its FIN. */
  clientEndedMs = 0;
  targetEndedMs = 0;
  /** When everything that the target had sent before its FIN was handed to the client's kernel. */
  flushedMs = 0;
  /** When its readers were last looked at, and what they were found to do; null before the first look. */
  checkedMs = 0;
  /** Bytes both ways, when they were last read off the socket in search of activity. */
  noticedBytes = 0;
  progress: readonly [toClient: IProgress, toTarget: IProgress] | null = null;
  /** The place in the deadline heap. */
  dueMs = 0;

  /**
   * What the TLS handshake or the HTTP engine waits for, since when and for how long; 0: nothing. `limitEnd` is what the
   * connection ends with, unless `limitPassed` is given, which then answers the client and ends it.
   */
  limitFromMs = 0;
  limitMs = 0;
  limitEnd: TEnd = 'internal_error';
  limitPassed: (() => void) | null = null;

  /** The HTTP engine, while it has the connection: asked when the proxy stops, or its routes have changed. */
  drainable: IDrainable | null = null;
  /** It was idle, and told to make room for others. */
  shed = false;

  // --- the guard's ---
  /** True once the rules for client addresses let it in; its address is final then. */
  admitted = false;
  /** The keys under which it is counted until it ends; null where no limit counts it. */
  countedAddress: string | null = null;
  countedRoute: string | null = null;

  // --- the metrics': how much of its bytes they have seen ---
  sampledIn = 0;
  sampledOut = 0;

  /** null: none yet. */
  #releases: TRelease[] | null = null;
  #abort: AbortController | null = null;
  #serverIp: string | null = null;

  constructor(
    readonly id: string,
    readonly incoming: Socket,
    readonly localPort: number,
    clientIp: string,
    /** Monotonic. */
    readonly acceptedMs: number,
    /** Wall clock. */
    readonly since: number,
  ) {
    this.clientIp = clientIp;
    this.clientPort = incoming.remotePort ?? 0;
    this.serverPort = localPort;
    this.lastActivityMs = acceptedMs;
  }

  /** Asked of the kernel when first needed, which is seldom; `''` if the socket was closed by then. */
  get serverIp(): string {
    return this.learnServerIp();
  }

  set serverIp(address: string) {
    this.#serverIp = address;
  }

  /** Asks now, for those who want to know when the socket is closed. */
  learnServerIp(): string {
    this.#serverIp ??= foldAddress(this.incoming.localAddress ?? '');
    return this.#serverIp;
  }

  /** Where the client's bytes are read and answered as they are meant: decrypted, if TLS was terminated. */
  get clear(): Socket {
    return this.secure ?? this.incoming;
  }

  get route(): string | null {
    return this.routed?.key ?? null;
  }

  get connectionClosed(): boolean {
    return this.end !== null;
  }

  get ja4(): string | null {
    return this.hello === null ? null : this.hello.ja4;
  }

  /** Aborts when the connection ends. Made when first asked for: few connections need one. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.end !== null) this.#abort.abort();
    return this.#abort.signal;
  }

  get clientEndedFirst(): boolean {
    return this.clientEndedMs > 0 && (this.targetEndedMs === 0 || this.clientEndedMs <= this.targetEndedMs);
  }

  /** Calls `release` when the connection ends, or now if it has ended. */
  whenEnded(release: TRelease): void {
    if (this.end !== null) release();
    else if (this.#releases === null) this.#releases = [release];
    else this.#releases.push(release);
  }

  /** Brings the byte counters up to date where they are read off the socket. */
  countHandled(): void {
    if (!this.handled && !this.usingNetworkProxy) return;
    // A PROXY header comes before TLS.
    this.bytesReceived = this.clear.bytesRead - (this.secure === null ? this.headerBytes : 0);
    this.bytesSent = this.clear.bytesWritten;
  }

  /** For ConnectionManager alone: marks the end, once, and gives everything back. */
  finish(end: TEnd): void {
    this.countHandled();
    this.end = end;
    this.stopPeeking?.();
    this.stopPeeking = null;
    const releases = this.#releases ?? [];
    this.#releases = null;
    for (const release of releases) release();
    this.#abort?.abort();
  }

  /** Plain data, for showing. */
  snapshot(): IConnectionRecord {
    this.countHandled();
    return {
      id: this.id,
      clientIp: this.clientIp,
      clientPort: this.clientPort,
      serverIp: this.serverIp,
      serverPort: this.serverPort,
      localPort: this.localPort,
      phase: this.phase,
      route: this.route,
      target: this.target === null ? null : { host: this.target.host, port: this.target.port },
      sni: this.sni,
      ja4: this.ja4,
      isTLS: this.isTLS,
      usingNetworkProxy: this.usingNetworkProxy,
      bytesReceived: this.bytesReceived,
      bytesSent: this.bytesSent,
      since: this.since,
      connectionClosed: this.connectionClosed,
      end: this.end,
    };
  }
}

function nothing(): void {}
