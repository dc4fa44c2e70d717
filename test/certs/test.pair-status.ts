import { X509Certificate } from 'node:crypto';
import { factsOf, statusOfPair } from '../../ts/certs/pair-status.js';
import { makeCertificate } from '../helpers/certificates.js';
import { expect, tap } from '../helpers/tapbundle.js';

const { cert, key } = await makeCertificate({ names: ['*.a.test'], ips: ['192.0.2.1', '2001:db8::1'] });
const pair = { cert, key, ca: null, passphrase: null };

tap.test('a status says what the certificate says', () => {
  const { serialNumber, validFrom, validTo } = new X509Certificate(cert);
  const status = statusOfPair({ id: 'x', names: null, routes: ['r'], source: 'pem', pair });
  expect(status).toEqual({
    ...{ id: 'x', routes: ['r'], state: 'idle', source: 'pem', onDemand: false, issuer: 'pem' },
    names: ['*.a.test', '192.0.2.1', '2001:db8:0:0:0:0:0:1'],
    ...{ serial: serialNumber, notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) },
    ...{ profile: null, challenge: null, renewAt: null, ari: null, lastError: null, nextAttemptAt: null },
  });
  const known = factsOf(pair);
  expect(factsOf(pair) === known).toBeTrue();
});

tap.test('where there is none it says so', () => {
  const { names, source, issuer, serial, notAfter } = statusOfPair({
    ...{ id: 'x', names: ['a.test'], routes: [], source: 'internal', pair: null },
  });
  expect([names, source, issuer, serial, notAfter]).toEqual([['a.test'], null, null, null, null]);
});

export default tap.start();
