// Content of requests that is kept so that it can be sent again.

import { HeldBytes, HeldContent } from '../../ts/http/held-content.js';
import { expect, tap } from '../helpers/tapbundle.js';

const textOf = (held: HeldContent) => Buffer.concat(held.pieces).toString('latin1');

tap.test('what comes in pieces is kept as it came, up to a limit', () => {
  const held = new HeldContent(new HeldBytes(), 20_000);
  let came = '';
  for (const length of [1, 4_095, 1, 5_000, 0, 3, 9_000, 1_900]) {
    const piece = String.fromCharCode(97 + (came.length % 26)).repeat(length);
    expect(held.add(Buffer.from(piece))).toBeTrue();
    came += piece;
    expect(textOf(held)).toEqual(came);
  }
  expect(came).toHaveLength(20_000);
  expect(held.add(Buffer.from('x'))).toBeFalse();
});

tap.test('pieces of a byte each take what one of their length takes, and keep nothing else alive', () => {
  const all = new HeldBytes();
  const held = new HeldContent(all, 160_000);
  const read = Buffer.alloc(65_536, 'r');
  for (let count = 0; count < 10_000; count++) held.add(read.subarray(count, count + 1));
  expect([held.pieces.length, all.bytes]).toEqual([3, 3 * 4_096]);
  read.fill('o');
  expect(textOf(held)).toEqual('r'.repeat(10_000));
});

tap.test('of content that is known to be short no more than its length is taken', () => {
  const all = new HeldBytes();
  const held = new HeldContent(all, 100);
  expect([held.add(Buffer.alloc(40)), held.add(Buffer.alloc(60)), all.bytes]).toEqual([true, true, 100]);
});

tap.test('all requests together keep no more than they may, and give it back', () => {
  const all = new HeldBytes(10_000);
  const [one, other] = [new HeldContent(all, 9_000), new HeldContent(all, 9_000)];
  expect([one.add(Buffer.alloc(8_000)), other.add(Buffer.alloc(2_001))]).toEqual([true, false]);
  other.release();
  one.release();
  one.release();
  expect([all.bytes, other.pieces]).toEqual([0, []]);
  expect(new HeldContent(all, 9_000).add(Buffer.alloc(8_000))).toBeTrue();
});

export default tap.start();
