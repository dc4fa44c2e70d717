import 'reflect-metadata';
import { createHash, createPrivateKey, X509Certificate as NodeCertificate } from 'node:crypto';
import { SubjectAlternativeNameExtension, X509Certificate } from '@peculiar/x509';
import { makeChallengeCertificate } from '../../ts/certs/challenge-certificate.js';
import { needs } from '../helpers/debian.js';
import { runProcess } from '../helpers/rig-process.js';
import { expect, tap } from '../helpers/tapbundle.js';

for (const [name, kind] of [
  ['a.test', 'dns'],
  ['192.0.2.1', 'ip'],
  ['2001:db8::1', 'ip'],
] as const) {
  tap.test(`the certificate for ${name} has that name alone, and the digest in a critical extension`, async () => {
    const { cert, key } = await makeChallengeCertificate(name, 'token.thumbprint');
    const parsed = new X509Certificate(cert);
    expect(await parsed.isSelfSigned()).toBeTrue();
    expect(await parsed.verify()).toBeTrue();
    const names = parsed.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
    expect(names.map(({ type, value }) => `${type} ${value}`)).toEqual([`${kind} ${name}`]);
    const identifier = parsed.getExtension('1.3.6.1.5.5.7.1.31');
    expect(identifier?.critical).toBeTrue();
    const digest = createHash('sha256').update('token.thumbprint').digest('hex');
    expect(Buffer.from(identifier?.value ?? new ArrayBuffer(0)).toString('hex')).toEqual(`0420${digest}`);
    expect(new NodeCertificate(cert).checkPrivateKey(createPrivateKey(key))).toBeTrue();
  });
}

needs('openssl')('openssl knows the extension and finds the certificate in order', async () => {
  const { cert } = await makeChallengeCertificate('a.test', 'x.y');
  const told = await runProcess('openssl', ['x509', '-noout', '-text', '-checkend', '0'], { input: cert });
  expect(told).toMatch(/1\.3\.6\.1\.5\.5\.7\.1\.31: critical|acmeIdentifier: critical/);
  expect(told).toContain('DNS:a.test');
  expect(told).toContain('Version: 3');
});

export default tap.start();
