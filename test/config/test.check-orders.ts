import { faultsOf } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };

interface IAsked {
  readonly domains?: readonly string[] | string;
  readonly tls?: object;
  readonly acme?: object;
}

/** A route whose certificate is ordered, with an address to write to unless told otherwise. */
const ordered = ({ domains = 'a.test', tls = {}, acme = { email: 'a@b.test' } }: IAsked = {}) => ({
  match: { ports: 443, ...(domains === '' ? {} : { domains }) },
  action: { type: 'forward', target, tls: { mode: 'terminate', certificate: 'auto', acme, ...tls } },
});

const faults = (asked: IAsked, options: object = {}) =>
  faultsOf({ ...options, routes: [ordered(asked)] }).map(({ path, want }) => [path.replace('routes[0].', ''), want]);

const paths = (...asked: Parameters<typeof faults>) => faults(...asked).map(([path]) => path);

const email = 'a@b.test';

tap.test('what is no address is told in words', () => {
  const want = 'an e-mail address, or null for none';
  for (const given of ['a', 'a@b,c', 'a@b?x', '', 7]) {
    expect(faultsOf({ acme: { email: given }, routes: [] }).map((fault) => [fault.path, fault.want])).toEqual([
      ['acme.email', want],
    ]);
  }
});

tap.test('an order needs an address, of the route or of all, or the word that there is none', () => {
  expect(faults({ acme: {} })).toEqual([
    [
      'action.tls.acme.email',
      "an e-mail address, or null for none: certificate 'auto' needs it here or in the top-level acme",
    ],
  ]);
  for (const asked of [{ acme: { email } }, { acme: { email: null } }, { acme: { accountEmail: email } }]) {
    expect(paths(asked)).toEqual([]);
  }
  for (const acme of [{ email }, { email: null }, { accountEmail: null }]) {
    expect(paths({ acme: {} }, { acme })).toEqual([]);
  }
  const elsewhere = { routes: [], defaults: { tls: { mode: 'terminate', certificate: 'auto' } } };
  expect(faultsOf(elsewhere)).toEqual([]);
});

tap.test('two names of one option are not both given', () => {
  expect(paths({ acme: { email, accountEmail: email } })).toEqual(['action.tls.acme.accountEmail']);
  expect(paths({ acme: { email, challengePort: 80, port: 80 } })).toEqual(['action.tls.acme.port']);
  expect(paths({ acme: { email, directoryUrl: 'https://ca.test/', useProduction: true } })).toEqual([
    'action.tls.acme.useProduction',
  ]);
  expect(paths({}, { acme: { email, port: 1, challengePort: 2 } })).toEqual(['acme.port']);
});

tap.test('what belongs to orders is a fault beside other certificates', () => {
  const files = { certFile: 'a', keyFile: 'b' };
  expect(paths({ tls: { certificate: files, names: ['a.test'] } })).toEqual(['action.tls.acme', 'action.tls.names']);
  expect(paths({ tls: { certificate: 'internal' } })).toEqual(['action.tls.acme']);
  expect(paths({ tls: { names: ['b.test', '192.0.2.1', '2001:db8::1', '*.c.test'] } })).toEqual(['match.domains']);
});

tap.test('there are names, and names that authorities give certificates for', () => {
  const ask = () => true;
  expect(paths({ domains: '' })).toEqual(['match.domains']);
  expect(paths({ domains: '', tls: { names: ['192.0.2.1'] } })).toEqual([]);
  expect(paths({ domains: '', acme: { email, onDemand: { ask } } })).toEqual([]);
  for (const domains of ['*', 'a.*', '*.a*', 'a?.test', 'api.*.test']) {
    expect(paths({ domains })).toEqual(['match.domains']);
    expect(paths({ domains, acme: { email, onDemand: { ask } } })).toEqual([]);
  }
});

tap.test('a wildcard is proved by a record, an address is not', () => {
  const dns = { set() {}, remove() {} };
  expect(faults({ domains: ['a.test', '*.a.test'] })).toEqual([
    ['match.domains', "no wildcard, or 'dns-01' among acme.challenges: authorities ask for it"],
  ]);
  expect(paths({ domains: '*.a.test', acme: { email, dns } })).toEqual([]);
  expect(paths({ domains: '*.a.test', acme: { email, challenges: ['dns-persist-01'] } })).toEqual([]);
  expect(paths({ tls: { names: ['192.0.2.1'] }, acme: { email, dns } })).toEqual(['match.domains']);
});

tap.test('the challenge over DNS and whatever sets its records come together', () => {
  expect(paths({ acme: { email, challenges: ['dns-01'] } })).toEqual(['action.tls.acme.dns']);
  const dns = { command: ['/bin/hook'] };
  expect(paths({ acme: { email, dns, challenges: ['http-01'] } })).toEqual(['action.tls.acme.challenges']);
  expect(paths({ acme: { email, dns, challenges: ['http-01', 'dns-01'] } })).toEqual([]);
  expect(paths({ acme: { challenges: ['dns-01'] } }, { acme: { email, dns } })).toEqual([]);
});

tap.test('routes with a certificate for the same names agree on how it is got', () => {
  const onPort = (ports: number, acme: object, domains: string | readonly string[] = 'a.test') => {
    const route = ordered({ acme, domains });
    return { ...route, match: { ...route.match, ports } };
  };
  const both = (...routes: object[]) => faultsOf({ acme: { email }, routes }).map(({ path, want }) => [path, want]);
  expect(both(onPort(443, {}), onPort(8443, { challengePort: 80 }))).toEqual([]);
  expect(both(onPort(443, {}), onPort(8443, { keyType: 'rsa-2048' }, 'b.test'))).toEqual([]);
  const want = 'the settings of routes[0], which has the same certificate: for a.test';
  expect(both(onPort(443, {}), onPort(8443, { keyType: 'rsa-2048' }, ['b.test', 'A.test']))).toEqual([
    ['routes[1].action.tls.acme', want],
  ]);
});

export default tap.start();
