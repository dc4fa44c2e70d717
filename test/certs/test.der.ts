import * as fc from 'fast-check';
import {
  bits,
  boolean,
  explicit,
  implicit,
  integer,
  octets,
  oid,
  readAll,
  readInside,
  sequence,
  time,
  tlv,
} from '../../ts/certs/der.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const hex = (bytes: Buffer): string => bytes.toString('hex');

tap.test('values have the bytes that X.690 gives as examples', () => {
  expect(hex(oid('2.999.3'.replace('2.999', '2.100')))).toEqual('0603813403');
  expect(hex(oid('1.2.840.113549.1.1.11'))).toEqual('06092a864886f70d01010b');
  expect(hex(integer(0))).toEqual('020100');
  expect(hex(integer(Buffer.from([0, 0, 0x80])))).toEqual('02020080');
  expect(hex(integer(Buffer.from([0, 0x7f])))).toEqual('02017f');
  expect(hex(boolean(true))).toEqual('0101ff');
  expect(hex(bits(Buffer.from([6]), 1))).toEqual('03020106');
  expect(hex(explicit(3, boolean(false)))).toEqual('a303010100');
  expect(hex(implicit(2, Buffer.from('ab')))).toEqual('82026162');
});

tap.test('a length is written in as few bytes as it takes', () => {
  expect(hex(octets(Buffer.alloc(127)).subarray(0, 3))).toEqual('047f00');
  expect(hex(octets(Buffer.alloc(128)).subarray(0, 4))).toEqual('04818000');
  expect(hex(octets(Buffer.alloc(256)).subarray(0, 5))).toEqual('0482010000');
});

tap.test('times change their form with the year 2050', () => {
  expect(time(Date.UTC(2049, 11, 31, 23, 59, 59, 999)).toString('latin1')).toEqual('\x17\x0d491231235959Z');
  expect(time(Date.UTC(2050, 0, 1)).toString('latin1')).toEqual('\x18\x0f20500101000000Z');
});

tap.test('what was written is read again', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (contents) => {
      const read = readInside(sequence(...contents.map((content) => octets(content))));
      expect(read.map(({ tag, content }) => `${tag} ${hex(content)}`)).toEqual(
        contents.map((content) => `4 ${hex(Buffer.from(content))}`),
      );
    }),
    { seed: 859, numRuns: numRuns(200) },
  );
});

tap.test('bytes that are no DER are refused with a RangeError, however they are cut', () => {
  const whole = sequence(octets(Buffer.alloc(200)), tlv(0x30));
  for (let length = 1; length < whole.length; length++)
    expect(() => readAll(whole.subarray(0, length))).toThrow('not DER');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        readAll(Buffer.from(bytes));
      } catch (error) {
        expect(error instanceof RangeError).toBeTrue();
      }
    }),
    { seed: 859, numRuns: numRuns(500) },
  );
});

export default tap.start();
