// What is said of the client, and who is believed.

import fc from 'fast-check';
import { AddressSet } from '../../ts/codec/address.js';
import { fieldValue } from '../../ts/codec/http-message.js';
import { clientFrom, type IForwardFacts } from '../../ts/http/forwarded.js';
import { requestFields } from '../../ts/http/request-fields.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const facts = (changes: Partial<IForwardFacts> = {}): IForwardFacts => ({
  peerIp: '192.0.2.7',
  serverPort: 443,
  isTls: true,
  authority: 'a.test:443',
  trusted: false,
  ...changes,
});

const forwardedFields = (fields: string[], given: IForwardFacts) => requestFields(fields, given, '');

function setOf(...patterns: string[]): AddressSet {
  const { set } = AddressSet.compile(patterns);
  if (set === null) throw new Error('a pattern of the test is none');
  return set;
}

const ours = [
  'X-Forwarded-For',
  '192.0.2.7',
  'X-Forwarded-Proto',
  'https',
  'X-Forwarded-Host',
  'a.test:443',
  'X-Forwarded-Port',
  '443',
];

tap.test('without anything from the client, targets are told what we know', () => {
  expect(forwardedFields(['Accept', '*/*'], facts())).toEqual(['Accept', '*/*', ...ours]);
  expect(forwardedFields([], facts({ isTls: false, authority: '', serverPort: 80 }))).toEqual([
    'X-Forwarded-For',
    '192.0.2.7',
    'X-Forwarded-Proto',
    'http',
    'X-Forwarded-Port',
    '80',
  ]);
});

tap.test('an address that nobody knows is called unknown', () => {
  for (const trusted of [true, false]) {
    const out = forwardedFields(['Forwarded', 'for=a'], facts({ peerIp: '', trusted }));
    expect(fieldValue(out, 'x-forwarded-for')).toEqual('unknown');
    expect(fieldValue(out, 'forwarded')?.startsWith('for=a, for=unknown;') ?? false).toEqual(trusted);
  }
});

const spoofs = [
  'X-Forwarded-For',
  'x-forwarded-proto',
  'X-FORWARDED-HOST',
  'X-Forwarded-Port',
  'X-Forwarded-Server',
  'X-Forwarded-Prefix',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-Tls-Client-Cert',
  'Forwarded',
  'X-Real-IP',
  'x-real-ip',
  'True-Client-IP',
  'CF-Connecting-IP',
  'X-Client-Cert',
  'Client-Cert',
  'Client-Cert-Chain',
  'X-SSL-Client-Verify',
  'SSL-Client-Cert',
  'ssl-client-subject-dn',
  'x-middleware-subrequest',
  'X-Middleware-Rewrite',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Request-Id',
];

tap.test('a stranger is not believed about anything', () => {
  for (const name of spoofs) {
    expect(forwardedFields([name, '203.0.113.9', 'Accept', '*/*'], facts())).toEqual(['Accept', '*/*', ...ours]);
  }
});

tap.test('names that only look alike are left alone', () => {
  const fields = [
    'Sec-Fetch-Site',
    'none',
    'Sec-CH-UA',
    'x',
    'X-Requested-With',
    'y',
    'X-Forwarded',
    '1',
    'SSL',
    '2',
    'X',
    '3',
    'S',
    '4',
  ];
  expect(forwardedFields(fields, facts())).toEqual([...fields, ...ours]);
});

tap.test('X-Forwarded-For of 0 to 5 hops is continued for a trusted peer and replaced for any other', () => {
  for (let hops = 0; hops <= 5; hops++) {
    const chain = Array.from({ length: hops }, (_, at) => `10.0.0.${at}`);
    for (const oneField of [true, false]) {
      const fields = oneField
        ? hops === 0
          ? []
          : ['X-Forwarded-For', chain.join(', ')]
        : chain.flatMap((address) => ['x-forwarded-for', address]);
      const believed = forwardedFields(fields, facts({ trusted: true }));
      expect(fieldValue(believed, 'x-forwarded-for')).toEqual([...chain, '192.0.2.7'].join(', '));
      const replaced = forwardedFields(fields, facts());
      expect(fieldValue(replaced, 'x-forwarded-for')).toEqual('192.0.2.7');
    }
  }
});

