import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { exportAccountKey, importAccountKey, makeAccountKey } from '../../../ts/certs/acme/account-key.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const pemOf = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1' = 'pkcs8') =>
  (key.export as (options: object) => string)({ type, format: 'pem' });

tap.test('a new key is P-256 and comes back from its text the same', async () => {
  const key = await makeAccountKey();
  expect(key.algorithm).toEqual('ES256');
  expect(Object.keys(key.jwk).sort()).toEqual(['crv', 'kty', 'x', 'y']);
  const again = await importAccountKey(exportAccountKey(key));
  expect({ ...again.jwk }).toEqual({ ...key.jwk });
  expect(again.thumbprint).toEqual(key.thumbprint);
});

tap.test('a thumbprint is the hash of the public fields in their order, without spaces (RFC 7638)', async () => {
  const { thumbprint, jwk } = await makeAccountKey();
  const text = `{"crv":"P-256","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`;
  expect(thumbprint).toEqual(createHash('sha256').update(text).digest('base64url'));
});

tap.test('P-384 and RSA keys are taken, in every form of PEM', async () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  expect((await importAccountKey(pemOf(p384, 'sec1'))).algorithm).toEqual('ES384');
  expect((await importAccountKey(pemOf(rsa, 'pkcs1'))).algorithm).toEqual('RS256');
});

tap.test('other keys, and what is none, are refused', async () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const ed25519 = generateKeyPairSync('ed25519').privateKey;
  const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
  for (const key of [weak, ed25519, p521]) {
    await expect(importAccountKey(pemOf(key))).rejects.toThrow('an account key is P-256, P-384 or RSA');
  }
  await expect(importAccountKey('nonsense')).rejects.toThrow('the account key cannot be parsed');
});

export default tap.start();
