// The fields of requests to targets, against the same by hand.

import fc from 'fast-check';
import type { IForwardFacts } from '../../ts/http/forwarded.js';
import { requestFields } from '../../ts/http/request-fields.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const names = [
  'Accept',
  'Connection',
  'connection',
  'Keep-Alive',
  'TE',
  'X-Forwarded-For',
  'x-forwarded-proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'Forwarded',
  'X-Real-IP',
  'Via',
  'X-Mine',
  'X_Mine',
  'Cookie',
  'Upgrade',
  'x-middleware-subrequest',
  'Client-Cert',
  'X-Request-Id',
  'User-Agent',
  'Sec-Fetch-Mode',
];
const values = [
  '1',
  'trailers',
  'close',
  'X-Mine',
  'x-forwarded-for, cookie',
  '10.0.0.1, 10.0.0.2',
  'keep-alive, Via',
  '',
];

const field = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values));
const fieldLists = fc.array(field, { maxLength: 12 }).map((pairs) => pairs.flat());

const factsOf = (trusted: boolean): IForwardFacts => ({
  peerIp: '192.0.2.7',
  serverPort: 8080,
  isTls: false,
  authority: 'a.test',
  trusted,
});

/** The same by steps that are easy to follow, for the names above. */
function byHand(
  fields: readonly string[],
  { peerIp, trusted, authority, serverPort }: IForwardFacts,
  via: string,
): string[] {
  let pairs: [string, string][] = [];
  for (let at = 0; at < fields.length; at += 2) pairs.push([fields[at] ?? '', fields[at + 1] ?? '']);
  const valuesOf = (name: string) => pairs.flatMap(([other, value]) => (other.toLowerCase() === name ? [value] : []));
  const named = valuesOf('connection').join(',').toLowerCase().split(',');
  const own = ['connection', 'keep-alive', 'upgrade'];
  const stated = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'forwarded'];
  const believed = ['x-forwarded-prefix', 'x-real-ip', 'x-middleware-subrequest', 'client-cert', 'x-request-id'];
  const said = Object.fromEntries(stated.map((name) => [name, valuesOf(name)]));
  const list = (name: string, ours: string) => [...(said[name] ?? []), ours].filter((value) => value !== '').join(', ');
  const last = (name: string, ours: string) => (trusted ? said[name]?.at(-1) : '') || ours;
  pairs = pairs.filter(([name]) => ![...own, ...stated, ...(trusted ? [] : believed)].includes(name.toLowerCase()));
  pairs = pairs.filter(([name]) => !name.includes('_') && !(name === 'X-Mine' && named.includes('x-mine')));
  pairs = pairs.filter(([name, value]) => name !== 'TE' || value === 'trailers');
  pairs.push(['X-Forwarded-For', trusted ? list('x-forwarded-for', peerIp) : peerIp]);
  pairs.push(['X-Forwarded-Proto', last('x-forwarded-proto', 'http')]);
  pairs.push(['X-Forwarded-Host', last('x-forwarded-host', authority)]);
  pairs.push(['X-Forwarded-Port', last('x-forwarded-port', String(serverPort))]);
  const hasForwarded = trusted && (said.forwarded ?? []).some((value) => value !== '');
  if (hasForwarded) pairs.push(['Forwarded', list('forwarded', `for=${peerIp};proto=http;host=${authority}`)]);
  return [...pairs, ['Via', via]].flat();
}

tap.test('the one pass does what single steps would', () => {
  fc.assert(
    fc.property(fieldLists, fc.boolean(), (fields, trusted) => {
      const facts = factsOf(trusted);
      expect(requestFields(fields, facts, '1.1 us')).toEqual(byHand(fields, facts, '1.1 us'));
    }),
    { numRuns: numRuns(1_000), seed: 3 },
  );
});

tap.test('a target is told one address of a stranger, whatever the stranger says', () => {
  fc.assert(
    fc.property(fieldLists, (fields) => {
      const out = requestFields(fields, factsOf(false), '');
      const said = out.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
      for (const name of ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port']) {
        expect(said.filter((other) => other === name).length).toEqual(1);
      }
      for (const name of ['x-real-ip', 'forwarded', 'connection', 'upgrade', 'client-cert'])
        expect(said.includes(name)).toBeFalse();
      expect(out[out.indexOf('X-Forwarded-For') + 1]).toEqual('192.0.2.7');
    }),
    { numRuns: numRuns(500), seed: 4 },
  );
});

tap.test('an ordinary request goes on as it is', () => {
  const fields = [
    'Accept',
    '*/*',
    'Accept-Encoding',
    'gzip',
    'User-Agent',
    'x',
    'Upgrade-Insecure-Requests',
    '1',
    'Via',
    '1.1 b',
  ];
  expect(requestFields([...fields, 'Connection', 'keep-alive'], factsOf(false), '').slice(0, fields.length)).toEqual(
    fields,
  );
});

export default tap.start();
