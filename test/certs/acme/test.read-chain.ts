import { X509Certificate } from 'node:crypto';
import { AcmeProblem } from '../../../ts/certs/acme/acme-problem.js';
import { chainIn } from '../../../ts/certs/acme/read-chain.js';
import { makeChallengeCertificate } from '../../../ts/certs/challenge-certificate.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const made = Promise.all(['a.test', 'b.test'].map((name) => makeChallengeCertificate(name, 'x')));

tap.test('a chain is written anew, without what stood between its certificates', async () => {
  const [leaf, issuer] = await made;
  const text = `# leaf\r\n${leaf?.cert.replaceAll('\n', '\r\n')}\r\n\r\nissuer:\n${issuer?.cert}`;
  expect(chainIn(text)).toEqual(`${leaf?.cert}${issuer?.cert}`);
  expect(new X509Certificate(chainIn(text)).subjectAltName).toEqual('DNS:a.test');
});

tap.test('what holds anything else than certificates is refused', async () => {
  const [leaf] = await made;
  const { cert = '', key = '' } = leaf ?? {};
  for (const [text, why] of [
    ['', '0 certificates in it'],
    [key, '0 certificates in it'],
    [cert + key, 'something else than certificates is in it'],
    [cert + cert.slice(0, 100), 'something else than certificates is in it'],
    [cert.repeat(21), '21 certificates in it'],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', ''],
  ] as const) {
    let problem: unknown = null;
    try {
      chainIn(text);
    } catch (error) {
      problem = error;
    }
    expect(problem instanceof AcmeProblem).toBeTrue();
    expect(`${problem}`).toContain(`malformedAnswer: certificate chain: ${why}`);
  }
});

export default tap.start();
