import { crc32c } from '../../ts/codec/crc32c.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('the checksums are those of RFC 3720, appendix B.4', async () => {
  expect(crc32c(Buffer.alloc(32))).toEqual(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toEqual(0x62a8ab43);
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toEqual(0x46dd794e);
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)))).toEqual(0x113fdb5c);
  expect(crc32c(Buffer.from('123456789'))).toEqual(0xe3069283);
  expect(crc32c(Buffer.alloc(0))).toEqual(0);
});

export default tap.start();
