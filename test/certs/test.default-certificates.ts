import { once } from 'node:events';
import { loadDefaultCertificatesAsync } from '../../ts/certs/default-certificates.js';
import { problemOf } from '../../ts/certs/pem.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('the placeholder pair fits, and each load says that it protects nothing', async () => {
  const warnings: string[] = [];
  const pair = await loadDefaultCertificatesAsync((message) => warnings.push(message));
  expect(problemOf({ ...pair, ca: null, passphrase: null })).toEqual(null);
  await loadDefaultCertificatesAsync((message) => warnings.push(message));
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(/placeholder certificate/);
});

tap.test('where nobody listens the process is warned', async () => {
  const warned = once(process, 'warning');
  await loadDefaultCertificatesAsync();
  const [warning] = (await warned) as [Error & { code: string }];
  expect([warning.code, warning.message]).toEqual([
    'SMARTPROXY_PLACEHOLDER_CERTIFICATE',
    'the placeholder certificate is in use: its key is published, so it protects nothing',
  ]);
});

export default tap.start();
