import type { IResolvedRoute, IResolvedTls, IResolvedUpstreamTls } from '../../ts/config/resolved.js';
import type { IRouteTls, ITarget, IUpstreamTls } from '../../ts/config/types.js';
import { makeRoute, resolveRoutes } from '../helpers/make-config.js';
import { otherPem, samplePem } from '../helpers/sample-pem.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target: ITarget = { host: 'a.test', port: 80 };

const routesOf = (...settings: IRouteTls[]): readonly IResolvedRoute[] =>
  resolveRoutes(
    settings.map((tls, index) => makeRoute({ match: { ports: index + 1 }, action: { type: 'forward', target, tls } })),
  ).routes;

const tlsOf = (...settings: Partial<IRouteTls>[]): IResolvedTls[] =>
  routesOf(...settings.map((tls) => ({ mode: 'terminate' as const, certificate: samplePem, ...tls }))).map(
    ({ tls }) => {
      if (tls === null) throw new Error('no TLS');
      return tls;
    },
  );

tap.test('a route that terminates has complete settings', () => {
  const [tls] = tlsOf({});
  expect({ ...tls, key: '', policyKey: '' }).toEqual({
    key: '',
    policyKey: '',
    certificate: { ...samplePem },
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: null,
    honorCipherOrder: true,
    alpn: ['h2', 'http/1.1', 'http/1.0'],
    alpnIsUsual: true,
    sessionTimeoutSeconds: 300,
    clientAuth: null,
  });
});

tap.test('what is written is kept, with bytes as text', () => {
  const ca = Buffer.from(samplePem.cert);
  const [tls] = tlsOf({
    certificate: { cert: Buffer.from(samplePem.cert), key: samplePem.key, ca, passphrase: 'p' },
    versions: ['TLSv1.2', 'TLSv1.1'],
    ciphers: 'A:B',
    honorCipherOrder: false,
    alpn: ['x', 'http/1.1', 'x'],
    sessionTimeout: 0,
    clientAuth: { mode: 'optional', ca },
  });
  expect({ ...tls, key: '', policyKey: '' }).toEqual({
    key: '',
    policyKey: '',
    certificate: { ...samplePem, ca: samplePem.cert, passphrase: 'p' },
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.2',
    ciphers: 'A:B',
    honorCipherOrder: false,
    alpn: ['x', 'http/1.1'],
    alpnIsUsual: false,
    sessionTimeoutSeconds: 0,
    clientAuth: { required: false, ca: [samplePem.cert] },
  });
});

tap.test('equal settings are one object, however they are written', () => {
  const { cert, key } = samplePem;
  const [a, b, c] = tlsOf(
    {},
    { certificate: { key, cert }, versions: ['TLSv1.3', 'TLSv1.2'] },
    { alpn: ['h2', 'http/1.1', 'http/1.0'] },
  );
  expect(b).toBe(a);
  expect(c).toBe(a);
});

tap.test('another certificate is another key under the same policy, and any other setting another policy', () => {
  const [base, ...others] = tlsOf({}, { certificate: otherPem }, { certificate: { certFile: 'a', keyFile: 'b' } });
  for (const other of others) {
    expect(other.key).not.toEqual(base?.key);
    expect(other.policyKey).toEqual(base?.policyKey);
  }
  const policies = tlsOf(
    {},
    { versions: ['TLSv1.3'] },
    { ciphers: 'A' },
    { honorCipherOrder: false },
    { alpn: [] },
    { sessionTimeout: 5 },
    { clientAuth: { mode: 'require', ca: samplePem.cert } },
    { clientAuth: { mode: 'optional', ca: samplePem.cert } },
    { clientAuth: { mode: 'require', ca: otherPem.cert } },
  );
  expect(new Set(policies.map(({ policyKey }) => policyKey)).size).toEqual(policies.length);
  expect(new Set(policies.map(({ key }) => key)).size).toEqual(policies.length);
});

tap.test('neither key says anything of the certificate', () => {
  const [tls] = tlsOf({ certificate: { ...samplePem, passphrase: 'hunter2' } });
  expect(/^[\w-]{43}$/.test(tls?.key ?? '') && /^[\w-]{43}$/.test(tls?.policyKey ?? '')).toBeTrue();
});

function upstreamOf(own: ITarget['tls'], tls?: IRouteTls): IResolvedUpstreamTls | null | undefined {
  const action = { type: 'forward' as const, target: own === undefined ? target : { ...target, tls: own } };
  const [route] = resolveRoutes([makeRoute({ action: tls ? { ...action, tls } : action })]).routes;
  if (route?.action.type !== 'forward') throw new Error('no route');
  return route.action.targets[0]?.tls;
}

const reencrypt = (upstream?: IUpstreamTls): IRouteTls => ({
  mode: 'terminate-and-reencrypt',
  certificate: samplePem,
  ...(upstream ? { upstream } : {}),
});

tap.test('targets are talked to by TLS where the route reencrypts, or they say so themselves', () => {
  const usual = {
    ca: null,
    rejectUnauthorized: true,
    servername: null,
    cert: null,
    certKey: null,
    passphrase: null,
  };
  const settingsOf = (tls: ReturnType<typeof upstreamOf>) => (tls ? { ...tls, key: undefined } : tls);
  const made = (part: object) => ({ ...usual, ...part, key: undefined });
  expect(upstreamOf(undefined)).toBeNull();
  expect(upstreamOf(undefined, { mode: 'passthrough' })).toBeNull();
  expect(upstreamOf(undefined, { mode: 'terminate', certificate: samplePem })).toBeNull();
  expect(settingsOf(upstreamOf(undefined, reencrypt()))).toEqual(made({}));
  expect(settingsOf(upstreamOf(undefined, reencrypt({ servername: 'B.Test.' })))).toEqual(
    made({ servername: 'b.test' }),
  );
  expect(upstreamOf(false, reencrypt({ servername: 'b.test' }))).toBeNull();
  expect(settingsOf(upstreamOf(true, reencrypt({ servername: 'b.test' })))).toEqual(made({}));
  const own = { ca: Buffer.from(samplePem.cert), rejectUnauthorized: false, ...samplePem, passphrase: 'p' };
  expect(settingsOf(upstreamOf(own))).toEqual(
    made({
      ca: [samplePem.cert],
      rejectUnauthorized: false,
      cert: samplePem.cert,
      certKey: samplePem.key,
      passphrase: 'p',
    }),
  );
});

tap.test('equal settings towards targets have equal keys', () => {
  expect(upstreamOf(true)?.key).toEqual(upstreamOf(undefined, reencrypt())?.key);
  expect(upstreamOf({ servername: 'b' })?.key).not.toEqual(upstreamOf(true)?.key);
});

tap.test('the default settings of many routes are resolved once', () => {
  const tls = { mode: 'terminate', certificate: samplePem } as const;
  const routes = [1, 2, 3].map((ports) => makeRoute({ match: { ports } }));
  const resolved = resolveRoutes(routes, { defaults: { tls } }).routes;
  expect(resolved.every((route) => route.tls !== null && route.tls === resolved[0]?.tls)).toBeTrue();
});

export default tap.start();
