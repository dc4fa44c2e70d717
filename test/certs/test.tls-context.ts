// What OpenSSL is told for a route's TLS.

import { constants } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { secureOptions, TlsContext } from '../../ts/certs/tls-context.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTls } from '../helpers/clients.js';
import { makeTls, startTerminator } from '../helpers/make-tls.js';
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

tap.test('a session lasts as long as it is told', () => {
  const lasts = (seconds: number) =>
    secureOptions(makeTls({ certificate, sessionTimeoutSeconds: seconds }), pair).sessionTimeout;
  expect([lasts(77), lasts(0)]).toEqual([77, undefined]);
});

for (const honorCipherOrder of [true, false]) {
  tap.test(`the order of ciphers is ${honorCipherOrder ? 'ours' : "the client's"}`, async () => {
    const [ours, theirs] = ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256'];
    const settings = makeTls({ certificate, honorCipherOrder, ciphers: `${ours}:${theirs}`, maxVersion: 'TLSv1.2' });
    await using world = await startTerminator({ tls: { 'a.test': settings } });
    await using client = await connectTls(world.port, { servername: 'a.test', ciphers: `${theirs}:${ours}` });
    expect((client.socket as TLSSocket).getCipher().name).toEqual(honorCipherOrder ? ours : theirs);
  });
}

tap.test('no version is negotiated beyond those that are given', async () => {
  const settings = makeTls({ certificate, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  await using world = await startTerminator({ tls: { 'a.test': settings } });
  await using client = await connectTls(world.port, { servername: 'a.test' });
  expect((client.socket as TLSSocket).getProtocol()).toEqual('TLSv1.2');
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
  expect(context.serverWithoutH2).toBe(context.serverWithoutH2);
  const servers = () => [context.server, context.serverWithoutAlpn, context.serverWithoutH2];
  expect(new Set(servers()).size).toEqual(3);
  context.useTicketKeys(Buffer.alloc(48, 2));
  expect(servers().map((server) => server.getTicketKeys()[0])).toEqual([2, 2, 2]);
});

export default tap.start();
