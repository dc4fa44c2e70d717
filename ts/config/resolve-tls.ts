// TLS settings as the code reads them, with keys by which equal ones are known. Equal settings are one object.

import * as plugins from '../plugins.js';
import { tlsDefaults, upstreamTlsDefaults } from './defaults.js';
import { deepFreeze } from './freeze.js';
import { mergeAcme, resolveAcme } from './resolve-acme.js';
import type { IManagedCertificate, IResolvedTls, IResolvedUpstreamTls } from './resolved.js';
import { tlsVersions } from './schema-match.js';
import { textOfPem } from './schema-text.js';
import type {
  IAcmeOptions,
  ICertificateFiles,
  ICertificatePem,
  IClientAuth,
  IRouteTls,
  IUpstreamTls,
  TTlsVersion,
} from './types.js';

type TPem = string | Uint8Array;

/** Resolves each set of settings once, however many routes have it. Settings are valid by now. */
export class TlsSettings {
  readonly #routes = new Map<string, IResolvedTls>();
  readonly #upstreams = new Map<string, IResolvedUpstreamTls>();
  readonly #digests = new Map<string, string>();
  /** By the object that was written: the default of many routes is one. */
  readonly #known = new WeakMap<IRouteTls, IResolvedTls>();

  readonly #acme: IAcmeOptions | undefined;

  /** `acme`: everybody's. */
  constructor(acme?: IAcmeOptions) {
    this.#acme = acme;
  }

  /** Of a route that terminates. */
  route(tls: IRouteTls): IResolvedTls {
    const known = this.#known.get(tls);
    if (known) return known;
    const settings = settingsOf(tls);
    const policyKey = this.#digest(JSON.stringify(settings));
    const certificate = typeof tls.certificate === 'string' ? this.#managed(tls) : certificateOf(tls.certificate);
    const key = this.#digest([policyKey, ...this.#partsOf(certificate)].join());
    const resolved = this.#routes.get(key) ?? deepFreeze({ key, policyKey, certificate, ...settings });
    this.#routes.set(key, resolved);
    this.#known.set(tls, resolved);
    return resolved;
  }

  #managed(tls: IRouteTls): IManagedCertificate {
    if (tls.certificate === 'internal') return { managed: 'internal', acme: null };
    return { managed: 'auto', acme: resolveAcme(mergeAcme(this.#acme, tls.acme)) };
  }

  #partsOf(certificate: IResolvedTls['certificate']): string[] {
    if ('managed' in certificate) return [certificate.managed, certificate.acme?.key ?? ''];
    return Object.entries(certificate).map(([name, text]) => `${name} ${this.#digest(text)}`);
  }

  upstream(tls: IUpstreamTls): IResolvedUpstreamTls {
    const settings = {
      ca: tls.ca === undefined ? null : pemList(tls.ca),
      rejectUnauthorized: tls.rejectUnauthorized ?? upstreamTlsDefaults.rejectUnauthorized,
      servername: tls.servername?.replace(/\.$/, '').toLowerCase() ?? null,
      cert: tls.cert === undefined ? null : textOfPem(tls.cert),
      certKey: tls.key === undefined ? null : textOfPem(tls.key),
      passphrase: tls.passphrase ?? null,
    };
    const key = this.#digest(JSON.stringify(settings));
    const resolved = this.#upstreams.get(key) ?? deepFreeze({ key, ...settings });
    this.#upstreams.set(key, resolved);
    return resolved;
  }

  /** Many routes have few certificates between them: each text is hashed once. */
  #digest(text: string): string {
    const known = this.#digests.get(text);
    if (known !== undefined) return known;
    const digest = plugins.crypto.createHash('sha256').update(text).digest('base64url');
    this.#digests.set(text, digest);
    return digest;
  }
}

function settingsOf(tls: IRouteTls) {
  const alpn = [...new Set(tls.alpn ?? tlsDefaults.alpn)];
  const versions = (tls.versions ?? tlsDefaults.versions).map((version) => tlsVersions.indexOf(version));
  return {
    minVersion: versionAt(Math.min(...versions)),
    maxVersion: versionAt(Math.max(...versions)),
    ciphers: tls.ciphers ?? null,
    honorCipherOrder: tls.honorCipherOrder ?? tlsDefaults.honorCipherOrder,
    alpn,
    alpnIsUsual: alpn.join() === tlsDefaults.alpn.join(),
    sessionTimeoutSeconds: tls.sessionTimeout ?? tlsDefaults.sessionTimeout,
    clientAuth: tls.clientAuth === undefined ? null : clientAuthOf(tls.clientAuth),
  };
}

const versionAt = (place: number): TTlsVersion => tlsVersions[place] ?? 'TLSv1.3';

const clientAuthOf = ({ mode, ca }: IClientAuth) => ({ required: mode === 'require', ca: pemList(ca) });

const pemList = (ca: TPem | readonly TPem[]): readonly string[] =>
  (typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : ca).map(textOfPem);

/** The same with text in place of bytes. */
type TTexts<T> = { readonly [K in keyof T]: string };

/** As it was written, with PEM as text; equal ones have their properties in one order. */
function certificateOf(
  certificate: ICertificatePem | ICertificateFiles | undefined,
): TTexts<ICertificatePem> | ICertificateFiles {
  if (certificate === undefined) throw new Error('a route that terminates TLS passed the checks without certificate');
  const { passphrase } = certificate;
  const secret = passphrase === undefined ? {} : { passphrase };
  if ('certFile' in certificate) {
    const { certFile, keyFile, caFile } = certificate;
    return { certFile, keyFile, ...(caFile === undefined ? {} : { caFile }), ...secret };
  }
  const { cert, key, ca } = certificate;
  const chain = ca === undefined ? {} : { ca: textOfPem(ca) };
  return { cert: textOfPem(cert), key: textOfPem(key), ...chain, ...secret };
}
