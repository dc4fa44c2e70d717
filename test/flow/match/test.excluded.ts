import * as fc from 'fast-check';
import { normalisePath } from '../../../ts/codec/http-path.js';
import { otherReadings } from '../../../ts/codec/path-readings.js';
import type { IResolvedAsks, IResolvedBasic } from '../../../ts/config/resolved.js';
import { guardedRoute } from '../../../ts/flow/match/excluded.js';
import { makeRoute } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const rule = (...excluded: string[]): IResolvedBasic => ({
  realm: 'x',
  digests: [],
  excluded: excluded.length === 0 ? null : excluded,
});
const asks: IResolvedAsks = { basic: [], jwt: [], forward: [], owned: ['x-user'], excludes: true };
const route = makeRoute({ security: { basic: [rule('/public/*', '/health'), rule()], asks } });
const single = makeRoute({ security: { basic: [rule('/public/*', '/health')], asks } });

/** How many rules of passwords hold; null: refused. */
const held = (path: string, of = single): number | null => {
  const guarded = guardedRoute(of, path);
  return guarded === null ? null : (guarded.security.basic?.length ?? 0);
};

tap.test('a rule leaves its paths out, and no others; those without paths hold everywhere', async () => {
  for (const path of ['/public/a', '/public/', '/public/a/b', '/health'])
    expect([path, held(path), held(path, route)]).toEqual([path, 0, 1]);
  for (const path of ['/', '/public', '/publics/a', '/PUBLIC/a', '/health/', '/a/public/b', '/healthz']) {
    expect([path, held(path), held(path, route)]).toEqual([path, 1, 2]);
  }
});

tap.test('what is left out is the rule alone: whose fields are the proxy stays known', async () => {
  const guarded = guardedRoute(single, '/health');
  expect(guarded?.security).toEqual({ ...single.security, basic: null, asks: { ...asks, excludes: false } });
  expect(guardedRoute(single, '/health')).toBe(guarded);
  expect(guardedRoute(single, '/x')).toBe(single);
  const plain = makeRoute();
  expect(guardedRoute(plain, '/health')).toBe(plain);
});

tap.test('a path that some target reads as another, which is not left out, is refused (pitfall 40)', async () => {
  const hidden = [
    ...[
      '/public/..%2Fadmin',
      '/public/..%5Cadmin',
      '/public/..;/admin',
      '/public/x/..%2F..%2Fadmin',
      '/public%2F..%2F..%2Fadmin',
    ],
    ...[
      '/public/%252e%252e/admin',
      '/public/..%252Fadmin',
      '/public/%25252e%25252e%25252Fadmin',
      '/public/%252e%252e%252fadmin',
    ],
    ...[
      '/public/%C0%AE%C0%AE/admin',
      '/public/..%C0%AFadmin',
      '/public/..%E0%80%AFadmin',
      '/public/..%C1%9Cadmin',
      '/public/%c0%ae%c0%ae%c0%afadmin',
    ],
    ...['/public/..;x=1//admin', '/health;x/../admin', '/public/a%00/../../x', '/health%00'],
  ];
  for (const path of hidden) {
    const normal = normalisePath(path);
    const isRefused = normal === null || held(normal) === null || held(normal) === 1;
    expect([path, isRefused]).toEqual([path, true]);
  }
  for (const path of [
    '/public/a%2Fb',
    '/public/100%25',
    '/public/a;b=c',
    '/public/a//b',
    '/public/%C3%A9',
    '/public/%E2%82%AC',
  ]) {
    expect([path, held(path)]).toEqual([path, 0]);
  }
  expect(held(`/public/%2F${'x'.repeat(8000)}`)).toEqual(0);
  expect(held(`/public/%2F;%2500%C0%AE${'x'.repeat(8000)}`)).toBeNull();
  expect(held(`/public/${'x'.repeat(8000)}`)).toEqual(0);
});

tap.test('where a server is asked about it, a path by which some target climbs is refused', async () => {
  const forward = [{}] as unknown as IResolvedAsks['forward'];
  const asking = makeRoute({ security: { asks: { ...asks, forward, excludes: false } } });
  for (const path of [
    ...['/pub/..;/x', '/pub%2F..%2Fx', '/pub/..%5Cx', '/pub/%252e%252e/x', '/pub/%C0%AE%C0%AE/x', '/pub/..%20/x'],
    ...['/x%00.css', '/..;', '/pub%2F..'],
  ]) {
    expect([path, guardedRoute(asking, path)]).toEqual([path, null]);
    expect([path, guardedRoute(makeRoute({ security: { asks } }), path) === null]).toEqual([path, false]);
  }
  const honest = [
    ...[
      '/api/projects/group%2Fname',
      '/queues/%2F/x',
      '/a;v=1/b',
      '/100%25',
      '/a..b',
      '/...',
      '/a.%20b',
      '//x',
      '/v1.',
    ],
    ...['/%E0%B8%81', '/a%2F.hidden', '/what%3F'],
  ];
  for (const path of honest) expect([path, guardedRoute(asking, path)]).toEqual([path, asking]);
});

tap.test('whatever is left out is so in every reading, and who asks for what is protected is asked', async () => {
  const piece = fc.constantFrom(
    '/',
    '..',
    '.',
    ';',
    ';a=b',
    '%2F',
    '%2f',
    '%5C',
    '%00',
    '%25',
    '%252e',
    '%252F',
    '%C0%AE',
    '%C0%AF',
    '%C1%9C',
    'public',
    'admin',
    'health',
    'x',
    '//',
  );
  const isOut = (path: string) => path.startsWith('/public/') || path === '/health';
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), fc.boolean(), (pieces, inside) => {
      const path = normalisePath(`${inside ? '/public/' : '/'}${pieces.join('')}`);
      if (path === null) return;
      const rules = held(path);
      if (!isOut(path)) expect(rules).toEqual(1);
      else if (rules === 0)
        for (const reading of otherReadings(path) ?? ['?'])
          expect([path, reading, isOut(reading)]).toEqual([path, reading, true]);
      else expect(rules).toBeNull();
    }),
    { seed: 7, numRuns: numRuns(500) },
  );
});

export default tap.start();
