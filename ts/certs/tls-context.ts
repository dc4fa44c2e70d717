// One certificate with one policy: the servers, never listening, that handshakes are made by.

import type { SecureContextOptions, Server, TlsOptions } from 'node:tls';
import type { IResolvedTls } from '../config/resolved.js';
import type { ITlsContext } from '../flow/forward/terminate.js';
import * as plugins from '../plugins.js';
import { asBytes, chainOf, type IKeyPair } from './pem.js';

export class TlsContext implements ITlsContext {
  readonly clientAuthOptional: boolean;
  readonly #options: TlsOptions;
  readonly #alpn: readonly string[];
  #ticketKeys: Buffer;
  #server: Server | null = null;
  #withoutH2: Server | null = null;
  #withoutAlpn: Server | null = null;

  constructor(tls: IResolvedTls, pair: IKeyPair, ticketKeys: Buffer) {
    this.clientAuthOptional = tls.clientAuth !== null && !tls.clientAuth.required;
    this.#ticketKeys = ticketKeys;
    this.#alpn = tls.alpn;
    this.#options = {
      ...secureOptions(tls, pair),
      requestCert: tls.clientAuth !== null,
      rejectUnauthorized: tls.clientAuth?.required ?? false,
      // Our own deadline is the one that counts. Node takes 0 for its default, and makes no timer of what is below.
      handshakeTimeout: -1,
    };
  }

  get server(): Server {
    this.#server ??= this.#make(this.#alpn);
    return this.#server;
  }

  get serverWithoutH2(): Server {
    this.#withoutH2 ??= this.#make(this.#alpn.filter((name) => name !== 'h2'));
    return this.#withoutH2;
  }

  /** Throws what OpenSSL says, if it does, now rather than at the first handshake. */
  prepare(): void {
    void this.server;
  }

  get serverWithoutAlpn(): Server {
    this.#withoutAlpn ??= this.#make([]);
    return this.#withoutAlpn;
  }

  /** Tickets under former keys lead to whole handshakes from now on. */
  useTicketKeys(keys: Buffer): void {
    if (keys === this.#ticketKeys) return;
    this.#ticketKeys = keys;
    this.#server?.setTicketKeys(keys);
    this.#withoutH2?.setTicketKeys(keys);
    this.#withoutAlpn?.setTicketKeys(keys);
  }

  #make(alpn: readonly string[]): Server {
    const offer = alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] };
    return plugins.requireTls().createServer({ ...this.#options, ...offer, ticketKeys: this.#ticketKeys });
  }
}

/** What OpenSSL is told, but for the ticket keys. */
export function secureOptions(tls: IResolvedTls, pair: IKeyPair): SecureContextOptions {
  const { SSL_OP_NO_TICKET, SSL_OP_NO_RENEGOTIATION } = plugins.crypto.constants;
  const { sessionTimeoutSeconds } = tls;
  return {
    cert: chainOf(pair),
    key: asBytes(pair.key),
    ...(pair.passphrase === null ? {} : { passphrase: pair.passphrase }),
    minVersion: tls.minVersion,
    maxVersion: tls.maxVersion,
    ...ciphersOf(tls),
    honorCipherOrder: tls.honorCipherOrder,
    ...(tls.clientAuth === null ? {} : { ca: tls.clientAuth.ca.map(asBytes) }),
    // Without tickets nothing can be resumed: Node keeps no sessions by their ids.
    secureOptions: SSL_OP_NO_RENEGOTIATION | (sessionTimeoutSeconds === 0 ? SSL_OP_NO_TICKET : 0),
    ...(sessionTimeoutSeconds === 0 ? {} : { sessionTimeout: sessionTimeoutSeconds }),
    // Node's default is the same for the whole process: OpenSSL would take one route's session for another's.
    sessionIdContext: plugins.crypto.createHash('sha256').update(tls.key).digest('hex').slice(0, 32),
  };
}

/** OpenSSL 3 speaks TLS before 1.2 at security level 0 alone. Whoever asks for those versions asks for that. */
function ciphersOf({ ciphers, minVersion }: IResolvedTls): { ciphers?: string } {
  if (minVersion !== 'TLSv1' && minVersion !== 'TLSv1.1') return ciphers === null ? {} : { ciphers };
  return { ciphers: `${ciphers ?? plugins.requireTls().DEFAULT_CIPHERS}:@SECLEVEL=0` };
}
