// Redirects: where to, and that what was asked for stays a path.

import fc from 'fast-check';
import { locationOf } from '../../ts/flow/location.js';
import { redirectAnswer } from '../../ts/http/redirect.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const valuesOf = (given: Readonly<Record<string, string>>) => ({ get: (name: string) => given[name] ?? '' });
const asked = (target: string, domain = 'a.test') =>
  valuesOf({ target, domain, port: '8443', query: 'x=1', routeName: 'a b/é' });

/** `https://{domain}{path}` in pieces. */
const upgrade = ['https://', 'domain', '', 'path', ''];
const samePlace = ['', 'path', ''];

tap.test('the path is kept as it was asked for, with its query', () => {
  expect(locationOf(upgrade, asked('/a%20b/?x=1&y=%2F'))).toEqual('https://a.test/a%20b/?x=1&y=%2F');
  expect(locationOf(upgrade, asked('*'))).toEqual('https://a.test/');
  expect(locationOf(['https://b.test/old', 'path', ''], asked('/x'))).toEqual('https://b.test/old/x');
  expect(locationOf(['https://b.test/', 'path', '#top'], asked('/x'))).toEqual('https://b.test/x#top');
  expect(locationOf(['/new'], asked('/x'))).toEqual('/new');
  expect(locationOf(['https://', 'domain', ':', 'port', '/?q=', 'routeName', ''], asked('/'))).toEqual(
    'https://a.test:8443/?q=a%20b%2F%C3%A9',
  );
});

tap.test('an IPv6 host gets its brackets', () => {
  expect(locationOf(upgrade, asked('/', '2001:db8::1'))).toEqual('https://[2001:db8::1]/');
});

tap.test('a path cannot become a host', () => {
  expect(locationOf(samePlace, asked('//evil.test/x'))).toEqual('/evil.test/x');
  expect(locationOf(samePlace, asked('/\\evil.test'))).toEqual('/%5Cevil.test');
  expect(locationOf(['/', 'path', ''], asked('///evil.test'))).toEqual('/evil.test');
  expect(locationOf(upgrade, asked('//evil.test'))).toEqual('https://a.test//evil.test');
});

tap.test('without a host there is no place to go to', () => {
  for (const template of [upgrade, ['https://', 'domain', ':8443', 'path', ''], ['//', 'domain', '', 'path', '']]) {
    const answer = redirectAnswer(template, 308, asked('/x', ''));
    expect(answer.head.status).toEqual(400);
  }
});

tap.test('what cannot stand in a URL is encoded', () => {
  expect(locationOf(samePlace, asked('/<a>"{b}|^`#\x7f\xe9%zz%4'))).toEqual(
    '/%3Ca%3E%22%7Bb%7D%7C%5E%60%23%7F%E9%25zz%254',
  );
  expect(locationOf(['https://bücher.test/ä b'], asked('/'))).toEqual('https://b%C3%BCcher.test/%C3%A4%20b');
});

tap.test('whatever the path holds, the place is visible ASCII and on the same host', () => {
  const octets = fc
    .array(fc.integer({ min: 0, max: 255 }), { maxLength: 30 })
    .map((all) => String.fromCharCode(...all));
  fc.assert(
    fc.property(octets, (rest) => {
      for (const start of ['/', '//', '/\\', '']) {
        const location = locationOf(upgrade, asked(start + rest)) ?? '';
        expect(/^[\x21-\x7e]+$/.test(location)).toBeTrue();
        expect(new URL(location).host).toEqual('a.test');
        const relative = locationOf(samePlace, asked(start + rest)) ?? '';
        expect(/^[\x21-\x7e]+$/.test(relative)).toBeTrue();
        expect(new URL(relative, 'https://here.test').host).toEqual('here.test');
      }
    }),
    { numRuns: numRuns(500), seed: 6 },
  );
});

tap.test('the answer has its status, its place and a short text', () => {
  const { head, body } = redirectAnswer(upgrade, 301, asked('/x'));
  expect(head.status).toEqual(301);
  expect(head.fields.slice(0, 2)).toEqual(['Location', 'https://a.test/x']);
  expect(head.contentLength).toEqual(body.length);
  expect(body.toString()).toEqual('301 Moved Permanently\n');
});

export default tap.start();
