// Certificates and keys in PEM, judged.

import { concernAbout, problemOf, problemOfAuthorities } from '../../ts/certs/pem.js';
import { makeCertificate } from '../helpers/certificates.js';
import { expect, tap } from '../helpers/tapbundle.js';

const { cert, key, ca } = await makeCertificate({ names: ['a.test'] });
const pair = { cert, key, ca: null, passphrase: null };

tap.test('what is sent after the chain must be certificates', () => {
  expect(problemOf({ ...pair, ca })).toEqual(null);
  expect(problemOf({ ...pair, ca: 'x' })).toEqual('there is no certificate in it');
});

tap.test('one broken certificate among authorities is found: OpenSSL would leave it out without a word', () => {
  expect(problemOfAuthorities([`${ca}\n${cert}`, Buffer.from(ca)])).toEqual(null);
  const broken = cert.replace(/\n[A-Za-z0-9+/]{8}/, '\nAAAAAAAA');
  expect(problemOfAuthorities([`${ca}\n${broken}`])).toMatch(/^one of its certificates cannot be parsed: /);
});

tap.test('a certificate outside of its time is a concern, no problem', () => {
  const dayMs = 86_400_000;
  expect(concernAbout(pair, Date.now())).toEqual(null);
  expect(concernAbout(pair, Date.now() + 60 * dayMs)).toMatch(/^the certificate expired on /);
  expect(concernAbout(pair, Date.now() - 60 * dayMs)).toMatch(/^the certificate is not valid before /);
});

export default tap.start();
