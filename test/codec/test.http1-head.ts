import fc from 'fast-check';
import { findHeadEnd, findLineEnd, findStray } from '../../ts/codec/http1-head.js';
import { latin1 } from '../helpers/read-http1.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const soup = fc
  .array(fc.constantFrom('\r', '\n', '\r\n', 'a', 'bc', 'defgh', '\t', '\0'), { maxLength: 24 })
  .map((parts) => parts.join(''));
const place = fc.integer({ min: 0, max: 12 });

tap.test('the end of a head is where a plain search finds it, from any place, up to any stop', async () => {
  fc.assert(
    fc.property(soup, place, place, (text, from, short) => {
      const stop = Math.max(0, text.length - short);
      const found = text.slice(0, stop).indexOf('\r\n\r\n', from);
      expect(findHeadEnd(latin1(text), from, stop)).toEqual(found < 0 ? -1 : found + 4);
    }),
    { seed: 471, numRuns: numRuns(3000) },
  );
});

tap.test('so is the end of a line', async () => {
  fc.assert(
    fc.property(soup, place, (text, from) => {
      expect(findLineEnd(latin1(text), from, text.length)).toEqual(text.indexOf('\r\n', from));
    }),
    { seed: 472, numRuns: numRuns() },
  );
});

tap.test('strays are controls outside of CRLF, but for a last CR that may get its LF', async () => {
  const strayIn = (text: string) => findStray(latin1(text), 0, text.length);
  for (const text of ['', 'a', 'a\tb\xff', '\r\n', 'a\r\n\r\nb', 'a\r'])
    expect([text, strayIn(text)]).toEqual([text, -1]);
  expect([strayIn('a\n'), strayIn('a\rb'), strayIn('\r\r\n'), strayIn('ab\0'), strayIn('ab\x7f')]).toEqual([
    1, 1, 0, 2, 2,
  ]);
  fc.assert(
    fc.property(soup, (text) => {
      const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
      const rest = whole.replaceAll('\r\n', '..');
      expect(strayIn(text)).toEqual([...rest].findIndex((octet) => '\r\n\0'.includes(octet)));
    }),
    { seed: 473, numRuns: numRuns() },
  );
});

export default tap.start();
