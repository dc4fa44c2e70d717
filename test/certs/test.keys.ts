import { createPrivateKey } from 'node:crypto';
import { makeKeyPem, type TKeyType } from '../../ts/certs/keys.js';
import { needs } from '../helpers/debian.js';
import { runProcess } from '../helpers/rig-process.js';
import { expect, long, tap } from '../helpers/tapbundle.js';

const types: readonly TKeyType[] = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', ...(long ? (['rsa-4096'] as const) : [])];

tap.test('a key is of the kind that was asked for, and never the same one', async () => {
  const details: Record<string, unknown> = {};
  for (const type of types) {
    const pem = await makeKeyPem(type);
    expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
    details[type] = `${asymmetricKeyType} ${asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength}`;
  }
  expect(details).toEqual({
    'ecdsa-p256': 'ec prime256v1',
    'ecdsa-p384': 'ec secp384r1',
    'rsa-2048': 'rsa 2048',
    ...(long ? { 'rsa-4096': 'rsa 4096' } : {}),
  });
  const pair = await Promise.all([makeKeyPem('ecdsa-p256'), makeKeyPem('ecdsa-p256')]);
  expect(new Set(pair).size).toEqual(2);
});

needs('openssl')('openssl finds every key in order', async () => {
  for (const type of types) {
    const told = await runProcess('openssl', ['pkey', '-check', '-noout'], { input: await makeKeyPem(type) });
    expect(told).toContain('Key is valid');
  }
});

export default tap.start();
