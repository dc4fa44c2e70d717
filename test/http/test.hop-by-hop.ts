// What stays on a connection and what no Connection field can take away.

import fc from 'fast-check';
import { isProtected, removeNamed } from '../../ts/http/hop-by-hop.js';
import { requestFields } from '../../ts/http/request-fields.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

/** What goes on of a stranger's fields, before ours. */
function endToEnd(fields: readonly string[]): string[] {
  const facts = { clientIp: '', peerIp: '', serverPort: 80, isTls: false, authority: '', trusted: false };
  const out = requestFields(fields, facts, '');
  return out.slice(0, out.indexOf('X-Forwarded-For'));
}

tap.test('fields of the connection are dropped in any case, all others stay in order', () => {
  const fields = endToEnd([
    'Accept',
    '*/*',
    'Connection',
    'keep-alive',
    'KEEP-ALIVE',
    'timeout=5',
    'proxy-connection',
    'keep-alive',
    'Transfer-Encoding',
    'chunked',
    'Content-Length',
    '5',
    'Upgrade',
    'h2c',
    'HTTP2-Settings',
    'AAMAAABkAAQAAP__',
    'Proxy-Authorization',
    'Basic eDp5',
    'Proxy',
    'http://evil.test',
    'Host',
    'a.test',
    'User-Agent',
    'x',
    'Cookie',
    'a=b',
  ]);
  expect(fields).toEqual(['Accept', '*/*', 'User-Agent', 'x', 'Cookie', 'a=b']);
});

tap.test('fields that Connection names are dropped wherever they stand', () => {
  expect(endToEnd(['X-A', '1', 'Connection', 'x-a, X-B', 'X-C', '3', 'x-b', '2', 'X-a', '4'])).toEqual(['X-C', '3']);
  expect(endToEnd(['Connection', 'close', 'X-A', '1', 'connection', ' X-A ,close'])).toEqual([]);
});

tap.test('TE goes on as the wish for trailers alone', () => {
  expect(endToEnd(['TE', 'trailers'])).toEqual(['TE', 'trailers']);
  expect(endToEnd(['te', 'gzip;q=0.5, Trailers'])).toEqual(['TE', 'trailers']);
  expect(endToEnd(['TE', 'gzip'])).toEqual([]);
  expect(endToEnd(['TE', 'xtrailers'])).toEqual([]);
});

tap.test('names with an underscore are dropped', () => {
  expect(endToEnd(['Content_Length', '5', 'X_Forwarded_For', '1.1.1.1', 'X-Fine', '1', '_', '2'])).toEqual([
    'X-Fine',
    '1',
  ]);
});

const protectedOnes = [
  'Host',
  'Authorization',
  'Cookie',
  'Content-Type',
  'Content-Encoding',
  'Cache-Control',
  'Origin',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Anything',
  'Forwarded',
  'X-Real-IP',
  'Via',
  'If-Match',
  'Range',
  'Sec-WebSocket-Key',
  'Set-Cookie',
  'Strict-Transport-Security',
  'Access-Control-Allow-Origin',
];

tap.test('Connection cannot remove what is meant for more than the next in line', () => {
  const mixed = fc
    .constantFrom(...protectedOnes)
    .chain((name) =>
      fc
        .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
        .map((uppers) =>
          [...name].map((letter, at) => (uppers[at] ? letter.toUpperCase() : letter.toLowerCase())).join(''),
        ),
    );
  const junk = fc.constantFrom('close', 'keep-alive', '', ' ', 'x-mine', ';', '\t');
  const list = fc.array(fc.oneof(mixed, junk), { maxLength: 8 });
  fc.assert(
    fc.property(list, list, (first, second) => {
      const out = protectedOnes.flatMap((name) => [name, 'kept']);
      removeNamed(out, first.join(','));
      removeNamed(out, second.join(' , '));
      expect(out.length).toEqual(protectedOnes.length * 2);
    }),
    { numRuns: numRuns(200), seed: 1 },
  );
  expect(isProtected('x-mine')).toBeFalse();
});

tap.test('a Connection field of a great many names takes no great time and removes what stands first', () => {
  const names = Array.from({ length: 8_000 }, (_, at) => `x${at}`).join(',');
  expect(endToEnd(['Connection', names, 'x0', '1', 'X99', '1', 'Accept', '*/*'])).toEqual(['Accept', '*/*']);
});

export default tap.start();
