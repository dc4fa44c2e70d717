// Everything that is wrong with the certificates of a configuration, at once and by its path.

import { checkCertificates } from '../../ts/certs/check-certificates.js';
import type { IResolvedConfig, IResolvedTls, IResolvedUpstreamTls } from '../../ts/config/resolved.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeTls, makeTlsConfig, makeUpstreamTls } from '../helpers/make-tls.js';
import { expect, tap } from '../helpers/tapbundle.js';

const ec = await makeCertificate({ names: ['a.test'] });
const rsa = await makeCertificate({ names: ['b.test'], keyType: 'rsa' });
const half = ec.cert.slice(0, 200);

const faultsOf = (...all: readonly IResolvedTls[]) => checkCertificates(makeTlsConfig(...all));
const tlsOf = (cert: string | Uint8Array, key: string | Uint8Array, more: Partial<IResolvedTls> = {}): IResolvedTls =>
  makeTls({ certificate: { cert, key }, ...more });

tap.test('a pair that fits has no faults, whatever its kind', async () => {
  const ed = await makeCertificate({ names: ['c.test'], keyType: 'ed25519' });
  const auth = { required: true, ca: [`${ec.ca}\n${rsa.ca}`] };
  expect(faultsOf(...[ec, rsa, ed].map(({ cert, key }) => tlsOf(cert, key, { clientAuth: auth })))).toEqual([]);
});

tap.test('every fault is told at once, by route, with what is wrong', () => {
  const faults = faultsOf(
    tlsOf(ec.cert, rsa.key),
    tlsOf(half, ec.key),
    tlsOf(ec.cert, 'no key'),
    tlsOf(ec.cert, ec.key, { clientAuth: { required: false, ca: ['nothing'] } }),
    tlsOf(ec.cert, ec.key, { ciphers: 'NONSENSE' }),
    tlsOf(ec.cert, ec.key),
  );
  expect(faults.map(({ path }) => path)).toEqual([
    'routes[0].action.tls.certificate',
    'routes[1].action.tls.certificate',
    'routes[2].action.tls.certificate',
    'routes[3].action.tls.clientAuth.ca',
    'routes[4].action.tls.ciphers',
  ]);
  const told = faults.map(({ got }) => got);
  expect(told[0]).toEqual('the key does not belong to the certificate');
  expect(told[1]).toMatch(/^the certificate cannot be parsed: /);
  expect(told[2]).toMatch(/^the key cannot be parsed: /);
  expect(told[3]).toEqual('there is no certificate in it');
  expect(told[4]).toMatch(/^NONSENSE: .*no cipher match/);
  expect(JSON.stringify(faults)).not.toMatch(/PRIVATE KEY|MI[A-Z]/);
});

tap.test('a fault is named for each route that shares it, settings in use are not looked at', () => {
  const bad = tlsOf(ec.cert, rsa.key);
  expect(faultsOf(bad, bad).map(({ path }) => path)).toEqual([
    'routes[0].action.tls.certificate',
    'routes[1].action.tls.certificate',
  ]);
  expect(checkCertificates(makeTlsConfig(bad), (key) => key === bad.key)).toEqual([]);
});

tap.test('files are left to whoever reads them, their ciphers are not', () => {
  const certificate = { certFile: '/nowhere/cert.pem', keyFile: '/nowhere/key.pem' };
  expect(faultsOf(makeTls({ certificate }))).toEqual([]);
  const [fault] = faultsOf(makeTls({ certificate, ciphers: 'NONSENSE' }));
  expect(fault?.path).toEqual('routes[0].action.tls.ciphers');
});

tap.test('the authorities and the certificate for a target are looked at too', () => {
  const configOf = (...all: readonly IResolvedUpstreamTls[]): IResolvedConfig =>
    ({ routes: [{ index: 2, tls: null, action: { type: 'forward', targets: all.map((tls) => ({ tls })) } }] }) as never;
  const good = makeUpstreamTls({ ca: [ec.ca], cert: ec.cert, certKey: ec.key });
  expect(checkCertificates(configOf(good, makeUpstreamTls()))).toEqual([]);
  const faults = checkCertificates(
    configOf(good, makeUpstreamTls({ ca: ['nothing'] }), makeUpstreamTls({ cert: ec.cert, certKey: rsa.key })),
  );
  expect(faults.map(({ path, got }) => `${path}: ${got}`)).toEqual([
    'routes[2].action.targets[1].tls.ca: there is no certificate in it',
    'routes[2].action.targets[2].tls.cert: the key does not belong to the certificate',
  ]);
});

export default tap.start();
