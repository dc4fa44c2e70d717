import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { type ICertificate, makeCertificate } from './certificates.js';
import { expect, tap } from './tapbundle.js';

tap.test('a certificate carries the names and addresses that were wished for', async () => {
  const { cert, ca } = await makeCertificate({ names: ['a.test', '*.b.test'], ips: ['127.0.0.1'] });
  const parsed = new X509Certificate(cert);
  expect(parsed.checkHost('a.test')).toEqual('a.test');
  expect(parsed.checkHost('x.b.test')).toEqual('*.b.test');
  expect(parsed.checkHost('c.test')).toBeUndefined();
  expect(parsed.checkIP('127.0.0.1')).toEqual('127.0.0.1');
  expect(parsed.verify(new X509Certificate(ca).publicKey)).toBeTrue();
});

tap.test('the same wish gives the same certificate, another wish another', async () => {
  const [first, again, other] = await Promise.all([
    makeCertificate({ names: ['a.test'] }),
    makeCertificate({ names: ['a.test'] }),
    makeCertificate({ names: ['a.test'], days: 5 }),
  ]);
  expect(again).toEqual(first);
  expect(other.cert).not.toEqual(first.cert);
  expect(other.ca).toEqual(first.ca);
});

tap.test('every type of key serves a TLS connection that its authority vouches for', async () => {
  for (const keyType of ['ec', 'rsa', 'ed25519'] as const) {
    const certificate = await makeCertificate({ names: [`${keyType}.test`], keyType });
    expect(await shakeHands(certificate, certificate.ca, `${keyType}.test`)).toEqual('authorized');
  }
});

tap.test('certificates of another authority are strangers', async () => {
  const ours = await makeCertificate({ names: ['a.test'] });
  const theirs = await makeCertificate({ names: ['a.test'], authority: 'stranger' });
  expect(await shakeHands(theirs, ours.ca, 'a.test')).toEqual('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

tap.test('a wish without any name is refused', async () => {
  let message = '';
  await makeCertificate({ names: [] }).catch((error: Error) => {
    message = error.message;
  });
  expect(message).toEqual('a certificate needs a name or an address');
});

async function shakeHands({ cert, key }: ICertificate, ca: string, servername: string): Promise<string> {
  const server = tls.createServer({ cert, key }, (socket) => socket.end());
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', servername, ca });
  try {
    await once(client, 'secureConnect');
    return client.authorized ? 'authorized' : String(client.authorizationError);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    client.destroy();
    server.close();
  }
}

export default tap.start();
