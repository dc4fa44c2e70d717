// From a target's name to a connected socket, with what goes before HTTP on it: a PROXY header, TLS.

import type { Socket } from 'node:net';
import type { ITimer } from '../base/clock.js';
import { messageOf, ProxyError, type TErrorCode } from '../base/errors.js';
import { isPrivateAddress } from '../codec/address.js';
import type { IResolvedUpstreamTls } from '../config/resolved.js';
import type { IForwardDeps } from '../flow/forward/deps.js';
import { secureUpstream } from '../flow/forward/upstream-tls.js';
import { createSocketWithErrorHandler } from '../flow/socket-utils.js';

export interface IUpstreamPlace {
  /** A name or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** null: plain. */
  readonly tls: IResolvedUpstreamTls | null;
}

export interface IUpstreamDial {
  readonly place: IUpstreamPlace;
  readonly forward: IForwardDeps;
  /** For all of it; addresses share it, TLS takes what is left. */
  readonly limitMs: number;
  /** Sent first; null: nothing. */
  readonly header: Buffer | null;
  /** What TLS offers, in order. */
  readonly alpn: readonly string[];
  /** Aborted: the dial is given up. */
  readonly signal: AbortSignal;
}

/** Addresses tried of one target's name. */
const maxAddresses = 3;

/** Resolves with a socket in the tick in which it is connected. Rejects with ProxyError, or with the signal's reason. */
export function dialUpstream(dial: IUpstreamDial): Promise<Socket> {
  return new Promise((resolve, reject) => new UpstreamDial(dial, resolve, reject).start());
}

class UpstreamDial {
  readonly #dial: IUpstreamDial;
  readonly #resolve: (socket: Socket) => void;
  readonly #reject: (error: unknown) => void;
  #addresses: readonly string[] = [];
  #index = 0;
  #socket: Socket | null = null;
  /** TLS over it. */
  #secure: Socket | null = null;
  #timer: ITimer | null = null;
  #dueMs = 0;
  #over = false;

  constructor(dial: IUpstreamDial, resolve: (socket: Socket) => void, reject: (error: unknown) => void) {
    this.#dial = dial;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { forward, limitMs, signal, place } = this.#dial;
    if (signal.aborted) return this.#fail(signal.reason);
    signal.addEventListener('abort', this.#aborted, { once: true });
    this.#dueMs = forward.clock.nowMs() + limitMs;
    this.#limit(limitMs, () => this.#fail(this.#tooLate()));
    try {
      const found = forward.resolver.resolve(place.host, signal);
      if (!('then' in found)) return this.#connectTo(found);
      found.then(
        (addresses) => this.#connectTo(addresses),
        (error) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  #connectTo(addresses: readonly string[]): void {
    if (this.#over) return;
    const { forward, place } = this.#dial;
    const allowed = forward.denyPrivateTargets ? addresses.filter((one) => !isPrivateAddress(one)) : addresses;
    this.#addresses = allowed.slice(0, maxAddresses);
    if (allowed.length === 0) return this.#fail(new ProxyError('TARGET_DENIED', `${place.host} is a private address`));
    this.#connect();
  }

  #connect(): void {
    const host = this.#addresses[this.#index];
    if (host === undefined) return;
    const { forward, place } = this.#dial;
    const { noDelay, keepAlive, keepAliveInitialDelayMs } = forward.socket;
    // An address that swallows everything leaves some of the time for the next.
    const leftMs = this.#dueMs - forward.clock.nowMs();
    this.#limit(leftMs / (this.#addresses.length - this.#index), () => this.#addressFailed(socket, this.#tooLate()));
    const socket = createSocketWithErrorHandler({
      host,
      port: place.port,
      noDelay,
      keepAlive,
      keepAliveInitialDelay: keepAliveInitialDelayMs,
      onConnect: () => this.#connected(socket),
      onError: (error) => this.#addressFailed(socket, dialFailure(place, error)),
    });
    this.#socket = socket;
  }

  #addressFailed(socket: Socket, error: ProxyError): void {
    if (this.#over || this.#socket !== socket) return;
    if (error.code === 'DESCRIPTOR_LIMIT') this.#dial.forward.connections.relieve();
    socket.destroy();
    this.#index += 1;
    if (this.#secure !== null || this.#index >= this.#addresses.length) this.#fail(error);
    else this.#connect();
  }

  #connected(socket: Socket): void {
    if (this.#over || this.#socket !== socket) return;
    const { forward, place, header, alpn } = this.#dial;
    if (header !== null) socket.write(header);
    if (place.tls === null) return this.#succeed(socket);
    this.#limit(this.#dueMs - forward.clock.nowMs(), () => this.#fail(this.#tooLate()));
    try {
      this.#secure = secureUpstream(socket, place.host, place.tls, alpn, (error, secure) => {
        if (error !== null) this.#fail(error);
        else this.#succeed(secure);
      });
    } catch (error) {
      // A key or a certificate that OpenSSL does not take.
      this.#fail(new ProxyError('TARGET_TLS', `TLS to ${place.host}: ${messageOf(error)}`, { cause: error }));
    }
  }

  #succeed(socket: Socket): void {
    if (this.#over) return;
    this.#finish();
    this.#resolve(socket);
  }

  readonly #aborted = (): void => this.#fail(this.#dial.signal.reason);

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.#secure?.destroy();
    this.#socket?.destroy();
    this.#reject(error);
  }

  #finish(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#dial.signal.removeEventListener('abort', this.#aborted);
  }

  #limit(ms: number, passed: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#dial.forward.clock.setTimer(passed, ms);
  }

  #tooLate(): ProxyError {
    const { place, limitMs } = this.#dial;
    return new ProxyError('TARGET_TIMEOUT', `${place.host}:${place.port} was not ready within ${limitMs} ms`);
  }
}

/** What was agreed on by ALPN; null: nothing. */
export function negotiated(socket: Socket): string | null {
  const { alpnProtocol } = socket as { alpnProtocol?: string | false | null };
  return alpnProtocol || null;
}

/** What this machine lacks: the target was not even asked. */
const localFailures: Readonly<Record<string, TErrorCode>> = {
  EMFILE: 'DESCRIPTOR_LIMIT',
  ENFILE: 'DESCRIPTOR_LIMIT',
  ENOBUFS: 'DESCRIPTOR_LIMIT',
  EADDRNOTAVAIL: 'PORTS_USED_UP',
};

/** What the system says of a connection that did not come about. */
export function dialFailure({ host, port }: IUpstreamPlace, cause: NodeJS.ErrnoException): ProxyError {
  const local = localFailures[cause.code ?? ''];
  if (local !== undefined) {
    return new ProxyError(local, `the machine cannot dial ${host}:${port} now: ${messageOf(cause)}`, { cause });
  }
  // The system's own time-out comes before ours where ours is long.
  if (cause.code === 'ETIMEDOUT') return new ProxyError('TARGET_TIMEOUT', `${host}:${port} did not answer`, { cause });
  return new ProxyError('TARGET_UNREACHABLE', `${host}:${port} could not be reached: ${messageOf(cause)}`, { cause });
}
