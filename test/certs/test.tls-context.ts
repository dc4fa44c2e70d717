// What OpenSSL is told for a route's TLS.

import { constants } from 'node:crypto';
import { secureOptions, TlsContext } from '../../ts/certs/tls-context.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeTls } from '../helpers/make-tls.js';
import { expect, tap } from '../helpers/tapbundle.js';

const certificate = await makeCertificate({ names: ['a.test'] });
const pair = { ...certificate, ca: null, passphrase: null };

tap.test('renegotiation is always off, tickets where sessions do not last', () => {
  const bits = (seconds: number): number =>
    secureOptions(makeTls({ certificate, sessionTimeoutSeconds: seconds }), pair).secureOptions ?? 0;
  expect([bits(300) & constants.SSL_OP_NO_RENEGOTIATION, bits(0) & constants.SSL_OP_NO_RENEGOTIATION]).not.toContain(0);
  expect([bits(300) & constants.SSL_OP_NO_TICKET, bits(0) & constants.SSL_OP_NO_TICKET]).toEqual([
    0,
    constants.SSL_OP_NO_TICKET,
  ]);
});

tap.test('sessions are marked as those of their settings', () => {
  const markOf = (key: string) => secureOptions(makeTls({ certificate, key }), pair).sessionIdContext ?? '';
  expect(markOf('a')).toEqual(markOf('a'));
  expect(markOf('a')).not.toEqual(markOf('b'));
  // OpenSSL takes 32 bytes at most.
  expect(markOf('a').length).toEqual(32);
});

tap.test('the servers of a context are made once', () => {
  const context = new TlsContext(makeTls({ certificate }), pair, Buffer.alloc(48, 1));
  expect(context.server).toBe(context.server);
  expect(context.serverWithoutAlpn).toBe(context.serverWithoutAlpn);
  expect(context.server === context.serverWithoutAlpn).toEqual(false);
  context.useTicketKeys(Buffer.alloc(48, 2));
  expect([context.server, context.serverWithoutAlpn].map((server) => server.getTicketKeys()[0])).toEqual([2, 2]);
});

export default tap.start();
