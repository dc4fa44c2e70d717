import { DomainCriterion, otherCriteria } from '../../../ts/flow/match/criteria.js';
import { compileHostPattern } from '../../../ts/flow/match/host-pattern.js';
import type { IConnectionFacts } from '../../../ts/flow/stages.js';
import { type IRouteParts, makeFacts, makeRoute } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

/** The only criterion of a match, put to a connection. */
function ask(match: NonNullable<IRouteParts['match']>, facts: Partial<IConnectionFacts>) {
  const criteria = otherCriteria(makeRoute({ match }).match);
  expect(criteria).toHaveLength(1);
  const [criterion] = criteria;
  return { ok: criterion?.test(makeFacts(facts)), want: criterion?.want, got: criterion?.got(makeFacts(facts)) };
}

tap.test('a match that asks for nothing has no criteria', async () => {
  expect(otherCriteria(makeRoute().match)).toEqual([]);
});

tap.test('domains: any of the patterns will do, and a connection without a name never matches', async () => {
  const criterion = new DomainCriterion(['a.com', '*.b.com'].map(compileHostPattern));
  const ask = (domain: string | null) => criterion.test(makeFacts({ domain }));
  expect([ask('a.com'), ask('x.b.com'), ask('b.com'), ask(null)]).toEqual([true, true, false, false]);
  expect(criterion.want).toEqual('a.com, *.b.com');
  expect(criterion.got(makeFacts())).toEqual('no name');
  expect(criterion.got(makeFacts({ domain: 'x.c.com' }))).toEqual('x.c.com');
  expect(new DomainCriterion([compileHostPattern('*')]).test(makeFacts())).toBeFalse();
});

tap.test('protocol: what was recognised is the one asked for', async () => {
  expect(ask({ protocol: 'tls' }, { protocol: 'tls' })).toEqual({ ok: true, want: 'tls', got: 'tls' });
  expect(ask({ protocol: 'tls' }, { protocol: 'http' }).ok).toBeFalse();
  expect(ask({ protocol: 'other' }, {})).toEqual({ ok: false, want: 'other', got: 'not looked at' });
});

tap.test('tlsVersion: the highest version offered is one of those asked for', async () => {
  const match = { tlsVersion: ['TLSv1.2', 'TLSv1.3'] as const };
  expect(ask(match, { tlsVersion: 'TLSv1.3' })).toEqual({ ok: true, want: 'TLSv1.2, TLSv1.3', got: 'TLSv1.3' });
  expect(ask(match, { tlsVersion: 'TLSv1.1' }).ok).toBeFalse();
  expect(ask(match, {})).toEqual({ ok: false, want: 'TLSv1.2, TLSv1.3', got: 'none' });
});

tap.test('alpn: one of the protocols offered is one of those asked for', async () => {
  const match = { alpn: ['h2', 'postgresql'] };
  expect(ask(match, { alpn: ['http/1.1', 'h2'] })).toEqual({ ok: true, want: 'h2, postgresql', got: 'http/1.1, h2' });
  expect(ask(match, { alpn: ['http/1.1'] }).ok).toBeFalse();
  expect(ask(match, {})).toEqual({ ok: false, want: 'h2, postgresql', got: 'none' });
});

tap.test('clientIp: the address is in the list, and one that is not known never is', async () => {
  const match = { clientIp: ['10.0.0.0/8', '192.168.*'] };
  expect(ask(match, { clientIp: '10.1.2.3' })).toEqual({ ok: true, want: '10.0.0.0/8, 192.168.*', got: '10.1.2.3' });
  expect(ask(match, { clientIp: '11.1.2.3' }).ok).toBeFalse();
  expect(ask({ clientIp: ['*'] }, { clientIp: '' })).toEqual({ ok: false, want: '*', got: 'unknown' });
});

tap.test('ja4: the fingerprint is one of those asked for, and is taken only if it is asked for', async () => {
  const print = 't13d1516h2_8daaf6152771_e5627efa2ab1';
  const hello = { ja4: print };
  expect(ask({ ja4: [print] }, { hello })).toEqual({ ok: true, want: print, got: print });
  expect(ask({ ja4: ['t13d'] }, { hello }).ok).toBeFalse();
  expect(ask({ ja4: [print] }, {})).toEqual({ ok: false, want: print, got: 'none' });
  const costly = {
    get ja4(): string {
      throw new Error('taken though nobody asked');
    },
  };
  expect(ask({ protocol: 'tls' }, { hello: costly, protocol: 'tls' }).ok).toBeTrue();
});

tap.test('a criterion says what must be read to judge it', async () => {
  const all = makeRoute({
    match: { protocol: 'tls', tlsVersion: ['TLSv1.3'], alpn: ['h2'], clientIp: ['*'], ja4: ['x'] },
  });
  expect(Object.fromEntries(otherCriteria(all.match).map(({ name, need }) => [name, need]))).toEqual({
    protocol: 'first-bytes',
    tlsVersion: 'client-hello',
    alpn: 'client-hello',
    clientIp: 'nothing',
    ja4: 'client-hello',
  });
  expect(new DomainCriterion([]).need).toEqual('client-hello');
});

tap.test('long lists and long values are cut for showing', async () => {
  const domains = Array.from({ length: 10 }, (_, n) => `${n}.com`);
  const want = new DomainCriterion(domains.map(compileHostPattern)).want;
  expect(want).toEqual('0.com, 1.com, 2.com, 3.com, 4.com, 5.com, 6.com, 7.com and 2 more');
  expect(ask({ alpn: ['h2'] }, { alpn: ['x'.repeat(300)] }).got).toHaveLength(83);
});

export default tap.start();
