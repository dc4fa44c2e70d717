import { renewalIdOf } from '../../../ts/certs/acme/renewal-id.js';
import { makeChallengeCertificate } from '../../../ts/certs/challenge-certificate.js';
import { expect, tap } from '../../helpers/tapbundle.js';

// The certificate of RFC 9773, appendix A.
const example = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----`;

tap.test('the certificate of RFC 9773 has the name that is given there', () => {
  expect(renewalIdOf(example)).toEqual('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
});

tap.test('of a chain only the first certificate counts', async () => {
  const { cert } = await makeChallengeCertificate('a.test', 'x');
  expect(renewalIdOf(`${example}\n${cert}`)).toEqual('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
});

tap.test('a certificate that does not say whose key signed it has no name', async () => {
  const { cert } = await makeChallengeCertificate('a.test', 'x');
  expect(renewalIdOf(cert)).toBeNull();
});

export default tap.start();
