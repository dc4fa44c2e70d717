import { requestCriteria } from '../../../ts/flow/match/request-criteria.js';
import type { IRequestFacts } from '../../../ts/flow/stages.js';
import { type IRouteParts, makeFacts, makeRoute } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

/** The only criterion of a match, put to a request. */
function ask(match: NonNullable<IRouteParts['match']>, parts: Partial<IRequestFacts>) {
  const criteria = requestCriteria(makeRoute({ match }).match);
  expect(criteria).toHaveLength(1);
  const facts = { ...makeFacts(), isTls: false, path: '/', query: '', method: 'GET', fields: [], ...parts };
  const [criterion] = criteria;
  return { ok: criterion?.test(facts), want: criterion?.want, got: criterion?.got(facts) };
}
const header = (want: string | RegExp, fields: readonly string[]) =>
  ask({ headers: [{ name: 'x-a', want }] }, { fields });
const parameter = (want: string | RegExp, query: string) => ask({ query: [{ name: 'a b', want }] }, { query });

tap.test('a match that asks nothing of requests has no criteria', async () => {
  expect(requestCriteria(makeRoute({ match: { path: '/a' } }).match)).toEqual([]);
});

tap.test('method: one of those asked for, in this case', async () => {
  expect(ask({ method: ['GET', 'HEAD'] }, {})).toEqual({ ok: true, want: 'GET, HEAD', got: 'GET' });
  expect(ask({ method: ['GET'] }, { method: 'get' }).ok).toBeFalse();
});

tap.test('headers: names without case, the whole value, several fields joined', async () => {
  expect(header('1', ['X-A', '1'])).toEqual({ ok: true, want: 'x-a: 1', got: 'x-a: 1' });
  expect(header('1', ['x-a', '12']).ok).toBeFalse();
  expect(header('1, 2', ['x-a', '1', 'y', 'z', 'X-a', '2']).ok).toBeTrue();
  expect(header('1', ['x-a', '1', 'x-a', '2']).ok).toBeFalse();
  expect(header('', ['x-a', '']).ok).toBeTrue();
  expect(header('1', ['x', 'x-a', 'y', '1'])).toEqual({ ok: false, want: 'x-a: 1', got: 'no x-a' });
});

tap.test('a pattern is found in the value, whatever its flags and however often it is asked', async () => {
  for (const want of [/b/, /B/gi, /b/g, Object.freeze(/b/g)]) {
    const [criterion] = requestCriteria(makeRoute({ match: { headers: [{ name: 'x', want }] } }).match);
    const facts = { ...makeFacts(), isTls: false, path: '/', query: '', method: 'GET', fields: ['x', 'abc'] };
    for (let i = 0; i < 5; i++) expect(criterion?.test(facts)).toBeTrue();
    expect(want.lastIndex).toEqual(0);
  }
  for (let i = 0; i < 3; i++) {
    expect(header(/a/y, ['x-a', 'abc']).ok).toBeTrue();
    expect(header(/b/y, ['x-a', 'abc']).ok).toBeFalse();
  }
  expect(header(/^$/, []).ok).toBeFalse();
});

tap.test('query: decoded as forms are, one of the values will do', async () => {
  expect(parameter('1', 'a+b=1')).toEqual({ ok: true, want: 'a b=1', got: 'a b=1' });
  expect(parameter('x y', 'a%20b=x+y').ok).toBeTrue();
  expect(parameter('2', 'a+b=1&a+b=2').ok).toBeTrue();
  expect(parameter(/^\d$/, 'a+b=x&a+b=2').ok).toBeTrue();
  expect(parameter('', 'a+b').ok).toBeTrue();
  expect(parameter('1', 'a+b=12').ok).toBeFalse();
  expect(parameter('1', '')).toEqual({ ok: false, want: 'a b=1', got: 'no a b' });
  expect(parameter('\ufffd', 'a+b=%FF').ok).toBeTrue();
});

tap.test('what a client must know is judged and not shown, where its name tells', async () => {
  const secret = 'canary-0123456789';
  for (const want of [secret, /canary-\d+/]) {
    const field = ask({ headers: [{ name: 'x-api-key', want }] }, { fields: ['X-Api-Key', secret] });
    expect([field.ok, field.want]).toEqual([true, 'x-api-key: (hidden)']);
    const other = ask({ query: [{ name: 'token', want }] }, { query: 'token=x' });
    expect([other.ok, other.want]).toEqual([false, 'token=(hidden)']);
  }
});

tap.test('long values are cut for showing', async () => {
  expect(header('1', ['x-a', 'x'.repeat(300)]).got).toHaveLength(83);
  expect(parameter('1', `a+b=${'x'.repeat(300)}`).got).toHaveLength(83);
});

export default tap.start();
