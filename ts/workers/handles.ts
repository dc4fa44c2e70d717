// Sockets below `net`: a port that is bound but not accepted from, and a connection that passes through a process unread. Node has
// both, for its own cluster module, without documenting them; nothing else of this package knows them.

import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import * as plugins from '../plugins.js';

/** What goes through a channel between processes as a handle, and what `net.Server.listen` takes for one. */
export interface IHandle {
  close(): void;
}

interface IBoundHandle extends IHandle {
  /** Writes where it is bound; gives what went wrong, as a negative number. */
  getsockname(out: { port?: number }): number;
}

export interface IBoundPort {
  readonly handle: IHandle;
  readonly port: number;
}

type TCreate = (address: string, port: number, addressType: 4 | 6) => IBoundHandle | number;

/**
 * Binds, and accepts nothing: whoever gets the handle listens on it. null: all addresses, IPv6 included where there is any.
 * @throws Error with the system's code
 */
export function bindPort(address: string | null, port: number): IBoundPort {
  if (address !== null) return bindAt(address, port);
  try {
    return bindAt('::', port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
    return bindAt('0.0.0.0', port);
  }
}

function bindAt(address: string, port: number): IBoundPort {
  const create: unknown = Reflect.get(plugins.net, '_createServerHandle');
  if (typeof create !== 'function')
    throw new ProxyError('LISTEN_FAILED', 'this Node cannot bind a port for other processes');
  const handle = (create as TCreate)(address, port, plugins.net.isIPv6(address) ? 6 : 4);
  if (typeof handle === 'number') throw failure(handle, address, port);
  // A port that is taken shows only now: binding itself leaves that to listening.
  const bound: { port?: number } = {};
  const problem = handle.getsockname(bound);
  if (problem === 0 && bound.port !== undefined && bound.port > 0) return { handle, port: bound.port };
  handle.close();
  throw failure(problem === 0 ? -plugins.os.constants.errno.EADDRINUSE : problem, address, port);
}

function failure(number: number, address: string, port: number): Error {
  const code = plugins.util.getSystemErrorName(number);
  return Object.assign(new Error(`bind ${code} ${address}:${port}`), { code });
}

/** Takes the connection out of a socket of which nothing was read. null: it is gone already. */
export function takeHandle(socket: Socket): IHandle | null {
  const handle = Reflect.get(socket, '_handle') as IHandle | null;
  if (handle === null || handle === undefined || socket.destroyed) return null;
  Reflect.set(socket, '_handle', null);
  socket.on('error', () => {}).destroy();
  return handle;
}

/** Makes a socket of it again. */
export const socketOf = (handle: IHandle): Socket =>
  // Of its options Node takes `handle` for what it is; its types know those that it documents.
  new plugins.net.Socket({ handle, readable: true, writable: true, allowHalfOpen: true } as object);
