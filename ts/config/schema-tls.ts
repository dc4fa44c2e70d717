// The schemas of TLS: of a route, and from the proxy to a target.

import { isIpLiteral, normaliseHost } from '../codec/host.js';
import * as plugins from '../plugins.js';
import { tlsDefaults, upstreamTlsDefaults } from './defaults.js';
import { acmeSchema } from './schema-acme.js';
import { checked, flag, list, option, strict, whole, word } from './schema-base.js';
import { alpnName, tlsVersions } from './schema-match.js';
import { pemText } from './schema-text.js';

const { zod } = plugins;

const passphrase = () => option(zod.string({ error: 'text' }), 'Of an encrypted key.');

const fileName = () => zod.string({ error: 'the path of a file' }).min(1);

const pemSchema = strict('certificate', {
  cert: pemText('a certificate chain').meta({ description: 'The chain, leaf first, as PEM.' }),
  key: pemText('a private key').meta({ description: 'Its key, as PEM.' }),
  ca: option(pemText('certificates'), 'Certificates to send after the chain, where cert is the leaf alone.'),
  passphrase: passphrase(),
});

const filesSchema = strict('certificate files', {
  certFile: fileName().meta({ description: 'A file with the chain, leaf first, as PEM.' }),
  keyFile: fileName().meta({ description: 'A file with its key.' }),
  caFile: option(fileName(), 'A file with certificates to send after the chain.'),
  passphrase: passphrase(),
});

const wantCertificate = "'auto', 'internal', { cert, key } or { certFile, keyFile }";

const certificateSchema = zod.union([word(['auto', 'internal']), pemSchema, filesSchema], { error: wantCertificate });

const wantName = 'a host name, *. and a host name, or an address';
const certificateName = checked(zod.string({ error: wantName }), (name) =>
  isIpLiteral(name) || normaliseHost(name.replace(/^\*\./, '')) !== null ? null : wantName,
);

const authorities = () => {
  const one = pemText('certificates of authorities');
  return zod.union([one, list(one, 'PEM texts', 1)], {
    error: 'certificates of authorities as PEM, or a list of them',
  });
};

/** A range has two ends: what lies between them cannot be left out. */
const versionsSchema = checked(list(word(tlsVersions), 'TLS versions', 1), (versions) => {
  const places = [...new Set(versions.map((version) => tlsVersions.indexOf(version)))];
  return Math.max(...places) - Math.min(...places) === places.length - 1 ? null : 'versions that are neighbours';
});

const clientAuthSchema = strict('clientAuth', {
  mode: word(['require', 'optional']).meta({
    description: 'require: no handshake without a valid certificate; optional: one that is shown must be valid.',
  }),
  ca: authorities().meta({ description: "PEM of the authorities that clients' certificates come from." }),
});

/** RFC 6066 §3 knows names only. */
const servername = zod.string({ error: 'a host name' }).regex(/^[\w-]+(?:\.[\w-]+)*\.?$/);

export const upstreamTlsSchema = strict('upstream', {
  ca: option(authorities(), "PEM of the authorities that the target's certificate may come from. Default: Node's."),
  rejectUnauthorized: option(
    flag(),
    'false: a target is used whatever certificate it shows.',
    upstreamTlsDefaults.rejectUnauthorized,
  ),
  servername: option(servername, "The name sent by SNI and looked for in the certificate. Default: the target's host."),
  cert: option(pemText('a certificate chain'), 'The certificate that the proxy shows to the target.'),
  key: option(pemText('a private key'), 'Its key.'),
  passphrase: passphrase(),
});

const serverAlpn = list(alpnName, 'protocol names');

export const tlsSchema = strict('tls', {
  mode: word(['passthrough', 'terminate', 'terminate-and-reencrypt']).meta({
    description:
      'passthrough: the target terminates TLS; terminate: the proxy does; terminate-and-reencrypt: and talks TLS to the target.',
  }),
  certificate: option(certificateSchema, 'The certificate and its key; needed to terminate.'),
  acme: option(acmeSchema, "Of certificate 'auto'; wins over the top-level acme field by field."),
  names: option(list(certificateName, 'names'), 'Names to have certificates for besides match.domains.'),
  versions: option(versionsSchema, 'Versions that are negotiated; neighbours.', tlsDefaults.versions),
  ciphers: option(
    zod.string({ error: "cipher suites in OpenSSL's notation" }).regex(/^[\w:!+@=.-]{1,4096}$/),
    "Cipher suites in OpenSSL's notation. Default: Node's.",
  ),
  honorCipherOrder: option(flag(), "Our order of ciphers decides, not the client's.", tlsDefaults.honorCipherOrder),
  alpn: option(
    serverAlpn,
    'Protocols that are offered by ALPN, in order. The default leaves h2 out where a socket handler may get the connection.',
    tlsDefaults.alpn,
  ),
  sessionTimeout: option(
    whole(0, 604_800, 'seconds, a whole number'),
    'Seconds that a session can be resumed; 0: never.',
    tlsDefaults.sessionTimeout,
  ),
  clientAuth: option(clientAuthSchema, 'Client certificates.'),
  upstream: option(upstreamTlsSchema, 'TLS to the targets, for terminate-and-reencrypt.'),
});
