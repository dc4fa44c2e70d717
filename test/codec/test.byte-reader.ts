import { ByteReader } from '../../ts/codec/byte-reader.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('numbers, slices and texts are read in order', async () => {
  const reader = new ByteReader(Buffer.from([1, 2, 3, 4, 5, 6, 7, 0xe9, 9, 10, 11]));
  expect([reader.u8(), reader.u16(), reader.u32()]).toEqual([1, 0x0203, 0x04050607]);
  expect(reader.latin1(1)).toEqual('é');
  const sub = reader.sub(1);
  expect([sub.left, sub.u8(), sub.finished]).toEqual([1, 9, true]);
  reader.skip(1);
  expect([...reader.slice(1)]).toEqual([11]);
  expect([reader.left, reader.failed, reader.finished]).toEqual([0, false, true]);
});

tap.test('a reader stays inside its bounds, and remembers that it was asked for more', async () => {
  const bytes = Buffer.from([1, 2, 3, 4, 5, 6]);
  const reader = new ByteReader(bytes, 1, 4);
  expect(reader.u16()).toEqual(0x0203);
  expect(reader.u16()).toEqual(0);
  expect([reader.failed, reader.finished, reader.left]).toEqual([true, false, 0]);
  // Nothing is given after a failure, not even what would fit.
  expect([reader.u8(), reader.u32(), reader.latin1(1), reader.slice(1).length, reader.sub(0).left]).toEqual([
    0,
    0,
    '',
    0,
    0,
  ]);
  const sub = new ByteReader(bytes, 0, 2).sub(3);
  expect([sub.left, sub.u8(), sub.failed]).toEqual([0, 0, true]);
});

export default tap.start();
