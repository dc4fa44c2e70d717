import { resolveConfig } from '../../ts/config/resolve.js';
import { canBeCertified, certificateNames, letsEncrypt, mergeAcme, resolveAcme } from '../../ts/config/resolve-acme.js';
import type { IAcmeOptions, IRouteTls, ISmartProxyOptions } from '../../ts/config/types.js';
import { expect, tap } from '../helpers/tapbundle.js';

const email = 'a@b.test';

tap.test("a route's own field wins, field by field, whichever name it has", () => {
  const common: IAcmeOptions = { accountEmail: email, port: 81, useProduction: true, keyType: 'rsa-2048' };
  expect(mergeAcme(common, { email: null, keyType: 'ecdsa-p384' })).toEqual({
    email: null,
    challengePort: 81,
    useProduction: true,
    keyType: 'ecdsa-p384',
  });
  expect(mergeAcme(undefined, undefined)).toEqual({});
  expect(mergeAcme({ challengePort: 1 }, { port: 2 })).toEqual({ challengePort: 2 });
});

tap.test('the defaults are the staging of the best known authority, and challenges that need no hook', () => {
  const { key, ...acme } = resolveAcme({ email });
  expect(key).toMatch(/^[\w-]{43}$/);
  expect(acme).toEqual({
    email,
    directoryUrls: [letsEncrypt.staging],
    directoryCa: null,
    challengePort: 80,
    challenges: ['http-01', 'tls-alpn-01'],
    renewBeforeDays: null,
    profile: null,
    keyType: 'ecdsa-p256',
    eab: null,
    dns: null,
    onDemand: null,
    preferredChain: null,
    strictExpiry: false,
  });
  expect(resolveAcme({ email, useProduction: true }).directoryUrls).toEqual([letsEncrypt.production]);
  const directoryUrl = ['https://a.test/', 'https://b.test/', 'https://a.test/'];
  expect(resolveAcme({ email, directoryUrl }).directoryUrls).toEqual(directoryUrl.slice(0, 2));
});

tap.test('equal settings have equal keys, and functions are equal only if they are the same', () => {
  const set = () => {};
  const remove = () => {};
  const keyOf = (acme: IAcmeOptions) => resolveAcme({ email, ...acme }).key;
  expect(keyOf({ dns: { set, remove } })).toEqual(keyOf({ dns: { set, remove } }));
  expect(keyOf({ dns: { set, remove } })).not.toEqual(keyOf({ dns: { set: () => {}, remove } }));
  expect(keyOf({ profile: 'a' })).toEqual(keyOf({ profile: { name: 'a' } }));
  expect(keyOf({ profile: 'a' })).not.toEqual(keyOf({ profile: { name: 'a', prefer: true } }));
});

tap.test('hooks keep their object', async () => {
  const seen: string[] = [];
  const dns = {
    prefix: 'zone',
    set({ name, value }: { name: string; value: string }) {
      seen.push(`${this.prefix} ${name} ${value}`);
    },
    remove() {},
    propagationDelay: 5,
  };
  const resolved = resolveAcme({ email, dns });
  await resolved.dns?.hook?.set({ name: 'a', value: 'b' }, new AbortController().signal);
  expect(seen).toEqual(['zone a b']);
  expect(resolved.dns?.propagationDelayMs).toEqual(5);
  expect(resolved.challenges).toEqual(['dns-01']);
});

tap.test('each name has a certificate of its own, and a wildcard shares one with the name above it', () => {
  expect(certificateNames(['a.test', 'b.test'], [])).toEqual([['a.test'], ['b.test']]);
  expect(certificateNames(['*.a.test', 'b.test', 'a.test'], [])).toEqual([['a.test', '*.a.test'], ['b.test']]);
  expect(certificateNames(['*.a.test'], ['192.0.2.1', 'a.test'])).toEqual([['a.test', '*.a.test'], ['192.0.2.1']]);
  expect(certificateNames(['*', 'a.*', '*.b*', 'a?.test'], [])).toEqual([]);
  expect(certificateNames(null, [])).toEqual([]);
  expect(certificateNames(['*.a.test', 'a.test', '*.b.test'], [], false)).toEqual([['a.test']]);
});

tap.test('an authority certifies names, addresses and wildcards of one whole label', () => {
  for (const name of ['a.test', '*.a.test', '192.0.2.1', '2001:db8::1']) expect(canBeCertified(name)).toBeTrue();
  for (const name of ['*', '*.*.test', 'a.*', '*a.test', 'a?.test', 'a[0-9].test']) {
    expect(canBeCertified(name)).toBeFalse();
  }
});

tap.test('routes with the same settings share them, whatever their names are', () => {
  const route = (domains: string, tls: IRouteTls) => ({
    match: { ports: 443, domains },
    action: { type: 'forward' as const, target: { host: 'a', port: 1 }, tls },
  });
  const auto: IRouteTls = { mode: 'terminate', certificate: 'auto' };
  const routes = [
    route('a.test', auto),
    route('B.test', { ...auto, acme: {} }),
    route('c.test', { ...auto, acme: { keyType: 'rsa-2048' } }),
    route('d.test', { mode: 'terminate', certificate: 'internal', names: ['localhost'] }),
  ];
  const options: ISmartProxyOptions = { acme: { email }, routes };
  const [a, b, c, d] = resolveConfig(options).routes;
  expect(a?.tls).toEqual(b?.tls);
  expect(a?.tls?.key).not.toEqual(c?.tls?.key);
  expect(a?.tls?.policyKey).toEqual(d?.tls?.policyKey);
  expect(b?.certificateNames).toEqual([['b.test']]);
  expect(d?.certificateNames).toEqual([['d.test'], ['localhost']]);
  expect(d?.tls?.certificate).toEqual({ managed: 'internal', acme: null });
});

export default tap.start();
