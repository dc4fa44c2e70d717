// From an admitted connection to a connected target: picks, resolves, connects, lays TLS over it where the target has it, and
// tries the next one on failure.

import type { Socket } from 'node:net';
import { messageOf, ProxyError } from '../../base/errors.js';
import { isPrivateAddress } from '../../codec/address.js';
import type { Connection } from '../connection.js';
import { contextOf } from '../context.js';
import type { TEnd } from '../ends.js';
import { createSocketWithErrorHandler } from '../socket-utils.js';
import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { targetHeader } from './target-header.js';
import type { IPickSession, ITargetPick } from './target-types.js';
import { secureUpstream } from './upstream-tls.js';

/**
 * Gets the connected socket in the tick in which it connected, or in which its TLS handshake was done, and owns what follows.
 * The PROXY header has been written.
 */
export type TDialed = (socket: Socket, pick: ITargetPick) => void;

/**
 * Calls `dialed` once, or ends the connection. No byte of the client's was sent to a target that failed, so trying the next
 * one repeats nothing. If the client leaves, the dial is aborted.
 */
export function dial(admitted: IAdmitted, deps: IForwardDeps, dialed: TDialed): void {
  new Dial(admitted.connection, deps, dialed).start(admitted);
}

/** Targets tried for one connection: a client waits no longer than this many connection timeouts. */
const maxTargets = 5;
/** Addresses tried of one target's name. */
const maxAddresses = 3;

class Dial {
  readonly #connection: Connection;
  readonly #deps: IForwardDeps;
  /** null once it was called: the first bytes that it holds are not kept for the life of the connection. */
  #dialed: TDialed | null;
  #session: IPickSession | null = null;
  #pick: ITargetPick | null = null;
  #addresses: readonly string[] = [];
  /** The one of them that is being connected to. */
  #index = 0;
  #tried = 0;
  /** Why the last target was given up; undefined where none fitted in the first place. */
  #failure: unknown;
  /** Ends what is under way for one attempt; late results compare it with their own. */
  #attempt = 0;

  constructor(connection: Connection, deps: IForwardDeps, dialed: TDialed) {
    this.#connection = connection;
    this.#deps = deps;
    this.#dialed = dialed;
  }

  start({ route, facts }: IAdmitted): void {
    const connection = this.#connection;
    connection.phase = 'dial';
    connection.dialTimedOut = () => this.#timedOut();
    connection.whenEnded(() => {
      this.#attempt += 1;
      this.#pick?.lease.release();
    });
    this.#session = this.#deps.pickerFor(route).session(facts, () => contextOf(connection));
    this.#tryNextTarget();
  }

  #tryNextTarget(): void {
    try {
      this.#pick = this.#tried < maxTargets ? (this.#session?.next() ?? null) : null;
    } catch (error) {
      this.#pick = null;
      this.#failure = error;
    }
    if (this.#pick === null) return this.#giveUp();
    this.#tried += 1;
    this.#attempt += 1;
    const { host, port } = this.#pick;
    this.#connection.target = { host, port };
    this.#addresses = [];
    this.#limit(1);
    this.#resolve(host);
  }

  #resolve(host: string): void {
    const attempt = this.#attempt;
    let found: readonly string[] | Promise<readonly string[]>;
    try {
      found = this.#deps.resolver.resolve(host);
    } catch (error) {
      return this.#failed(error);
    }
    if (!('then' in found)) return this.#connectTo(found);
    found.then(
      (addresses) => {
        if (attempt === this.#attempt) this.#connectTo(addresses);
      },
      (error) => {
        if (attempt === this.#attempt) this.#failed(error);
      },
    );
  }

  #connectTo(addresses: readonly string[]): void {
    const allowed = this.#deps.denyPrivateTargets ? addresses.filter((one) => !isPrivateAddress(one)) : addresses;
    if (allowed.length === 0) {
      return this.#failed(new ProxyError('TARGET_DENIED', `${this.#pick?.host} is a private address`));
    }
    this.#addresses = allowed.slice(0, maxAddresses);
    this.#connect(0);
  }

