// Sockets: adopted on the line that creates them, and paired in one place for everything that is forwarded as bytes.

import type { Socket } from 'node:net';
import * as plugins from '../plugins.js';
import { pump } from './pump.js';
import { rawOf, resetSocket } from './secure-socket.js';

/** What `createSocketWithErrorHandler` takes. */
export interface ISafeSocketOptions {
  port: number;
  /** An address or a name. */
  host: string;
  /** Called at most once, with what prevented the connection or ended it. */
  onError: (error: NodeJS.ErrnoException) => void;
  onConnect?: () => void;
  /** Milliseconds for connecting; then `onError` gets an error with code `ETIMEDOUT`. Default: the system's. */
  timeout?: number;
  /** Default true. */
  noDelay?: boolean;
  /** Default false. */
  keepAlive?: boolean;
  /** Milliseconds of silence before the first keep-alive probe. */
  keepAliveInitialDelay?: number;
}

/** Dials, with the error handler in place before anything can fail. The handler stays for the life of the socket. */
export function createSocketWithErrorHandler(options: ISafeSocketOptions): Socket {
  const { port, host, onError, onConnect, timeout = 0, noDelay = true, keepAlive = false } = options;
  const keepAliveInitialDelay = options.keepAliveInitialDelay ?? 0;
  const family = plugins.net.isIP(host);
  const socket = plugins.net.connect({
    port,
    host,
    noDelay,
    keepAlive,
    keepAliveInitialDelay,
    allowHalfOpen: true,
    // One address was chosen by whoever dials; Node must not race others, nor look a literal up.
    ...(family === 0 ? {} : { family, autoSelectFamily: false }),
  });
  let failed = false;
  socket.on('error', (error) => {
    if (failed) return;
    failed = true;
    onError(error);
  });
  if (onConnect !== undefined) socket.once('connect', onConnect);
  if (timeout > 0) limitConnecting(socket, timeout, host, port);
  return socket;
}

