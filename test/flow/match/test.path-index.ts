import { HostIndex } from '../../../ts/flow/match/host-index.js';
import { compileRule } from '../../../ts/flow/match/rule.js';
import { makeFacts, makeRoutes } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

function makeIndex(paths: readonly (string | null)[], more: Readonly<Record<number, { clientIp: string[] }>> = {}) {
  const rules = makeRoutes(paths.map((path, n) => ({ match: { path, ...more[n] } }))).map(compileRule);
  return new HostIndex(rules.map((rule) => ({ rule, pattern: null, path: rule.path, others: rule.others })));
}

// `Aa` and `BB` have the same hash, and so have all texts made of them.
const twins = ['AaAa', 'AaBB', 'BBAa', 'BBBB'];

tap.test('beginnings with the same hash are told apart', async () => {
  const paths = twins.flatMap((twin) => [`/${twin}/*`, `/${twin}/:id/x`]);
  const index = makeIndex([...paths, null]);
  const ask = (path: string) => index.find(makeFacts(), path)?.route.match.path ?? null;
  for (const twin of twins) {
    expect([ask(`/${twin}/`), ask(`/${twin}/a`), ask(`/${twin}/a/x`)]).toEqual([
      `/${twin}/*`,
      `/${twin}/*`,
      `/${twin}/:id/x`,
    ]);
  }
  expect([ask('/AaCC/'), ask('/'), ask('*')]).toEqual([null, null, null]);
});

tap.test(
  'entries that are found alike are asked in their order, and those further down where the first fail',
  async () => {
    const paths = ['/a', '/a', '/a/*', '/a/*', '/*', '/**/a', null, null, '/b', '/c'];
    const elsewhere = { clientIp: ['10.0.0.0/8'] };
    const index = makeIndex(paths, { 0: elsewhere, 2: elsewhere, 6: elsewhere });
    const ask = (path: string, clientIp = '192.0.2.1') => index.find(makeFacts({ clientIp }), path)?.route.index;
    expect([ask('/a'), ask('/a/x'), ask('/x/a'), ask('*')]).toEqual([1, 3, 4, 7]);
    expect([ask('/a', '10.0.0.1'), ask('/a/x', '10.0.0.1'), ask('*', '10.0.0.1')]).toEqual([0, 2, 6]);
  },
);

export default tap.start();
