import fc from 'fast-check';
import { normalisePath } from '../../ts/codec/http-path.js';
import { hasDots, mayClimb, otherReadings } from '../../ts/codec/path-readings.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.timeout(1_200_000);

const readingsOf = (path: string): readonly string[] | null => {
  const readings = otherReadings(path);
  return readings && [...readings].sort();
};

tap.test('an ordinary path has no other reading', async () => {
  for (const path of [
    '/',
    '',
    '*',
    '/a/b.html',
    '/a%20b',
    '/%C3%A9',
    '/.well-known/x',
    '/a..b',
    '/%E2%82%AC',
    '/%E0%B8%81',
  ]) {
    expect([path, readingsOf(path), mayClimb(path)]).toEqual([path, [], false]);
  }
});

tap.test('each habit gives its reading, and several of them together give theirs', async () => {
  for (const [path, ...readings] of [
    ['/a//b', '/a/b'],
    ['/a%2Fb', '/a/b'],
    ['/a%5Cb', '/a/b'],
    ['/a;x=1/b', '/a/b'],
    ['/a%3Bx/b', '/a/b'],
    ['/a%00b', '/a'],
    ['/a%3Fb', '/a'],
    ['/a%23b', '/a'],
    ['/a.', '/a'],
    ['/a.%20/b', '/a/b'],
    ['/a%0A', '/a'],
    ['/%2561', '/a'],
    ['/%252561', '/a'],
    ['/%C1%A1', '/a'],
    ['/%E0%81%A1', '/a'],
    ['/%F0%80%81%A1', '/a'],
    ['/x/%C0%AE%C0%AE/a', '/a'],
    ['/x/..%C1%9Ca', '/x/..%5Ca', '/a'],
    ['/x/..;/a', '/a'],
    ['/x/..%20/a', '/a'],
    ['/..%2Fa', '/a'],
    ['/a%252Fb', '/a%2Fb', '/a/b'],
    ['/a;b%2Fc', '/a', '/a/c', '/a;b/c'],
    ['/100%25'],
    ['/...', '/'],
    ['/a/.../b', '/a/b'],
  ] as const) {
    expect([path, readingsOf(path)]).toEqual([path, [...readings].sort()]);
  }
});

tap.test('segments of dots are seen in every reading, and nowhere else', async () => {
  for (const path of [
    '/..;/a',
    '/a%2F..',
    '/a%5C..%5Cb',
    '/%252E%252E/a',
    '/%C0%AE./a',
    '/..%20/a',
    '/.%09',
    '/..%00',
    '/.;x',
  ]) {
    expect([path, mayClimb(path)]).toEqual([path, true]);
  }
  for (const path of ['/a%2Fb', '/a;b', '/..a;b', '/.../a', '/a.;b', '/a..%2Fb', '/a%20/b', '/.git%2Fx', '/a//b']) {
    expect([path, mayClimb(path)]).toEqual([path, false]);
  }
  expect(['/a/../b', '/a/%2e', '/.'].every(hasDots)).toBeTrue();
  expect(['/a/..b', '/.a', '/...'].some(hasDots)).toBeFalse();
});

tap.test('how much is read is bounded: a path of few oddities may be long, one of many may not', async () => {
  const long = 'x'.repeat(15_000);
  expect(otherReadings(`/a%2F${long}`)?.size).toEqual(1);
  expect(otherReadings(`/a;b%2F${'x'.repeat(4_000)}`)?.size).toEqual(3);
  const odd = '/a;%2F%2500%C0%AE.%20';
  expect(otherReadings(`${odd}/${'x'.repeat(300)}`)).not.toBeNull();
  expect(otherReadings(`${odd}/${long}`)).toBeNull();
  // What cannot be told is taken for the worst.
  expect(mayClimb(`${odd}/${long}`)).toBeTrue();
  const paths = ['%2F', ';', '%2F..;', '%25', '%2525', '%C0%AE', '.', '%20', '%20x', '//', '%2F;%00.%25'];
  for (const piece of paths) {
    const path = `/a${piece.repeat(16_000 / piece.length)}`;
    expect([piece, leastCpuMs(() => void otherReadings(path), 3) < 100]).toEqual([piece, true]);
  }
});

tap.test('every reading is a normal form other than the path, whatever the path', async () => {
  const piece = fc.constantFrom(
    ...[
      '/',
      '.',
      '..',
      ';',
      '%2F',
      '%5C',
      '%00',
      '%25',
      '%252e',
      '%C0%AE',
      '%C1%9C',
      '%20',
      '%3B',
      '%3F',
      'a',
      'b',
      '//',
    ],
  );
  const seen = { some: 0, climbing: 0 };
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const path = normalisePath(`/${pieces.join('')}`);
      if (path === null) return;
      const readings = otherReadings(path);
      if (readings === null) return;
      for (const reading of readings) expect([normalisePath(reading), reading === path]).toEqual([reading, false]);
      seen.some += Number(readings.size > 0);
      seen.climbing += Number(mayClimb(path));
      if (readings.size === 0) expect([path, mayClimb(path)]).toEqual([path, false]);
    }),
    { seed: 3629, numRuns: numRuns(1_000) },
  );
  expect(seen.some).toBeGreaterThan(100);
  expect(seen.climbing).toBeGreaterThan(20);
});

export default tap.start();