  /** Gives what begins now one of `shares` parts of the time for this target: an address that swallows everything leaves some for the next. */
  #limit(shares: number): void {
    const connection = this.#connection;
    connection.dialingMs = this.#deps.clock.nowMs();
    connection.dialLimitMs = (connection.timeouts?.connectionTimeoutMs ?? 0) / shares;
    this.#deps.connections.deadlines.reschedule(connection);
  }

  #timedOut(): void {
    this.#attempt += 1;
    this.#connection.outgoing?.destroy();
    const { host, port } = this.#pick ?? {};
    this.#addressFailed(new ProxyError('TARGET_TIMEOUT', `${host}:${port} did not accept in time`));
  }

  #addressFailed(error: unknown): void {
    if (this.#index + 1 < this.#addresses.length) this.#connect(this.#index + 1);
    else this.#failed(error);
  }

  #connect(index: number): void {
    const host = this.#addresses[index];
    const pick = this.#pick;
    if (host === undefined || pick === null) return;
    this.#index = index;
    if (this.#addresses.length > 1) this.#limit(this.#addresses.length);
    const attempt = this.#attempt;
    const { noDelay, keepAlive, keepAliveInitialDelayMs } = this.#deps.socket;
    const socket = createSocketWithErrorHandler({
      host,
      port: pick.port,
      noDelay,
      keepAlive,
      keepAliveInitialDelay: keepAliveInitialDelayMs,
      onConnect: () => {
        if (attempt === this.#attempt) this.#connected(socket, pick);
        else socket.destroy();
      },
      onError: (error) => {
        if (attempt !== this.#attempt) return this.#late(error);
        if (this.#connection.spliced) return;
        this.#addressFailed(error);
      },
    });
    this.#connection.outgoing = socket;
  }

  /** The time limit covers the handshake too. */
  #connected(socket: Socket, pick: ITargetPick): void {
    const { sendProxyProtocol, tls } = pick.target;
    if (sendProxyProtocol !== 0) socket.write(targetHeader(this.#connection, sendProxyProtocol));
    if (tls === null) return this.#succeeded(socket, pick);
    const attempt = this.#attempt;
    const { secure: terminated, alpn } = this.#connection;
    // What was agreed on with the client is what its bytes are.
    const agreed = terminated === null || alpn.length === 0 ? null : alpn;
    this.#connection.outgoing = secureUpstream(socket, pick.host, tls, agreed, (error, secure) => {
      if (attempt !== this.#attempt) {
        secure.destroy();
        if (error !== null) this.#late(error);
      } else if (error !== null) {
        this.#addressFailed(error);
      } else {
        this.#succeeded(secure, pick);
      }
    });
  }

  #succeeded(socket: Socket, pick: ITargetPick): void {
    pick.lease.connected();
    this.#connection.dialingMs = 0;
    this.#connection.dialTimedOut = null;
    const dialed = this.#dialed;
    this.#dialed = null;
    this.#session = null;
    dialed?.(socket, pick);
  }

  #failed(error: unknown): void {
    this.#attempt += 1;
    this.#failure = error;
    this.#connection.outgoing = null;
    this.#pick?.lease.failed(error);
    const { id } = this.#connection;
    this.#deps.logger.debug({ connection: id, target: this.#connection.target, why: messageOf(error) }, 'dial failed');
    this.#tryNextTarget();
  }

  /** The client has left, or the attempt has timed out: nobody waits for this socket. */
  #late(error: Error): void {
    this.#deps.logger.debug(
      { connection: this.#connection.id, why: error.message },
      'dial failed after it was given up',
    );
  }

  #giveUp(): void {
    this.#failure ??= new ProxyError('NO_TARGET', 'no target fits this connection');
    const end = endOf(this.#failure);
    const { id, routed, target } = this.#connection;
    const facts = { connection: id, route: routed?.key, target, end, why: messageOf(this.#failure) };
    this.#deps.logger.warn(facts, 'no target could be reached');
    this.#deps.connections.cleanupConnection(this.#connection, end);
    if (end === 'descriptor_limit') this.#deps.connections.relieve();
  }
}

/** What a dial's last failure is called when it ends the connection: by our codes and the system's. */
const endByCode: Readonly<Record<string, TEnd>> = {
  ECONNREFUSED: 'target_refused',
  // It was reset before we saw that it was accepted.
  ECONNRESET: 'target_refused',
  ETIMEDOUT: 'connection_timeout',
  TARGET_TIMEOUT: 'connection_timeout',
  TARGET_UNRESOLVED: 'target_unresolved',
  TARGET_DENIED: 'target_denied',
  TARGET_TLS: 'target_tls_error',
  TARGET_FUNCTION_FAILED: 'no_target',
  NO_TARGET: 'no_target',
  EMFILE: 'descriptor_limit',
  ENFILE: 'descriptor_limit',
  EADDRNOTAVAIL: 'descriptor_limit',
  ENOBUFS: 'descriptor_limit',
};

function endOf(error: unknown): TEnd {
  const { code } = error as { code?: unknown };
  return (typeof code === 'string' ? endByCode[code] : undefined) ?? 'target_unreachable';
}