function limitConnecting(socket: Socket, timeout: number, host: string, port: number): void {
  const error = Object.assign(new Error(`no connection to ${host}:${port} within ${timeout} ms`), {
    code: 'ETIMEDOUT',
  });
  const timer = setTimeout(() => socket.destroy(error), timeout);
  socket.once('connect', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
}

/** Why a pair of sockets ended. */
export type TPairEnd = 'client_closed' | 'target_closed' | 'client_error' | 'target_error';

/** What whoever pairs two sockets wants to know. Hooks must not throw. */
export interface IPairHooks {
  /** Each chunk from the client, before it is passed on. Its memory is used again afterwards: copy what is kept. */
  onClientData?: (chunk: Buffer) => void;
  /** Each chunk from the target, likewise. */
  onServerData?: (chunk: Buffer) => void;
  /** What goes on in place of a chunk from the client: itself, or other bytes, or none. Called after `onClientData`. */
  replaceClientData?: (chunk: Buffer) => Buffer;
  /** The same for chunks from the target. */
  replaceServerData?: (chunk: Buffer) => Buffer;
  /**
   * Called once. The caller ends both sockets here; until then neither is destroyed, and after `client_closed` and
   * `target_closed` everything that was received has been handed to the kernel.
   */
  onCleanup: (reason: TPairEnd) => void;
  /** Each direction ends on its own. Default false: after the target's FIN both end. */
  enableHalfOpen?: boolean;
  onClientEnd?: () => void;
  onServerEnd?: () => void;
  /**
   * The target's last byte and FIN are with the client's kernel, but the client has not closed yet. Given: the caller
   * bounds the wait for it (the client's bytes still reach the target). Left out: cleanup at once.
   */
  onFlushed?: () => void;
}

/**
 * Forwards bytes both ways between a client and a target that are connected: with backpressure, FINs passed on after
 * everything before them, nothing received dropped by an orderly close.
 *
 * The client's FIN is passed on and the answer awaited. The target's FIN is flushed to the client; then, unless
 * `enableHalfOpen`, both are done. An error of one side ends the pair at once. Whoever else wants to hear the sockets'
 * `data` must listen before the pairing: a bulk transfer may emit none after it (pump.ts).
 */
export function setupBidirectionalForwarding(client: Socket, server: Socket, hooks: IPairHooks): void {
  // Hooks are called as methods: whoever keeps a record implements them as a class.
  const { enableHalfOpen = false } = hooks;
  let ended = false;
  let clientEnded = false;
  let serverEnded = false;
  let clientFlushed = false;
  let serverFlushed = false;

  const cleanup = (reason: TPairEnd) => {
    if (ended) return;
    ended = true;
    hooks.onCleanup(reason);
  };
  let first: TPairEnd = 'client_closed';
  const settle = () => {
    if (clientEnded && serverEnded && clientFlushed && serverFlushed) cleanup(first);
  };

  pump(client, server, (chunk) => {
    hooks.onClientData?.(chunk);
    return hooks.replaceClientData === undefined ? chunk : hooks.replaceClientData(chunk);
  });
  pump(server, client, (chunk) => {
    hooks.onServerData?.(chunk);
    return hooks.replaceServerData === undefined ? chunk : hooks.replaceServerData(chunk);
  });

  const onClientEnd = () => {
    if (clientEnded) return;
    clientEnded = true;
    hooks.onClientEnd?.();
    if (!serverFlushed) endAfterFlush(server, serverEnded && clientFlushed, onServerFlushed);
    settle();
  };
  const onServerFlushed = () => {
    serverFlushed = true;
    settle();
  };
  const onServerEnd = () => {
    if (serverEnded) return;
    serverEnded = true;
    if (!clientEnded) first = 'target_closed';
    hooks.onServerEnd?.();
    endAfterFlush(client, clientEnded && serverFlushed, onClientFlushed);
  };
  const onClientFlushed = () => {
    clientFlushed = true;
    if (clientEnded || enableHalfOpen) settle();
    else if (hooks.onFlushed !== undefined) hooks.onFlushed();
    else cleanup(first);
  };
  /** The target took what it wanted and left: what the client still sends has nowhere to go, which is no error. */
  const onServerGone = (reason: TPairEnd) => {
    if (!serverEnded) return cleanup(reason);
    serverFlushed = true;
    if (client.isPaused()) client.resume();
    settle();
  };

  /** Its own FIN, or all of the target's bytes, came before: it only says that it no longer waits. */
  const onClientBroken = () => cleanup(clientEnded || clientFlushed ? first : 'client_error');

  client.on('end', () => unlessReset(client, onClientEnd));
  server.on('end', () => unlessReset(server, onServerEnd));
  client.on('error', onClientBroken);
  server.on('error', () => onServerGone('target_error'));
  // A client that is done both ways may be gone before the target has taken its last bytes.
  client.on('close', () => (clientEnded && clientFlushed ? settle() : cleanup(first)));
  server.on('close', () => onServerGone('target_closed'));
  // What happened before has no event left to tell it.
  if (client.errored) onClientBroken();
  else if (client.closed) cleanup(first);
  else if (client.readableEnded) unlessReset(client, onClientEnd);
  if (server.errored) onServerGone('target_error');
  else if (server.closed) onServerGone('target_closed');
  else if (server.readableEnded) unlessReset(server, onServerEnd);
}

/**
 * Calls `ended` at the end of a stream, unless the end was a reset; then there will be an `error`. Where a reset arrives
 * together with the last bytes, libuv says EOF. But a connection that was reset has no peer any more (after a FIN it has
 * one, until our own FIN is out too), and the kernel refuses writes to it: by EPIPE if a FIN came before the reset, which
 * makes the end a real one.
 */
export function unlessReset(socket: Socket, ended: () => void): void {
  // Through TLS an empty write reports success whatever the kernel says.
  const raw = rawOf(socket);
  const { _handle: handle } = raw as { _handle?: { getpeername?: (into: object) => number } | null };
  if (socket.writableEnded || handle?.getpeername === undefined || handle.getpeername({}) === 0) return ended();
  raw.write(nothing, (error) => {
    if (!error || (error as NodeJS.ErrnoException).code === 'EPIPE') ended();
  });
}

const nothing = Buffer.alloc(0);

/**
 * Sends a FIN after everything that waits, then calls `flushed`. If the pair is done but for this FIN and nothing waits,
 * the close that follows says the same, without the work of one; TLS would miss its close_notify (RFC 8446 §6.1).
 */
function endAfterFlush(socket: Socket, isLast: boolean, flushed: () => void): void {
  const closeSuffices = isLast && socket.writableLength === 0 && !('encrypted' in socket);
  if (closeSuffices || socket.destroyed || socket.writableFinished) return flushed();
  socket.once('finish', flushed);
  socket.end();
}

/**
 * Pairs two connected sockets and owns both: destroys them when the pair has ended, then calls `onBothClosed`.
 * For use outside of a SmartProxy; there is no time limit in it.
 */
export function createIndependentSocketHandlers(
  clientSocket: Socket,
  serverSocket: Socket,
  onBothClosed: (reason: TPairEnd) => void,
  options: { enableHalfOpen?: boolean } = {},
): void {
  setupBidirectionalForwarding(clientSocket, serverSocket, {
    ...options,
    onCleanup: (reason) => {
      const broken = reason === 'client_error' || reason === 'target_error';
      for (const socket of [clientSocket, serverSocket]) {
        if (broken && !socket.destroyed) resetSocket(socket);
        else socket.destroy();
      }
      onBothClosed(reason);
    },
  });
}

/** What `setupSocketHandlers` reports, with the label in front. */
export type TSocketClose<L extends string> = `${L}_ended` | `${L}_error` | `${L}_closed`;

/**
 * Watches a socket that is not paired yet. `onClose` hears of the peer's FIN (`<label>_ended`) and of the end of the
 * socket (`<label>_error` with the error, else `<label>_closed`), each at most once; `onTimeout` of the socket's own
 * time-out, if it has one. Returns a function that stops watching; errors stay handled after it.
 */
export function setupSocketHandlers<const L extends string = 'socket'>(
  socket: Socket,
  onClose: (reason: TSocketClose<L>, error?: Error) => void,
  onTimeout?: () => void,
  label?: L,
): () => void {
  // A default that stands among the parameters costs every socket a scope of its own.
  const name = (label ?? 'socket') as L;
  let watching = true;
  const onEnd = () => onClose(`${name}_ended`);
  const onGone = (error?: Error | boolean) => {
    if (!watching) return;
    stop();
    if (error instanceof Error) onClose(`${name}_error`, error);
    else onClose(`${name}_closed`);
  };
  const stop = () => {
    if (!watching) return;
    watching = false;
    socket.on('error', nothingMore).off('error', onGone).off('end', onEnd).off('close', onGone);
    if (onTimeout !== undefined) socket.off('timeout', onTimeout);
  };
  socket.on('error', onGone).on('end', onEnd).on('close', onGone);
  if (onTimeout !== undefined) socket.on('timeout', onTimeout);
  return stop;
}

/** Handles the errors of a socket that nobody watches, and keeps nothing alive for it. */
function nothingMore(): void {}
