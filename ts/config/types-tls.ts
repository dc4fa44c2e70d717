// What users write about TLS.

import type { IAcmeOptions } from './types-acme.js';

/** TLS versions, as Node names them. */
export type TTlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** A certificate chain and its key as PEM text or bytes. */
export interface ICertificatePem {
  /** The chain, leaf first. */
  cert: string | Uint8Array;
  key: string | Uint8Array;
  /** Certificates to send after the chain, where `cert` is the leaf alone. */
  ca?: string | Uint8Array | undefined;
  /** Of an encrypted key. */
  passphrase?: string | undefined;
}

/** The same in files: watched, and read again when they change. A pair that does not fit leaves the former one in use. */
export interface ICertificateFiles {
  certFile: string;
  keyFile: string;
  caFile?: string | undefined;
  passphrase?: string | undefined;
}

/** Who must show a certificate to use the route. */
export interface IClientAuth {
  /** `require`: the handshake fails without a valid one. `optional`: a certificate that is shown must be valid. */
  mode: 'require' | 'optional';
  /** PEM of the authorities that clients' certificates come from. */
  ca: string | Uint8Array | readonly (string | Uint8Array)[];
}

/** TLS from the proxy to a target. */
export interface IUpstreamTls {
  /** PEM of the authorities that the target's certificate may come from. Default: those that Node knows. */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Default true: a target whose certificate is not valid for its name is not used. */
  rejectUnauthorized?: boolean | undefined;
  /** The name sent by SNI and looked for in the certificate. Default: the target's host, if it is a name. */
  servername?: string | undefined;
  /** The certificate that the proxy shows to the target. */
  cert?: string | Uint8Array | undefined;
  key?: string | Uint8Array | undefined;
  passphrase?: string | undefined;
}

/** TLS of a route. */
export interface IRouteTls {
  /**
   * `passthrough`: the target terminates TLS; we route by the ClientHello. `terminate`: the proxy does, and talks plainly
   * to the target. `terminate-and-reencrypt`: the proxy does, and talks TLS to the target, whose certificate it verifies.
   */
  mode: 'passthrough' | 'terminate' | 'terminate-and-reencrypt';
  /**
   * Needed to terminate. `auto`: from an ACME authority, for the names in `match.domains`; they are renewed by themselves.
   * `internal`: from an authority of the proxy's own, for development and tests (`smartproxy certs root` prints its root).
   */
  certificate?: 'auto' | 'internal' | ICertificatePem | ICertificateFiles | undefined;
  /** Of `auto`: fields given here win over those of the top-level `acme`. */
  acme?: IAcmeOptions | undefined;
  /** Of `auto` and `internal`: names and addresses to have certificates for besides those of `match.domains`. */
  names?: readonly string[] | undefined;
  /** Versions that are negotiated: neighbours. Default `['TLSv1.2', 'TLSv1.3']`. */
  versions?: readonly TTlsVersion[] | undefined;
  /** OpenSSL's notation. Default: Node's. */
  ciphers?: string | undefined;
  /** Our order of ciphers decides, not the client's. Default true. */
  honorCipherOrder?: boolean | undefined;
  /**
   * Protocols that are offered by ALPN, in order. Default `['h2', 'http/1.1', 'http/1.0']`, without `h2` where a socket handler may
   * get the connection. A client that offers none of them is served without a protocol where its bytes are forwarded as they
   * are, else refused.
   */
  alpn?: readonly string[] | undefined;
  /** Seconds that a session can be resumed. Default 300; 0: never. */
  sessionTimeout?: number | undefined;
  /** Client certificates: of this route, not of the whole port. */
  clientAuth?: IClientAuth | undefined;
  /** TLS to the targets, for `terminate-and-reencrypt`. */
  upstream?: IUpstreamTls | undefined;
}
