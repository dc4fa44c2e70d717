import type { IResolvedTls } from '../../../ts/config/resolved.js';
import { carries } from '../../../ts/flow/match/carries.js';
import { makeRoute } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const tls = (key: string, policyKey = 'p') => ({ key, policyKey }) as IResolvedTls;

tap.test('a connection carries requests for routes with its own TLS settings', async () => {
  const own = tls('a');
  const ask = (other: IResolvedTls | null) => carries(own, 'a.test', makeRoute({ tls: other }));
  expect([ask(own), ask(tls('a')), ask(tls('b')), ask(tls('b', 'q'))]).toEqual([true, true, false, false]);
});

tap.test('one that named no host carries them for all with the same policy, whatever their certificate', async () => {
  const ask = (other: IResolvedTls) => carries(tls('a'), null, makeRoute({ tls: other }));
  expect([ask(tls('b')), ask(tls('a', 'q')), ask(tls('b', 'q'))]).toEqual([true, false, false]);
});

tap.test('of plain connections nothing is asked', async () => {
  expect([carries(null, null, makeRoute()), carries(null, 'a.test', makeRoute({ tls: tls('a') }))]).toEqual([
    true,
    true,
  ]);
});

export default tap.start();
