import { resolveConfig } from '../../ts/config/resolve.js';
import { faultsOf } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const adminOf = (admin: object) => resolveConfig({ routes: [], admin }).admin;
const token = 'x'.repeat(16);

tap.test('it is on loopback unless told otherwise, and off unless asked for', () => {
  expect(resolveConfig({ routes: [] }).admin).toBeNull();
  expect(adminOf({})).toEqual({ host: '127.0.0.1', port: 9190, token: null, hosts: [] });
});

tap.test('without a token only loopback is listened on', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1', '0:0:0:0:0:0:0:1']) {
    expect([host, faultsOf({ routes: [], admin: { host } })]).toEqual([host, []]);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '::ffff:10.0.0.1', '192.0.2.1']) {
    const faults = faultsOf({ routes: [], admin: { host } });
    expect([host, faults.map(({ path }) => path)]).toEqual([host, ['admin.token']]);
    expect(faultsOf({ routes: [], admin: { host, token } })).toEqual([]);
  }
});

tap.test('odd spellings of addresses and names are no host', () => {
  for (const host of ['a.test', '127.1', '0x7f.1', '2130706433', '', 'localhost.', '127.0.0.1:80', '[::1]', 5]) {
    expect([host, faultsOf({ routes: [], admin: { host, token } }).map(({ path }) => path)]).toEqual([
      host,
      ['admin.host'],
    ]);
  }
});

tap.test('a token that is short, or could not be sent, is a fault that does not show it', () => {
  for (const wrong of ['secret', 'x'.repeat(15), 'x'.repeat(513), `with space ${token}`, `${token}\n`, `"${token}"`]) {
    const faults = faultsOf({ routes: [], admin: { token: wrong } });
    expect(faults.map(({ path, got }) => [path, got])).toEqual([['admin.token', 'a string']]);
  }
  expect(faultsOf({ routes: [], admin: { token: 'A-b.c_d~e+f/0123456789==' } })).toEqual([]);
});

tap.test('names are kept in their normal form; what is none is a fault', () => {
  expect(adminOf({ hosts: ['Proxy.Internal'] })?.hosts).toEqual(['proxy.internal']);
  expect(faultsOf({ routes: [], admin: { hosts: ['*.a.test'] } }).map(({ path }) => path)).toEqual(['admin.hosts[0]']);
  expect(faultsOf({ routes: [], admin: { tokens: 1 } })[0]?.want).toContain('`token`');
});

export default tap.start();
