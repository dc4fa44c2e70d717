// Connections to what is attacked, and to nothing else: on this machine, unless the attacker says that the target is his.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ConfigError, ProxyError } from '../base/errors.js';
import * as plugins from '../plugins.js';

/** Where the proxy is. */
export interface IAttackTarget {
  /** An address or a name. Default `127.0.0.1`. */
  readonly host?: string;
  readonly port: number;
  /** It speaks TLS. Certificates are not verified. Default false. */
  readonly tls?: boolean;
}

/** An address, looked up once, so that all that follows goes to where was looked. */
export interface IPlace {
  readonly address: string;
  readonly port: number;
  readonly isTls: boolean;
}

/**
 * @throws ConfigError if it is not on this machine and `isOwn` does not say that it may be attacked all the same;
 * ProxyError TARGET_UNRESOLVED
 */
export async function placeOf(
  { host = '127.0.0.1', port, tls = false }: IAttackTarget,
  isOwn: boolean,
): Promise<IPlace> {
  const address = plugins.net.isIP(host) !== 0 ? host : await lookUp(host);
  if (!isOwn && !isLoopback(address)) {
    const want = 'an address of this machine (127.0.0.0/8, ::1), or the word that the target is yours: ownsTarget';
    throw new ConfigError([{ path: 'target', want, got: host === address ? host : `${host}, which is ${address}` }]);
  }
  return { address, port, isTls: tls };
}

async function lookUp(host: string): Promise<string> {
  try {
    return (await plugins.dns.promises.lookup(host)).address;
  } catch (error) {
    throw new ProxyError('TARGET_UNRESOLVED', `cannot look up ${host}`, { cause: error });
  }
}

const isLoopback = (address: string): boolean => /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address) || address === '::1';

/** Resolves once bytes can be sent; rejects if that takes longer than `waitMs`. */
export function openSocket(place: IPlace, host: string, alpn: string, waitMs: number): Promise<Socket> {
  const { address, port, isTls } = place;
  const socket = isTls
    ? plugins.requireTls().connect({
        ...{ host: address, port, ALPNProtocols: [alpn], rejectUnauthorized: false },
        ...(plugins.net.isIP(host) === 0 ? { servername: host } : {}),
      })
    : plugins.net.connect({ host: address, port, allowHalfOpen: true });
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => socket.destroy(new Error(`no connection within ${waitMs} ms`)), waitMs);
    socket.on('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
    socket.on('close', () => reject(new Error('closed before anything was sent')));
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(late);
      socket.setNoDelay(true);
      if (!isTls || alpn !== 'h2' || (socket as TLSSocket).alpnProtocol === 'h2') resolve(socket);
      else socket.destroy(new Error('h2 is not agreed on'));
    });
  });
}
