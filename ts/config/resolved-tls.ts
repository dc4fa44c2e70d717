// TLS of a route and of a target, as the code reads it.

import type { IManagedCertificate } from './resolved-acme.js';
import type { ICertificateFiles, ICertificatePem, TTlsVersion } from './types.js';

/** Of a route that terminates TLS. */
export interface IResolvedTls {
  /** The same for two routes exactly if a connection made for one may carry requests of the other. */
  readonly key: string;
  /** The same without the certificate: for connections that named no host. */
  readonly policyKey: string;
  /** What the user wrote: PEM or files; or how the proxy gets it. */
  readonly certificate: ICertificatePem | ICertificateFiles | IManagedCertificate;
  readonly minVersion: TTlsVersion;
  readonly maxVersion: TTlsVersion;
  /** null: Node's. */
  readonly ciphers: string | null;
  readonly honorCipherOrder: boolean;
  readonly alpn: readonly string[];
  /** It is the default: `h2` is left out where a socket handler may get the connection. */
  readonly alpnIsUsual: boolean;
  /** 0: no resumption. */
  readonly sessionTimeoutSeconds: number;
  readonly clientAuth: { readonly required: boolean; readonly ca: readonly (string | Uint8Array)[] } | null;
}

/** TLS to a target. */
export interface IResolvedUpstreamTls {
  /** Equal settings have equal keys: connections with equal keys can serve one another's requests. */
  readonly key: string;
  /** null: those that Node knows. */
  readonly ca: readonly (string | Uint8Array)[] | null;
  readonly rejectUnauthorized: boolean;
  /** null: the target's host. */
  readonly servername: string | null;
  readonly cert: string | Uint8Array | null;
  readonly certKey: string | Uint8Array | null;
  readonly passphrase: string | null;
}
