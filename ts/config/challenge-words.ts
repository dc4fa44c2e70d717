// What authorities ask for when they look whether a name is ours.

/** The path of HTTP-01 before its token (RFC 8555 §8.3). */
export const challengePath = '/.well-known/acme-challenge/';

/** The protocol of TLS-ALPN-01 (RFC 8737 §6.2). */
export const challengeProtocol = 'acme-tls/1';
