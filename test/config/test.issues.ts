import { closest } from '../../ts/config/issues.js';
import { faultsOf } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const wantAt = (config: unknown, path: string): string =>
  faultsOf(config).find((fault) => fault.path === path)?.want ?? '';
const route = (match: object, part: object = {}) => ({
  routes: [{ match: { ports: 443, ...match }, action: { type: 'forward', target: { host: 'a', port: 1 } }, ...part }],
});

tap.test('a misspelt name leads to the one that was meant', () => {
  const known = ['ipAllowList', 'ipBlockList', 'maxConnections'];
  expect(closest('ipAllowLst', known)).toEqual('ipAllowList');
  expect(closest('IPALLOWLIST', known)).toEqual('ipAllowList');
  expect(closest('ipAlolwList', known)).toEqual('ipAllowList');
  expect(closest('ipblocklists', known)).toEqual('ipBlockList');
  expect(closest('maxConn', known)).toEqual('maxConnections');
  expect(closest('timeout', known)).toBeNull();
  expect(closest('x', ['y'])).toBeNull();
  expect(closest('x'.repeat(1_000_000), known)).toBeNull();
});

tap.test('an unknown name is told apart from its value', () => {
  const faults = faultsOf({ routes: [], ipAllowLst: ['secret'], pass: 'secret' });
  expect(faults.map(({ got }) => got)).toEqual(['an unknown name with a list of 1', 'an unknown name with a string']);
  expect(JSON.stringify(faults)).not.toContain('secret');
});

tap.test('a name from another place is shown the way', () => {
  expect(wantAt(route({}, { ipAllowList: [] }), 'routes[0].ipAllowList')).toContain('belongs in: security');
  expect(wantAt(route({}, { domains: 'a' }), 'routes[0].domains')).toContain('belongs in: match');
});

tap.test('a name that nothing comes near is told what there is', () => {
  expect(wantAt(route({}, { security: { zzz: 1 } }), 'routes[0].security.zzz')).toContain(
    'authentication, basicAuth, jwtAuth, forwardAuth)',
  );
});

tap.test('of several forms the one that was meant is judged', () => {
  expect(wantAt(route({ ports: { from: 5, to: 4 } }), 'routes[0].match.ports')).toContain('not above');
  expect(wantAt(route({ ports: { from: 5 } }), 'routes[0].match.ports.to')).toEqual('a port from 1 to 65535');
  expect(wantAt(route({ ports: 70_000 }), 'routes[0].match.ports')).toEqual('a port from 0 to 65535');
  expect(wantAt(route({ ports: [80, { from: 'x', to: 7 }] }), 'routes[0].match.ports[1].from')).toContain('a port');
  expect(wantAt(route({ ports: '443' }), 'routes[0].match.ports')).toContain('or a list');
  expect(wantAt(route({ domains: ['a.com', ':'] }), 'routes[0].match.domains[1]')).toContain('a host name');
});

tap.test('of two forms of a certificate the one that knows more of what is there was meant', () => {
  const paths = (certificate: object) =>
    faultsOf({
      routes: [{ match: { ports: 443 }, action: { type: 'block', tls: { mode: 'terminate', certificate } } }],
    }).map(({ path }) => path.replace('routes[0].action.tls.', ''));
  expect(paths({ cert: 'x', key: 'y' })).toEqual(['certificate.cert', 'certificate.key']);
  expect(paths({ certFile: 'x', keyfile: 'y' })).toEqual(['certificate.keyFile', 'certificate.keyfile']);
  expect(paths({ cert: 'x', keyFile: 'y' })).toEqual(['certificate']);
});

tap.test('keys, passphrases, bodies and values of fields are never shown', () => {
  const secret = 'hunter2\n';
  const forward = { type: 'forward', target: { host: 'a', port: 1, headers: { Authorization: secret } } };
  const tls = { mode: 'terminate', certificate: { cert: 'x', key: secret, passphrase: 7 } };
  const faults = faultsOf({
    routes: [
      {
        match: { ports: 443 },
        action: { ...forward, tls, websocket: { customHeaders: { a: secret } } },
        headers: { request: { a: secret }, response: { b: secret } },
      },
    ],
    acme: { email: null, eab: { kid: 'me', hmacKey: secret } },
  });
  expect(faults.length).toBeGreaterThan(7);
  expect(faults.map(({ path }) => path)).toContain('acme.eab.hmacKey');
  expect(JSON.stringify(faults)).not.toContain('hunter2');
});

export default tap.start();
