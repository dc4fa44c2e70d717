// A connection whose TLS we terminate: the handshake, then the stages once more, for what is inside.

import type { TLSSocket } from 'node:tls';
import type { IResolvedTls } from '../config/resolved.js';
import type { Connection } from './connection.js';
import { type ITerminateDeps, terminate } from './forward/terminate.js';
import type { PortTable } from './match/port-table.js';
import { peekInside } from './peek/peek.js';
import type { IConnectionFacts, IPeeked } from './stages.js';

/** What follows when it is known what is inside. */
export interface IInside {
  /** HTTP: by ALPN or by its first bytes. */
  http(facts: IConnectionFacts, bytes: Buffer | null, tls: IResolvedTls): void;
  /** What is forwarded as it is: `facts.protocol` is that of the decrypted bytes, null if nobody looked. */
  bytes(peeked: IPeeked, tls: IResolvedTls): void;
}

export interface IInsideDeps extends ITerminateDeps {
  /** For the first decrypted bytes, where they decide. */
  readonly initialDataTimeoutMs: number;
}

/** `peeked` are the facts and the bytes of the ClientHello. */
export function goInside(
  peeked: IPeeked,
  tls: IResolvedTls,
  table: PortTable,
  deps: IInsideDeps,
  inside: IInside,
): void {
  const { connection, facts, bytes } = peeked;
  const need = table.needInside(facts, tls);
  const alpnOptional = table.engineInside({ ...facts, protocol: null }, tls) !== null;
  const withoutH2 = tls.alpnIsUsual && facts.alpn.includes('h2') && !table.servesRequests(facts, tls);
  terminate(connection, bytes, tls, { ...deps, alpnOptional, withoutH2 }, (secure) => {
    const within: IConnectionFacts = { ...facts, tlsVersion: connection.tlsVersion };
    const asHttp: IConnectionFacts = { ...within, protocol: 'http' };
    // A handler whose route offers HTTP/2 speaks it.
    if (secure.alpnProtocol === 'h2' && table.engineInside(asHttp, tls)?.kind === 'bytes') {
      return inside.bytes({ connection, facts: asHttp, bytes: null }, tls);
    }
    if (isHttp(secure)) return inside.http(asHttp, null, tls);
    if (need === 'nothing') return inside.bytes({ connection, facts: { ...within, protocol: null }, bytes: null }, tls);
    waitForBytes(connection, deps);
    peekInside(connection, (protocol, first) => {
      connection.limitMs = 0;
      if (protocol === null) return void deps.connections.cleanupConnection(connection, 'closed_before_data');
      const found: IConnectionFacts = { ...within, protocol };
      const engine = table.engineInside(found, tls);
      if (engine?.kind === 'http') inside.http(found, first, tls);
      else inside.bytes({ connection, facts: found, bytes: first }, tls);
    });
  });
}

/** RFC 7301: a client that agreed on it will speak it, now or after a while. */
const isHttp = ({ alpnProtocol }: TLSSocket): boolean =>
  alpnProtocol === 'http/1.1' || alpnProtocol === 'h2' || alpnProtocol === 'http/1.0';

function waitForBytes(connection: Connection, { clock, connections, initialDataTimeoutMs }: IInsideDeps): void {
  connection.limitFromMs = clock.nowMs();
  connection.limitMs = initialDataTimeoutMs;
  connection.limitEnd = 'initial_data_timeout';
  connections.deadlines.reschedule(connection);
}
