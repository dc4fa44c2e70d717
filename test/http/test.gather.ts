import fc from 'fast-check';
import { Gather } from '../../ts/http/gather.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('what is gathered is all of it, in order, in few pieces; what is large is not copied', () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2_000 })), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const bytes = Buffer.from(
        Array.from({ length: lengths.reduce((sum, one) => sum + one, 0) }, (_, at) => at % 251),
      );
      const told: Buffer[] = [];
      const gather = new Gather((chunk) => void told.push(chunk));
      let at = 0;
      for (const length of lengths) {
        gather.take(bytes.subarray(at, at + length));
        at += length;
      }
      gather.flush();
      gather.flush();
      expect(Buffer.concat(told).equals(bytes)).toBeTrue();
      const large = lengths.filter((length) => length >= 512);
      expect(told.length).toBeLessThanOrEqual(2 * large.length + 1 + Math.ceil(bytes.length / 4_096));
      const own = told.filter(({ length }) => length >= 512 && large.includes(length));
      expect(
        own.every(({ buffer }) => buffer === bytes.buffer) || large.length === 0 || bytes.length > 4_096,
      ).toBeTrue();
      expect([gather.countPieces(), gather.countPieces()]).toEqual([lengths.length, 0]);
    }),
    { seed: 918, numRuns: numRuns(200) },
  );
});

tap.test('one small piece alone goes on as it lies', () => {
  const told: Buffer[] = [];
  const gather = new Gather((chunk) => void told.push(chunk));
  const piece = Buffer.from('abc');
  gather.take(piece);
  gather.flush();
  expect(told[0]).toBe(piece);
});

export default tap.start();
