import fc from 'fast-check';
import { readPriority } from '../../ts/codec/http2-priority.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const cases: readonly (readonly [string, number, boolean])[] = [
  ['', 3, false],
  ['u=0', 0, false],
  ['u=7, i', 7, true],
  ['i,u=2', 2, true],
  ['  u=5 ,  i=?1 ', 5, true],
  ['i=?0', 3, false],
  ['i;a=1, u=1;b', 1, true],
  ['u=1, u=4', 4, false],
  ['u=8', 3, false],
  ['u=-1', 3, false],
  ['u=1.5', 3, false],
  ['u', 3, false],
  ['i=1', 3, false],
  ['U=1, I', 3, false],
  ['other=5, u=6', 6, false],
];

for (const [text, urgency, incremental] of cases) {
  tap.test(`'${text}' is urgency ${urgency}${incremental ? ', incremental' : ''} (RFC 9218 §4)`, async () => {
    expect(readPriority(text)).toEqual({ urgency, incremental });
  });
}

tap.test('understands something of any text', async () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      const { urgency } = readPriority(text);
      expect(urgency >= 0 && urgency <= 7).toBeTrue();
    }),
    { seed: 317, numRuns: numRuns(300) },
  );
});

export default tap.start();
