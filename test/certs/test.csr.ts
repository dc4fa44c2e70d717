import 'reflect-metadata';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { makeCsr } from '../../ts/certs/csr.js';
import { makeKeyPem, type TKeyType } from '../../ts/certs/keys.js';
import { needs } from '../helpers/debian.js';
import { runProcess } from '../helpers/rig-process.js';
import { expect, tap } from '../helpers/tapbundle.js';

const names = ['a.test', '*.a.test', '192.0.2.1', '2001:db8::1', `${'long.'.repeat(20)}a.test`, 'xn--mnchen-3ya.test'];

for (const type of ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] satisfies TKeyType[]) {
  tap.test(`a request with a key of ${type} has all names, no subject and a good signature`, async () => {
    const pem = await makeKeyPem(type);
    const request = new Pkcs10CertificateRequest(await makeCsr(names, pem));
    expect(request.subject).toEqual('');
    expect(await request.verify()).toBeTrue();
    const wanted = request.getExtension('2.5.29.17')?.rawData ?? new ArrayBuffer(0);
    const found = new SubjectAlternativeNameExtension(wanted).names.items;
    expect(found.map(({ type: kind, value }) => `${kind} ${value}`)).toEqual(
      names.map((name) => `${/^[\d.]+$|:/.test(name) ? 'ip' : 'dns'} ${name}`),
    );
    const own = createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' });
    expect(Buffer.from(request.publicKey.rawData).equals(own)).toBeTrue();
  });

  needs('openssl')(`openssl verifies a request with a key of ${type}`, async () => {
    const der = await makeCsr(names, await makeKeyPem(type));
    const input = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    const told = await runProcess('openssl', ['req', '-verify', '-noout', '-text'], { input });
    expect(told).toContain('verify OK');
    expect(told).toContain('DNS:a.test, DNS:*.a.test, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1');
  });
}

tap.test('a request without names is not made', async () => {
  const pem = await makeKeyPem('ecdsa-p256');
  await expect(makeCsr([], pem)).rejects.toThrow('needs a name');
});

export default tap.start();
