import { generateKeyPairSync } from 'node:crypto';
import { flattenedVerify, importJWK } from 'jose';
import { accountKeyOf, makeAccountKey } from '../../../ts/certs/acme/account-key.js';
import { type IJws, signBinding, signRequest } from '../../../ts/certs/acme/jws.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const headerOf = ({ protected: header = '' }: IJws) => JSON.parse(Buffer.from(header, 'base64url').toString());
const url = 'https://ca.test/new-order';

const keys = {
  ES256: () => makeAccountKey(),
  ES384: () => accountKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
  RS256: () => accountKeyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
};

for (const [algorithm, make] of Object.entries(keys)) {
  tap.test(`a request that ${algorithm} signs is verified with its public key alone`, async () => {
    const key = await make();
    const jws = await signRequest({ key, url, nonce: 'n', kid: null, payload: { a: 'é' } });
    const { payload } = await flattenedVerify(jws, await importJWK({ ...key.jwk }, algorithm));
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ a: 'é' });
    expect(headerOf(jws)).toEqual({ alg: algorithm, jwk: { ...key.jwk }, nonce: 'n', url });
    expect(JSON.stringify(jws).includes('"d"')).toBeFalse();
  });
}

tap.test('an account is named by its address, and reading has an empty payload', async () => {
  const key = await makeAccountKey();
  const jws = await signRequest({ key, url, nonce: 'n', kid: 'https://ca.test/a/1', payload: null });
  expect(headerOf(jws)).toEqual({ alg: 'ES256', kid: 'https://ca.test/a/1', nonce: 'n', url });
  expect(jws.payload).toEqual('');
  const empty = await signRequest({ key, url, nonce: 'n', kid: 'https://ca.test/a/1', payload: {} });
  expect(Buffer.from(empty.payload, 'base64url').toString()).toEqual('{}');
});

tap.test('the inner half of a change of keys has no nonce', async () => {
  const key = await makeAccountKey();
  const jws = await signRequest({ key, url, nonce: null, kid: null, payload: {} });
  expect(Object.keys(headerOf(jws))).toEqual(['alg', 'jwk', 'url']);
});

tap.test('a binding holds the account key, authenticated by the secret of the authority', async () => {
  const key = await makeAccountKey();
  const secret = Buffer.from('a secret of thirty-two bytes, all');
  const jws = await signBinding(key, { kid: 'kid-1', hmacKey: secret.toString('base64url') }, url);
  expect(headerOf(jws)).toEqual({ alg: 'HS256', kid: 'kid-1', url });
  const { payload } = await flattenedVerify(jws, secret);
  expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ ...key.jwk });
});

export default tap.start();
