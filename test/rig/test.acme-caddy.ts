import { besideCaddy, runBesideCaddy } from '../helpers/acme-caddy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const test = besideCaddy();

test("Caddy's authority gives certificates for names, wildcards and addresses by every kind of challenge", async () => {
  const told = await runBesideCaddy('test/helpers/acme-caddy-child.ts', 25_000);
  expect(told.trim().split('\n')).toEqual([
    'account true valid',
    'http-01 DNS:a.proxy.test, DNS:b.proxy.test',
    'tls-alpn-01 DNS:c.proxy.test',
    'dns-01 DNS:*.d.proxy.test, DNS:d.proxy.test',
    'http-01 IP Address:127.0.0.1',
    'found false true',
    'refused no dns-01 for 127.0.0.1',
    'stranger accountDoesNotExist 400',
    'ended deactivated',
    'after unauthorized 401',
  ]);
});

test("a whole proxy keeps itself in certificates of Caddy's authority", async () => {
  const told = await runBesideCaddy('test/helpers/acme-caddy-proxy-child.ts', 50_000);
  expect(told.trim().split('\n')).toEqual([
    'a.proxy.test DNS:a.proxy.test',
    'b.proxy.test DNS:b.proxy.test',
    'c.proxy.test DNS:*.c.proxy.test, DNS:c.proxy.test',
    'x.c.proxy.test DNS:*.c.proxy.test, DNS:c.proxy.test',
    'a.proxy.test http-01',
    '127.0.0.1 http-01',
    'b.proxy.test tls-alpn-01',
    'c.proxy.test *.c.proxy.test dns-01',
    'renewed true',
  ]);
});

export default tap.start();
