import fc from 'fast-check';
import { HpackDecoder } from '../../ts/codec/hpack-decoder.js';
import { HpackEncoder } from '../../ts/codec/hpack-encoder.js';
import { FrameWriter } from '../../ts/codec/http2-write.js';
import {
  rawGoaway,
  rawPing,
  rawReset,
  rawSettings,
  rawSettingsAck,
  rawWindowUpdate,
  readRawFrames,
} from '../helpers/h2-raw.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('writes control frames octet by octet as RFC 9113 §6 draws them', async () => {
  const writer = new FrameWriter();
  writer.settings([3, 100, 4, 0x7fff_ffff]);
  writer.settingsAck();
  writer.ping(false, Buffer.from('x12345678'), 1);
  writer.ping(true, Buffer.from('12345678'), 0);
  writer.rstStream(0x7fff_fffd, 0xffff_ffff);
  writer.windowUpdate(5, 0x7fff_ffff);
  writer.goaway(7, 11, '');
  const expected = Buffer.concat([
    ...[rawSettings(3, 100, 4, 0x7fff_ffff), rawSettingsAck(), rawPing('12345678'), rawPing('12345678', true)],
    ...[rawReset(0x7fff_fffd, 0xffff_ffff), rawWindowUpdate(5, 0x7fff_ffff), rawGoaway(7, 11)],
  ]);
  expect(writer.take()?.equals(expected)).toBeTrue();
  expect(writer.take()).toEqual(null);
});

tap.test('what was taken stays as it is while the next is written', async () => {
  const writer = new FrameWriter();
  const other = new FrameWriter();
  const taken: [Buffer, Buffer][] = [];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(30_000), fc.nat(255)), { maxLength: 5 }), (writes) => {
      for (const [first, size, fill] of writes) {
        const content = Buffer.alloc(size, fill);
        const used = first ? writer : other;
        used.head(size, 0, 0, 1);
        used.raw(content);
        taken.push([used.take() ?? Buffer.alloc(0), content]);
      }
      for (const [bytes, content] of taken) expect(bytes.subarray(9).equals(content)).toBeTrue();
      taken.splice(0, taken.length - 10);
    }),
    { seed: 714, numRuns: numRuns(100) },
  );
});

tap.test('cuts a header block into frames that join to the same block, at any frame size', async () => {
  const fields = fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,10}$/), fc.stringMatching(/^[!-~]{0,400}$/)), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(fields, fc.integer({ min: 1, max: 600 }), fc.boolean(), fc.nat(20), (pairs, maxFrame, end, before) => {
      const writer = new FrameWriter();
      writer.head(before, 0, 0, 9);
      writer.raw(Buffer.alloc(before));
      writer.headers(new HpackEncoder(), pairs.flat(), 3, end, maxFrame);
      const { frames, rest } = readRawFrames(writer.take() ?? Buffer.alloc(0));
      const [, head, ...others] = frames;
      expect(rest.length).toEqual(0);
      expect(head?.name).toEqual('HEADERS');
      expect(others.every(({ name, stream }) => name === 'CONTINUATION' && stream === 3)).toBeTrue();
      expect((head?.flags ?? 0) & 1).toEqual(end ? 1 : 0);
      // END_HEADERS is on the last frame alone.
      expect(frames.slice(1).map(({ flags }) => flags & 4)).toEqual([...others.map(() => 0), 4]);
      expect(frames.slice(1, -1).every(({ payload }) => payload.length === maxFrame)).toBeTrue();
      const block = Buffer.concat(frames.slice(1).map(({ payload }) => payload));
      const decoder = new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 100_000, maxFields: 100 });
      expect(decoder.decode(block)).toEqual(pairs.flat());
    }),
    { seed: 714, numRuns: numRuns(200) },
  );
});

tap.test('ends a stream by its header block only while nothing is behind that', async () => {
  const writer = new FrameWriter();
  const encoder = new HpackEncoder();
  const flagsOf = (): number[] => readRawFrames(writer.take() ?? Buffer.alloc(0)).frames.map(({ flags }) => flags);
  writer.headers(encoder, [':status', '200'], 1, false, 16_384);
  expect(writer.endHeaders(3)).toBeFalse();
  expect(writer.endHeaders(1)).toBeTrue();
  expect(flagsOf()).toEqual([5]);
  expect(writer.endHeaders(1)).toBeFalse();
  writer.headers(encoder, [':status', '200'], 1, false, 16_384);
  writer.settingsAck();
  expect(writer.endHeaders(1)).toBeFalse();
  expect(flagsOf()).toEqual([4, 1]);
});

export default tap.start();
