// TLS to a target: laid over a socket that is connected, verified, resumed.

import type { Socket } from 'node:net';
import type { SecureContext, SecureContextOptions, TLSSocket } from 'node:tls';
import { messageOf, ProxyError } from '../../base/errors.js';
import type { IResolvedUpstreamTls } from '../../config/resolved.js';
import * as plugins from '../../plugins.js';
import { layOver } from '../secure-socket.js';

/**
 * Begins the handshake on a connected socket on which everything that goes before TLS was written. Calls `done` once, with
 * ProxyError `TARGET_TLS` if the handshake failed; the socket is destroyed then. There is no time limit in it: whoever
 * waits destroys the socket that is returned, and hears nothing any more if it was destroyed without an error.
 * Errors of the TLS socket stay handled.
 * @param host the name or address that was to be dialed
 * @param alpn what to offer; null: nothing
 */
export function secureUpstream(
  socket: Socket,
  host: string,
  tls: IResolvedUpstreamTls,
  alpn: readonly string[] | null,
  done: (error: Error | null, secure: TLSSocket) => void,
): TLSSocket {
  const name = tls.servername ?? host.replace(/\.$/, '');
  // By target: of two that serve one name neither need know the other's sessions.
  const sessionKey = [tls.key, name, host, socket.remotePort, alpn].join('\n');
  const session = sessions.get(sessionKey);
  const secure = plugins.requireTls().connect({
    socket,
    // The name that the certificate is verified for. An address is looked for among its addresses, and is no SNI (RFC 6066 §3).
    host: name,
    servername: plugins.net.isIP(name) === 0 ? name : '',
    secureContext: contextFor(tls),
    rejectUnauthorized: tls.rejectUnauthorized,
    ...(alpn === null ? {} : { ALPNProtocols: [...alpn] }),
    ...(session === undefined ? {} : { session }),
  });
  layOver(secure, socket);
  let settled = false;
  secure.on('error', (error) => {
    if (settled) return;
    settled = true;
    sessions.delete(sessionKey);
    const message = `TLS to ${name === host ? host : `${host} as ${name}`} failed: ${reasonOf(error)}`;
    secure.destroy();
    done(new ProxyError('TARGET_TLS', message, { cause: error }), secure);
  });
  secure.once('secureConnect', () => {
    if (settled) return;
    settled = true;
    // As the socket below: a target that has sent its FIN may still be listening.
    secure.allowHalfOpen = socket.allowHalfOpen;
    done(null, secure);
  });
  // Node tells sessions of verified targets alone, and in TLS 1.3 some time after the handshake.
  secure.on('session', (fresh: Buffer) => sessions.set(sessionKey, fresh));
  return secure;
}

/** OpenSSL's reason in words, where there is one: its messages also name source files. */
function reasonOf(error: Error & { reason?: unknown }): string {
  return typeof error.reason === 'string' ? error.reason : messageOf(error);
}

/** The last session of each target, until this many others were used since. */
class SessionShelf {
  readonly #bySubject = new Map<string, Buffer>();

  get(key: string): Buffer | undefined {
    return this.#bySubject.get(key);
  }

  set(key: string, session: Buffer): void {
    this.delete(key);
    this.#bySubject.set(key, session);
    if (this.#bySubject.size <= maxSessions) return;
    for (const oldest of this.#bySubject.keys()) return this.delete(oldest);
  }

  delete(key: string): void {
    this.#bySubject.delete(key);
  }
}

/** About 2 kB each. */
const maxSessions = 1_000;
const sessions = new SessionShelf();

/** Made once for each configured target; with the configuration they go. */
const contexts = new WeakMap<IResolvedUpstreamTls, SecureContext>();

function contextFor(tls: IResolvedUpstreamTls): SecureContext {
  const known = contexts.get(tls);
  if (known !== undefined) return known;
  const context = plugins.requireTls().createSecureContext(upstreamContextOptions(tls));
  contexts.set(tls, context);
  return context;
}

/** What OpenSSL is told. Throws nothing; `createSecureContext` does, for what cannot be read. */
export function upstreamContextOptions(tls: IResolvedUpstreamTls): SecureContextOptions {
  return {
    ...(tls.ca === null ? {} : { ca: tls.ca.map(asBytes) }),
    ...(tls.cert === null ? {} : { cert: asBytes(tls.cert) }),
    ...(tls.certKey === null ? {} : { key: asBytes(tls.certKey) }),
    ...(tls.passphrase === null ? {} : { passphrase: tls.passphrase }),
  };
}

/** Node takes text and Buffers. */
const asBytes = (pem: string | Uint8Array): string | Buffer => (typeof pem === 'string' ? pem : Buffer.from(pem));
