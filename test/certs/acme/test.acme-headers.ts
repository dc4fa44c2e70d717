import { linksOf, retryAfterOf } from '../../../ts/certs/acme/acme-headers.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const wallMs = Date.UTC(2026, 5, 1, 12);
const after = (text: string, date?: string) =>
  retryAfterOf({ 'retry-after': text, ...(date === undefined ? {} : { date }) }, wallMs);

tap.test('Retry-After in seconds is a delay in milliseconds', () => {
  expect(after('0')).toEqual(0);
  expect(after(' 120 ')).toEqual(120_000);
});

tap.test('Retry-After as a date is a delay from now, by the clock of the server if it shows one', () => {
  expect(after('Mon, 01 Jun 2026 12:01:00 GMT')).toEqual(60_000);
  expect(after('Monday, 01-Jun-26 12:01:00 GMT')).toEqual(60_000);
  expect(after('Mon Jun  1 12:01:00 2026 GMT')).toEqual(60_000);
  expect(after('Mon, 01 Jun 2026 12:01:00 GMT', 'Mon, 01 Jun 2026 11:59:00 GMT')).toEqual(120_000);
  expect(after('Mon, 01 Jun 2026 11:00:00 GMT')).toEqual(0);
});

tap.test('what is neither says nothing', () => {
  for (const text of ['', '-5', '1.5', '2026-06-01', 'soon', 'Mon, nonsense', '1e3']) {
    expect(after(text)).toBeNull();
  }
  expect(retryAfterOf({}, wallMs)).toBeNull();
});

tap.test('no server can ask for more than thirty days', () => {
  expect(after('999999999999')).toEqual(30 * 86_400_000);
  expect(after('Fri, 01 Jan 2999 00:00:00 GMT')).toEqual(30 * 86_400_000);
});

tap.test('links are found by their relation, made absolute, once each', () => {
  const link =
    '<https://a.test/d>;rel="index", </alt/1>; rel=alternate, <alt/2>;title="x, y";rel="up Alternate", </alt/1>;rel="alternate"';
  expect(linksOf({ link }, 'alternate', 'https://a.test/c/0')).toEqual([
    'https://a.test/alt/1',
    'https://a.test/c/alt/2',
  ]);
  expect(linksOf({ link }, 'index', 'https://a.test/')).toEqual(['https://a.test/d']);
  expect(linksOf({ link }, 'help', 'https://a.test/')).toEqual([]);
  expect(linksOf({}, 'help', 'https://a.test/')).toEqual([]);
  expect(linksOf({ link: '<http://[>;rel=help' }, 'help', 'https://a.test/')).toEqual([]);
});

export default tap.start();
