// Terminates TLS: from a client's ClientHello to a socket whose bytes are decrypted.

import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { IClock } from '../../base/clock.js';
import type { ILogger } from '../../base/logger.js';
import type { IResolvedTls } from '../../config/resolved.js';
import type { Connection } from '../connection.js';
import type { ConnectionManager } from '../connection-manager.js';
import type { TEnd } from '../ends.js';
import { layOver } from '../secure-socket.js';

/** What certificates are asked for. certs/ implements it. */
export interface IContextSource {
  /** `name`: what the client asks for by SNI, or the address that it came to. null: there is no usable certificate. */
  contextFor(tls: IResolvedTls, name: string | null): ITlsContext | null;
  /** Resolves when it is worth asking again: a certificate is being got for this name. null: none will come. */
  coming(tls: IResolvedTls, name: string | null): Promise<void> | null;
}

/**
 * One certificate with one policy. `new TLSSocket` does not enforce client certificates; servers do, and each of these is one
 * that never listens and is given sockets by `emit('connection')`. They have no listeners of their own.
 */
export interface ITlsContext {
  /** Refuses a client that offers ALPN without any of ours (RFC 7301 §3.2). */
  readonly server: Server;
  /** The same but for HTTP/2. Made when first asked for, as the next one is. */
  readonly serverWithoutH2: Server;
  /** Speaks no ALPN. */
  readonly serverWithoutAlpn: Server;
  /** A certificate that the client shows must be valid, but it need not show one. */
  readonly clientAuthOptional: boolean;
}

export interface ITerminateDeps {
  readonly source: IContextSource;
  readonly handshakeTimeoutMs: number;
  readonly connections: ConnectionManager;
  readonly logger: ILogger;
  readonly clock: IClock;
  /**
   * True where a client that offers none of our protocols can be served all the same: its bytes are forwarded as they are,
   * so it agrees on them with the target. Default false.
   */
  readonly alpnOptional?: boolean;
  /** True where HTTP/2 must not be agreed on. Default false. */
  readonly withoutH2?: boolean;
}

type THandshakeDeps = Omit<ITerminateDeps, 'source'>;

/** Gets the decrypted side: nothing was read of it, it does not flow, `alpnProtocol` says what was agreed on. */
export type TTerminated = (secure: TLSSocket) => void;

/**
 * Gives a raw socket, with `bytes` (its ClientHello) put back, to TLS. Calls `done` once, or ends the connection: then with
 * an alert, as far as TLS has one for the reason.
 */
export function terminate(
  connection: Connection,
  bytes: Buffer | null,
  tls: IResolvedTls,
  deps: ITerminateDeps,
  done: TTerminated,
): void {
  const { source, connections } = deps;
  const name = connection.sni ?? connection.serverIp;
  const context = source.contextFor(tls, name);
  if (context !== null) return new Handshake(connection, context, deps, done).begin(bytes, tls);
  const coming = source.coming(tls, name);
  if (coming === null) return refuseHello(connection, 'no_certificate', connections);
  limitHandshake(connection, deps);
  void coming.then(() => {
    if (connection.end !== null) return;
    const come = source.contextFor(tls, name);
    if (come === null) refuseHello(connection, 'no_certificate', connections);
    else new Handshake(connection, come, deps, done).begin(bytes, tls);
  });
}

/** Shows an authority the certificate that it looks for (RFC 8737), and ends: nothing else is served so. */
export function proveName(
  connection: Connection,
  bytes: Buffer | null,
  context: ITlsContext,
  deps: Omit<ITerminateDeps, 'source' | 'alpnOptional'>,
): void {
  const shown = () => deps.connections.cleanupConnection(connection, 'normal');
  new Handshake(connection, context, deps, shown).begin(bytes, null);
}

/** Answers a ClientHello that nothing is served for by the alert `unrecognized_name`, and ends the connection. */
export function refuseHello(connection: Connection, end: TEnd, connections: ConnectionManager): void {
  connection.phase = 'handshake';
  if (!connection.incoming.destroyed) connection.incoming.end(unrecognizedName);
  connections.cleanupConnection(connection, end);
}

/** A record of type alert, fatal, 112 (RFC 6066 §3). Its version is what every TLS version writes here (RFC 8446 §5.1). */
const unrecognizedName = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

/** Handshakes under way, by their raw sockets: one server has many at once. */
const underWay = new WeakMap<Socket, Handshake>();

class Handshake {
  readonly #connection: Connection;
  readonly #context: ITlsContext;
  readonly #deps: THandshakeDeps;
  readonly #done: TTerminated;
  readonly #raw: Socket;
  readonly #halfOpen: boolean;
  readonly #left = () => this.#end('closed_before_data');

  constructor(connection: Connection, context: ITlsContext, deps: THandshakeDeps, done: TTerminated) {
    this.#connection = connection;
    this.#context = context;
    this.#deps = deps;
    this.#done = done;
    this.#raw = connection.incoming;
    this.#halfOpen = connection.incoming.allowHalfOpen;
  }

