import { arpaNameOf, identifierOf, txtNameOf } from '../../ts/certs/names.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('a host name is an identifier as it stands, wildcards included', () => {
  expect(identifierOf('a.test')).toEqual({ type: 'dns', value: 'a.test' });
  expect(identifierOf('*.a.test')).toEqual({ type: 'dns', value: '*.a.test' });
});

tap.test('an address is an identifier in the form of RFC 5952', () => {
  expect(identifierOf('192.0.2.1')).toEqual({ type: 'ip', value: '192.0.2.1' });
  expect(identifierOf('2001:DB8:0:0:0:0:0:1')).toEqual({ type: 'ip', value: '2001:db8::1' });
});

tap.test('what only some readers take for an address is a name', () => {
  for (const text of ['127.1', '0x7f.0.0.1', '010.0.0.1', '1.2.3.4.5', '2130706433', 'fe80::1%1']) {
    expect(identifierOf(text).type).toEqual('dns');
  }
});

tap.test('an address has an arpa name, of bytes for IPv4 and of half bytes for IPv6', () => {
  expect(arpaNameOf('192.0.2.10')).toEqual('10.2.0.192.in-addr.arpa');
  expect(arpaNameOf('2001:db8::1')).toEqual('1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa');
  expect(() => arpaNameOf('a.test')).toThrow('not an address: a.test');
});

tap.test('a wildcard and its apex share the name of their TXT record', () => {
  expect(txtNameOf('*.a.test')).toEqual('_acme-challenge.a.test');
  expect(txtNameOf('a.test')).toEqual('_acme-challenge.a.test');
});

export default tap.start();
