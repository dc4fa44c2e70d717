// Resolved TLS settings, and a server that terminates TLS with them and nothing else.

import { createHash } from 'node:crypto';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { IClock } from '../../ts/base/clock.js';
import { systemClock } from '../../ts/base/clock.js';
import type { ProxyError } from '../../ts/base/errors.js';
import { silentLogger } from '../../ts/base/logger.js';
import { ContextSource, type IManagedPairs } from '../../ts/certs/context-source.js';
import type { IResolvedConfig, IResolvedTls, IResolvedUpstreamTls } from '../../ts/config/resolved.js';
import type { Connection } from '../../ts/flow/connection.js';
import { ConnectionManager } from '../../ts/flow/connection-manager.js';
import type { TEnd } from '../../ts/flow/ends.js';
import { terminate } from '../../ts/flow/forward/terminate.js';
import { peek } from '../../ts/flow/peek/peek.js';
import { makeRoute } from './make-route.js';
import { noManaged } from './no-managed.js';
import { until } from './until.js';

/** What a route with this certificate and no further wishes has. The key tells all settings apart. */
export function makeTls(parts: Partial<IResolvedTls> & Pick<IResolvedTls, 'certificate'>): IResolvedTls {
  const tls = { ...defaults, ...parts };
  const key = parts.key ?? createHash('sha256').update(JSON.stringify(tls)).digest('hex');
  return { ...tls, key };
}

const defaults: Omit<IResolvedTls, 'certificate'> = {
  key: '',
  policyKey: 'policy',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: null,
  honorCipherOrder: true,
  alpn: ['http/1.1'],
  alpnIsUsual: false,
  sessionTimeoutSeconds: 300,
  clientAuth: null,
};

/** Verified by this authority, unless told otherwise. */
export function makeUpstreamTls(parts: Partial<IResolvedUpstreamTls> = {}): IResolvedUpstreamTls {
  const tls = {
    key: '',
    ca: null,
    rejectUnauthorized: true,
    servername: null,
    cert: null,
    certKey: null,
    passphrase: null,
    ...parts,
  };
  return { ...tls, key: createHash('sha256').update(JSON.stringify(tls)).digest('hex') };
}

/** As much of a configuration as certificates are found in. */
export const makeTlsConfig = (...all: readonly IResolvedTls[]): IResolvedConfig =>
  ({
    routes: all.map((tls, index) => makeRoute({ index, name: `route-${index}`, tls })),
  }) as unknown as IResolvedConfig;

export interface ITerminator extends AsyncDisposable {
  readonly port: number;
  readonly source: ContextSource;
  readonly connections: ConnectionManager;
  /** What `onError` was told. */
  readonly errors: ProxyError[];
  readonly ended: { readonly connection: Connection; readonly end: TEnd }[];
  /** Resolves with the next `count` ends that have not been asked for yet. */
  ends(count?: number): Promise<TEnd[]>;
}

export interface ITerminatorParts {
  /** By server name; `''`: for those that none of the others fits. */
  readonly tls: Readonly<Record<string, IResolvedTls>>;
  /** Default: echoes, and ends when the client does. */
  readonly serve?: (secure: TLSSocket, connection: Connection, connections: ConnectionManager) => void;
  readonly clock?: IClock;
  readonly handshakeTimeoutMs?: number;
  readonly alpnOptional?: boolean;
  readonly withoutH2?: boolean;
  /** Default: the proxy gets none. */
  readonly managed?: IManagedPairs;
  readonly mostContexts?: number;
}

/** Peeks at the ClientHello, chooses by its name, terminates. Fails at disposal if a connection lives on. */
export async function startTerminator(parts: ITerminatorParts): Promise<ITerminator> {
  const {
    tls,
    serve = echo,
    clock = systemClock,
    handshakeTimeoutMs = 10_000,
    alpnOptional = false,
    withoutH2 = false,
    managed = noManaged,
    mostContexts = 100,
  } = parts;
  const ended: { connection: Connection; end: TEnd }[] = [];
  const errors: ProxyError[] = [];
  const observer = {
    connectionOpened() {},
    connectionRouted() {},
    connectionRefused() {},
    connectionEnded: (connection: Connection, end: TEnd) => void ended.push({ connection, end }),
  };
  const connections = new ConnectionManager({
    clock,
    maxConnections: 1_000,
    initialDataTimeoutMs: 10_000,
    observers: [observer as never],
  });
  const source = new ContextSource({
    ...{ clock, logger: silentLogger, managed, mostContexts },
    onError: (error) => errors.push(error),
  });
  await source.attach(makeTlsConfig(...Object.values(tls)));
  const deps = { source, handshakeTimeoutMs, connections, logger: silentLogger, clock, alpnOptional, withoutH2 };
  const take = (socket: Socket) => {
    const connection = connections.createConnection(socket);
    if (connection === null) return;
    connection.phase = 'peek';
    peek(connection, 'client-hello', (peeked) => {
      if (typeof peeked === 'string') return void connections.cleanupConnection(connection, peeked);
      const settings = tls[connection.sni ?? ''] ?? tls[''];
      if (settings === undefined) return void connections.cleanupConnection(connection, 'no_route');
      terminate(connection, peeked.bytes, settings, deps, (secure) => {
        connection.phase = 'transfer';
        serve(secure, connection, connections);
      });
    });
  };
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, take);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let asked = 0;
  return {
    port: (server.address() as AddressInfo).port,
    source,
    connections,
    errors,
    ended,
    async ends(count = 1) {
      await until(
        () => ended.length >= asked + count,
        5_000,
        () => `${count} ends, has ${ended.length - asked}`,
      );
      asked += count;
      return ended.slice(asked - count, asked).map(({ end }) => end);
    },
    async [Symbol.asyncDispose]() {
      try {
        await until(
          () => connections.size === 0,
          3_000,
          () => `no live connection, has ${connections.size}`,
        );
      } finally {
        await connections.cleanup();
        await source.cleanup();
        server.close();
      }
    },
  };
}

function echo(secure: TLSSocket, connection: Connection, connections: ConnectionManager): void {
  connection.handled = true;
  secure.on('data', (chunk) => secure.write(chunk));
  secure.on('end', () => secure.end(() => connections.cleanupConnection(connection, 'client_closed')));
}