  /** `tls` null: the context is for one protocol alone. */
  begin(bytes: Buffer | null, tls: IResolvedTls | null): void {
    const connection = this.#connection;
    const raw = this.#raw;
    connection.phase = 'handshake';
    if (raw.destroyed || raw.readableEnded) return this.#left();
    limitHandshake(connection, this.#deps);
    // From here on the TLS socket tells what becomes of the raw one: a refused client must not look like one that left.
    connection.unwatch();
    // Where the FIN was read before, together with the hello, the TLS socket does not see it.
    raw.once('end', this.#left);
    // TLS takes this over: a client that closes halfway through the handshake is done.
    raw.allowHalfOpen = false;
    if (bytes !== null) raw.unshift(bytes);
    underWay.set(raw, this);
    const server = this.#serverFor(tls);
    listenTo(server);
    server.emit('connection', raw);
  }

  secured(secure: TLSSocket): void {
    const connection = this.#connection;
    if (connection.end !== null) return void secure.destroy();
    if (this.#context.clientAuthOptional && !secure.authorized && secure.getPeerX509Certificate() !== undefined) {
      return this.#refused(secure);
    }
    // Node waits for the connection of every socket that it lays TLS over, for as long as it lives; this one is connected.
    this.#raw.off('end', this.#left).removeAllListeners('connect');
    this.#raw.allowHalfOpen = this.#halfOpen;
    secure.allowHalfOpen = this.#halfOpen;
    layOver(secure, this.#raw);
    connection.limitMs = 0;
    connection.tlsVersion = secure.getProtocol() as Connection['tlsVersion'];
    connection.alpn = secure.alpnProtocol ? agreedOn(secure.alpnProtocol) : [];
    // Bytes are counted as they are meant, from here on.
    connection.bytesReceived = 0;
    this.#deps.connections.secured(connection, secure);
    this.#done(secure);
  }

  failed(error: NodeJS.ErrnoException, secure: TLSSocket): void {
    if (this.#connection.end !== null) return;
    if (secure.authorizationError) return this.#refused(secure);
    const { id, sni } = this.#connection;
    this.#deps.logger.debug({ connection: id, sni, why: error.message }, 'the TLS handshake failed');
    this.#end(endOf(error));
  }

  /** OpenSSL leaves the judgement of a client's certificate to Node, which has no alert for it. */
  #refused({ authorizationError }: TLSSocket): void {
    const { id, sni } = this.#connection;
    this.#deps.logger.debug({ connection: id, sni, why: authorizationError }, "the client's certificate is not valid");
    this.#end('tls_error');
  }

  /** What the client offers is known from its hello, so the choice needs no callback that could throw. */
  #serverFor(tls: IResolvedTls | null): Server {
    const { alpn } = this.#connection;
    const { alpnOptional = false, withoutH2 = false } = this.#deps;
    const isOurs = (name: string) => tls === null || (tls.alpn.includes(name) && !(withoutH2 && name === 'h2'));
    const fits = alpn.length === 0 || alpn.some(isOurs);
    if (!fits && alpnOptional) return this.#context.serverWithoutAlpn;
    return withoutH2 ? this.#context.serverWithoutH2 : this.#context.server;
  }

  #end(end: TEnd): void {
    this.#deps.connections.cleanupConnection(this.#connection, end);
  }
}

function limitHandshake(
  connection: Connection,
  { clock, handshakeTimeoutMs, connections }: Pick<ITerminateDeps, 'clock' | 'handshakeTimeoutMs' | 'connections'>,
): void {
  connection.phase = 'handshake';
  connection.limitFromMs = clock.nowMs();
  connection.limitMs = handshakeTimeoutMs;
  connection.limitEnd = 'handshake_timeout';
  connection.limitPassed = null;
  connections.deadlines.reschedule(connection);
}

const h2Only: readonly string[] = ['h2'];
const http1Only: readonly string[] = ['http/1.1'];

/** What most agree on is one list for all of them. */
function agreedOn(name: string): readonly string[] {
  if (name === 'h2') return h2Only;
  return name === 'http/1.1' ? http1Only : [name];
}

/** Servers whose events lead to their handshakes. */
const heard = new WeakSet<Server>();

function listenTo(server: Server): void {
  if (heard.has(server)) return;
  heard.add(server);
  server.on('secureConnection', (secure: TLSSocket) => takeOut(secure)?.secured(secure));
  server.on('tlsClientError', (error: NodeJS.ErrnoException, secure: TLSSocket) =>
    takeOut(secure)?.failed(error, secure),
  );
}

function takeOut(secure: TLSSocket): Handshake | undefined {
  // Of a TLS socket Node tells the socket below by this property alone; its own sockets rely on it.
  const { _parent: raw } = secure as TLSSocket & { readonly _parent?: Socket };
  if (raw === undefined) return undefined;
  const handshake = underWay.get(raw);
  underWay.delete(raw);
  return handshake;
}

/** Why a handshake failed: the system's errors name the call that met them, Node's "hang up" has none, the rest is TLS. */
function endOf({ code, syscall }: NodeJS.ErrnoException): TEnd {
  if (syscall !== undefined) return 'client_error';
  return code === 'ECONNRESET' ? 'closed_before_data' : 'tls_error';
}
