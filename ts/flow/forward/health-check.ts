// The probe: asks a target by a TCP connection whether it is there.

import { ProxyError } from '../../base/errors.js';
import { isPrivateAddress } from '../../codec/address.js';
import { encodeProxyHeader } from '../../codec/proxy-protocol.js';
import { createSocketWithErrorHandler } from '../socket-utils.js';
import type { IProbeRequest, IResolver, TProbe } from './target-types.js';

export interface IProbeDeps {
  readonly resolver: IResolver;
  /** As for connections: private addresses are not probed, since what a probe finds can be seen from outside. */
  readonly denyPrivateTargets: boolean;
}

/** Makes the probe that `TargetRegistry` takes. A target is well if one of its addresses accepts. */
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

/** Connects and closes again; settles when the socket is closed. */
function knock(host: string, { port, proxyHeader, signal }: IProbeRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    let failure: unknown = null;
    const onConnect = () => {
      // No waiting for the target's own end: many take their time, and a probe's place is needed by the next.
      socket.once('finish', () => socket.destroy());
      // The target waits for a header; this one says that the connection is the proxy's own.
      const header = { version: proxyHeader || 1, command: 'local', source: null, destination: null } as const;
      if (proxyHeader === 0) socket.end();
      else socket.end(encodeProxyHeader(header));
    };
    const onError = (error: unknown) => {
      failure = error;
    };
    const socket = createSocketWithErrorHandler({ host, port, onConnect, onError });
    socket.unref();
    const abort = () => {
      failure = signal.reason;
      socket.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      if (failure === null) resolve();
      else reject(failure);
    });
  });
}
