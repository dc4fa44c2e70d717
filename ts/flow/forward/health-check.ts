// The probe: asks a target whether it is there, by a TCP connection and, where that is wanted, by an HTTP request on it.

import type { Socket } from 'node:net';
import { ProxyError } from '../../base/errors.js';
import { isPrivateAddress } from '../../codec/address.js';
import { encodeProxyHeader } from '../../codec/proxy-protocol.js';
import type { TBackendProtocol } from '../../config/types.js';
import { createSocketWithErrorHandler } from '../socket-utils.js';
import { askHealthH2 } from './health-h2.js';
import { askHealth } from './health-http.js';
import type { IProbeRequest, IResolver, TProbe } from './target-types.js';
import { secureUpstream } from './upstream-tls.js';

export interface IProbeDeps {
  readonly resolver: IResolver;
  /** As for connections: private addresses are not probed, since what a probe finds can be seen from outside. */
  readonly denyPrivateTargets: boolean;
}

/** Makes the probe that `TargetRegistry` takes. A target is well if one of its addresses is. */
export function makeProbe({ resolver, denyPrivateTargets }: IProbeDeps): TProbe {
  return async (request) => {
    const addresses = await resolver.resolve(request.host, request.signal);
    const allowed = denyPrivateTargets ? addresses.filter((address) => !isPrivateAddress(address)) : addresses;
    let failure: unknown = new ProxyError('TARGET_DENIED', `${request.host} is a private address`);
    for (const address of allowed) {
      try {
        return await knock(address, request);
      } catch (error) {
        failure = error;
        if (request.signal.aborted) break;
      }
    }
    throw failure;
  };
}

/** Connects, asks if there is something to ask, and closes again; settles when the socket is closed. */
function knock(address: string, request: IProbeRequest): Promise<void> {
  const { port, proxyHeader, signal } = request;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    let failure: unknown = null;
    let isWell = request.http === null;
    const onError = (error: unknown) => {
      failure ??= error;
    };
    const onAnswer = (error: unknown) => {
      failure ??= error;
      isWell = error === null;
      socket.destroy();
    };
    const onConnect = () => {
      // The target waits for a header; this one says that the connection is the proxy's own.
      const header = { version: proxyHeader || 1, command: 'local', source: null, destination: null } as const;
      if (proxyHeader !== 0) socket.write(encodeProxyHeader(header));
      if (request.http !== null) return ask(socket, request, onAnswer);
      // No waiting for the target's own end: many take their time, and a probe's place is needed by the next.
      socket.once('finish', () => socket.destroy());
      socket.end();
    };
    const socket = createSocketWithErrorHandler({ host: address, port, onConnect, onError });
    socket.unref();
    const abort = () => {
      failure = signal.reason;
      socket.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      if (failure === null && isWell) resolve();
      else reject(failure ?? new ProxyError('TARGET_BROKE', 'it closed the connection without an answer'));
    });
  });
}

function ask(socket: Socket, request: IProbeRequest, done: (error: unknown) => void): void {
  const { http, tls, backendProtocol } = request;
  if (http === null) return done(null);
  if (tls === null && backendProtocol === 'http2') return askHealthH2(socket, http, request, 'http', done);
  if (tls === null) return askHealth(socket, http, request, done);
  try {
    secureUpstream(socket, request.host, tls, offered[backendProtocol], (error, secure) => {
      if (error !== null) done(error);
      else if (secure.alpnProtocol === 'h2') askHealthH2(secure, http, request, 'https', done);
      else if (backendProtocol === 'http2') done(new ProxyError('TARGET_VERSION', 'it does not take h2 by ALPN'));
      else askHealth(secure, http, request, done);
    });
  } catch (error) {
    // A key or a certificate that OpenSSL does not take.
    done(error);
  }
}

/** By ALPN. */
const offered: Readonly<Record<TBackendProtocol, readonly string[]>> = {
  http1: ['http/1.1'],
  http2: ['h2'],
  auto: ['h2', 'http/1.1'],
};
