// The one pass gives what the single steps give.

import fc from 'fast-check';
import { forwardedFields, type IForwardFacts } from '../../ts/http/forwarded.js';
import { endToEnd } from '../../ts/http/hop-by-hop.js';
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
  clientIp: '192.0.2.7',
  peerIp: '192.0.2.7',
  serverPort: 8080,
  isTls: false,
  authority: 'a.test',
  trusted,
});

tap.test('it is endToEnd, then forwardedFields, then Via', () => {
  fc.assert(
    fc.property(fieldLists, fc.boolean(), (fields, trusted) => {
      const facts = factsOf(trusted);
      const steps = [...forwardedFields(endToEnd(fields), facts), 'Via', '1.1 us'];
      expect(requestFields(fields, facts, '1.1 us')).toEqual(steps);
    }),
    { numRuns: numRuns(500), seed: 3 },
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