tap.test('Proto, Host and Port of a trusted peer are kept, each once', () => {
  const fields = [
    'X-Forwarded-Proto',
    'ftp',
    'X-Forwarded-Proto',
    'http',
    'X-Forwarded-Host',
    'b.test',
    'X-Forwarded-Port',
    '8080',
  ];
  const out = forwardedFields([...fields, 'X-Real-IP', '10.1.1.1', 'X-Request-Id', 'r1'], facts({ trusted: true }));
  expect(out).toEqual([
    'X-Real-IP',
    '10.1.1.1',
    'X-Request-Id',
    'r1',
    'X-Forwarded-For',
    '192.0.2.7',
    'X-Forwarded-Proto',
    'http',
    'X-Forwarded-Host',
    'b.test',
    'X-Forwarded-Port',
    '8080',
  ]);
});

tap.test('Forwarded of a trusted peer gets an element of ours', () => {
  const out = forwardedFields(['Forwarded', 'for=10.0.0.1'], facts({ trusted: true, peerIp: '2001:db8::1' }));
  expect(fieldValue(out, 'forwarded')).toEqual('for=10.0.0.1, for="[2001:db8::1]";proto=https;host="a.test:443"');
  const plain = forwardedFields(
    ['Forwarded', 'for=a', 'forwarded', 'for=b'],
    facts({ trusted: true, isTls: false, authority: 'a.test' }),
  );
  expect(fieldValue(plain, 'forwarded')).toEqual('for=a, for=b, for=192.0.2.7;proto=http;host=a.test');
});

const trusted = setOf('10.0.0.0/8', '2001:db8:1::/48');

const walks: readonly [chain: string | null, peer: string, client: string][] = [
  [null, '10.0.0.1', '10.0.0.1'],
  ['203.0.113.5', '192.0.2.1', '192.0.2.1'],
  ['203.0.113.5', '10.0.0.1', '203.0.113.5'],
  ['1.1.1.1, 203.0.113.5', '10.0.0.1', '203.0.113.5'],
  ['1.1.1.1, 203.0.113.5, 10.2.2.2', '10.0.0.1', '203.0.113.5'],
  ['10.9.9.9, 10.2.2.2', '10.0.0.1', '10.9.9.9'],
  ['203.0.113.5:4711', '10.0.0.1', '203.0.113.5'],
  ['[2001:db8::9]:4711', '10.0.0.1', '2001:db8::9'],
  ['[2001:db8::9]', '10.0.0.1', '2001:db8::9'],
  ['2001:DB8:0::9', '10.0.0.1', '2001:db8::9'],
  ['::ffff:203.0.113.5', '10.0.0.1', '203.0.113.5'],
  ['203.0.113.5', '2001:db8:1::7', '203.0.113.5'],
  ['unknown', '10.0.0.1', '10.0.0.1'],
  ['203.0.113.5, unknown', '10.0.0.1', '10.0.0.1'],
  ['203.0.113.5, _hidden, 10.2.2.2', '10.0.0.1', '10.2.2.2'],
  ['203.0.113.5, 010.0.0.1', '10.0.0.1', '10.0.0.1'],
  ['0x7f.1', '10.0.0.1', '10.0.0.1'],
  ['', '10.0.0.1', '10.0.0.1'],
  [',', '10.0.0.1', '10.0.0.1'],
  ['203.0.113.5,', '10.0.0.1', '10.0.0.1'],
  [',203.0.113.5', '10.0.0.1', '203.0.113.5'],
];

tap.test('the client is the first from the right that is not trusted', () => {
  for (const [chain, peer, client] of walks) {
    const fields = chain === null ? [] : ['X-Forwarded-For', chain];
    expect([chain, clientFrom(fields, peer, trusted)]).toEqual([chain, client]);
  }
  expect(clientFrom(['X-Forwarded-For', '203.0.113.5', 'x-forwarded-for', '10.2.2.2'], '10.0.0.1', trusted)).toEqual(
    '203.0.113.5',
  );
});

tap.test('what a stranger puts in front of the chain changes nothing', () => {
  const address = fc.ipV4().filter((ip) => !ip.startsWith('10.'));
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 5 }), address, fc.nat(5), (forged, client, hops) => {
      const proxies = Array.from({ length: hops }, (_, at) => `10.1.1.${at}`);
      const chain = [...forged, client, ...proxies].join(', ');
      expect(clientFrom(['X-Forwarded-For', chain], '10.0.0.1', trusted)).toEqual(client);
    }),
    { numRuns: numRuns(300), seed: 2 },
  );
});

tap.test('a chain of a great many trusted hops ends somewhere', () => {
  const chain = Array.from({ length: 5_000 }, () => '10.0.0.2').join(',');
  expect(clientFrom(['X-Forwarded-For', `203.0.113.5,${chain}`], '10.0.0.1', trusted)).toEqual('10.0.0.2');
});

export default tap.start();
