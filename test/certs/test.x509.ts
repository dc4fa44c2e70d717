import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeKeyPem, type TKeyType } from '../../ts/certs/keys.js';
import {
  alternativeNames,
  authorityKeyId,
  basicConstraints,
  buildCertificate,
  keyUsage,
  serverAuthentication,
  subjectKeyId,
} from '../../ts/certs/x509.js';
import { needs } from '../helpers/debian.js';
import { makeFolder } from '../helpers/make-folder.js';
import { runProcess } from '../helpers/rig-process.js';
import { expect, tap } from '../helpers/tapbundle.js';

const hourMs = 3_600_000;

async function makeChain(type: TKeyType) {
  const rootKey = createPrivateKey(await makeKeyPem(type));
  const leafKey = createPrivateKey(await makeKeyPem(type));
  const [rootPublic, leafPublic] = [createPublicKey(rootKey), createPublicKey(leafKey)];
  const life = { notBeforeMs: Date.now() - hourMs, notAfterMs: Date.now() + hourMs };
  const root = await buildCertificate({
    ...life,
    subject: 'a root: größer',
    issuer: 'a root: größer',
    publicKey: rootPublic,
    signingKey: rootKey,
    extensions: [basicConstraints(true, 0), keyUsage('authority'), subjectKeyId(rootPublic)],
  });
  const leaf = await buildCertificate({
    ...life,
    subject: null,
    issuer: 'a root: größer',
    publicKey: leafPublic,
    signingKey: rootKey,
    extensions: [
      basicConstraints(false),
      keyUsage('server'),
      serverAuthentication(),
      subjectKeyId(leafPublic),
      authorityKeyId(rootPublic),
      alternativeNames(['a.test', '127.0.0.1', '::1'], true),
    ],
  });
  return { root, leaf, leafKey, rootPublic };
}

for (const type of ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] satisfies TKeyType[]) {
  tap.test(`Node reads a chain of ${type} as it was meant`, async () => {
    const { root, leaf, leafKey, rootPublic } = await makeChain(type);
    const [authority, server] = [new X509Certificate(root), new X509Certificate(leaf)];
    expect(authority.ca).toBeTrue();
    expect(server.ca).toBeFalse();
    expect(server.verify(rootPublic)).toBeTrue();
    expect(server.checkIssued(authority)).toBeTrue();
    expect(server.checkPrivateKey(leafKey)).toBeTrue();
    expect(server.checkHost('a.test')).toEqual('a.test');
    expect(server.checkIP('::1')).toEqual('::1');
    expect(server.subjectAltName).toEqual('DNS:a.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(authority.subject).toEqual('CN=a root: größer');
    expect(server.serialNumber.length).toEqual(32);
  });

  needs('openssl')(`openssl verifies a chain of ${type} strictly`, async () => {
    const { root, leaf } = await makeChain(type);
    await using folder = await makeFolder();
    const [rootFile, leafFile] = [join(folder.path, 'root.pem'), join(folder.path, 'leaf.pem')];
    await Promise.all([writeFile(rootFile, root), writeFile(leafFile, leaf)]);
    const check = ['-x509_strict', '-check_ss_sig', '-purpose', 'sslserver', '-verify_hostname', 'a.test'];
    const told = await runProcess('openssl', ['verify', ...check, '-CAfile', rootFile, leafFile]);
    expect(told).toContain('leaf.pem: OK');
  });
}

tap.test('no certificate can be signed with an Ed25519 key, and none is made without saying so', async () => {
  const { generateKeyPairSync } = await import('node:crypto');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const recipe = { subject: 'a', issuer: 'a', publicKey, signingKey: privateKey, notBeforeMs: 0, notAfterMs: 0 };
  await expect(buildCertificate({ ...recipe, extensions: [] })).rejects.toThrow('ed25519');
});

export default tap.start();
