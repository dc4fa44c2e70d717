import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { factsOf, refusalOf, signersOf } from '../../../ts/certs/manager/certificate-facts.js';
import { alternativeNames, buildCertificate } from '../../../ts/certs/x509.js';
import { makeCertificate } from '../../helpers/certificates.js';
import { expect, tap } from '../../helpers/tapbundle.js';

tap.test('reads names, addresses, life and key of a real certificate', async () => {
  const { cert, key, ca } = await makeCertificate({ names: ['a.test', '*.b.test'], ips: ['10.0.0.1', '2001:db8::1'] });
  const facts = factsOf(cert, key);
  expect([...facts.names].sort()).toEqual(['*.b.test', '10.0.0.1', '2001:db8::1', 'a.test']);
  expect(facts.keyFits).toEqual(true);
  expect(Math.round((facts.notAfter - facts.notBefore) / 86_400_000)).toEqual(30);
  expect(facts.renewalId).toMatch(/^[\w-]+\.[\w-]+$/);
  const other = await makeCertificate({ names: ['c.test'] });
  expect(factsOf(cert, other.key).keyFits).toEqual(false);
  expect(signersOf(`${cert}${ca}`)).toEqual(['authority test', 'authority test']);
  for (const text of ['', 'x', key]) expect(() => factsOf(text, key)).toThrow();
});

tap.test('what OpenSSL serves nobody with is no certificate: it would take the place of one that works', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 512 });
  const cert = await buildCertificate({
    ...{ subject: 'a.test', issuer: 'a.test', publicKey },
    signingKey: createPrivateKey((await makeCertificate({ names: ['ca.test'] })).key),
    ...{ notBeforeMs: Date.now(), notAfterMs: Date.now() + 86_400_000, extensions: [alternativeNames(['a.test'])] },
  });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  expect(() => factsOf(cert, key)).toThrow(/key too small/);
  // Weak ones further up in the chain are no better.
  const good = await makeCertificate({ names: ['a.test'] });
  expect(factsOf(good.cert, good.key).keyFits).toEqual(true);
  expect(() => factsOf(`${good.cert}\n${cert}`, good.key)).toThrow();
});

tap.test('refuses what is wrong, late, early, incomplete or worse', () => {
  const good = {
    names: ['*.a.test', '10.0.0.1'],
    notBefore: 0,
    notAfter: 1_000_000,
    serial: 'A',
    keyFits: true,
    renewalId: null,
  };
  const judge = (
    some: Partial<typeof good>,
    names: readonly string[] = ['*.a.test'],
    present: { notBefore: number; notAfter: number } | null = null,
  ) => refusalOf({ ...good, ...some }, names, 500_000, present);
  expect(judge({})).toEqual(null);
  expect(judge({}, ['b.a.test', '10.0.0.1', '*.a.test'])).toEqual(null);
  expect(judge({}, ['a.test'])).toMatch(/a\.test/);
  expect(judge({}, ['c.b.a.test'])).not.toEqual(null);
  expect(judge({ names: ['*.0.0.1'] }, ['10.0.0.1'])).not.toEqual(null);
  expect(judge({ keyFits: false })).not.toEqual(null);
  expect(judge({ notAfter: 500_000 })).not.toEqual(null);
  expect(judge({ notAfter: Number.NaN })).not.toEqual(null);
  expect(judge({ notBefore: 500_000 + 301_000 })).not.toEqual(null);
  expect(judge({ notBefore: Number.NaN })).not.toEqual(null);
  expect(judge({ notBefore: 500_000 + 299_000 })).toEqual(null);
  expect(judge({}, ['*.a.test'], { notBefore: 0, notAfter: 1_000_001 })).not.toEqual(null);
  expect(judge({}, ['*.a.test'], { notBefore: 0, notAfter: 1_000_000 })).toEqual(null);
  // One that is half over gives way to a new one of a shorter life, but to no old one, and not before.
  const half = { notBefore: -1, notAfter: 1_000_001 };
  expect(judge({ notBefore: 400_000, notAfter: 700_000 }, ['*.a.test'], half)).toEqual(null);
  expect(judge({ notBefore: 0, notAfter: 700_000 }, ['*.a.test'], half)).not.toEqual(null);
  expect(judge({ notBefore: 400_000 }, ['*.a.test'], { notBefore: 300_000, notAfter: 1_000_001 })).not.toEqual(null);
});

export default tap.start();
