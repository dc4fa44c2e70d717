import fc from 'fast-check';
import { foldAddress, parseAddress } from '../../ts/codec/fold.js';
import { formatIpv4, formatIpv6 } from '../../ts/codec/ip-number.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.timeout(1_200_000);

tap.test('every spelling of an IPv4 address inside IPv6 is that IPv4 address', async () => {
  const spellings = [
    '192.0.2.1',
    '::ffff:192.0.2.1',
    '::FFFF:192.0.2.1',
    '::ffff:c000:201',
    '0:0:0:0:0:ffff:c000:0201',
    '::ffff:c000:201%eth0',
    '64:ff9b::192.0.2.1',
    '64:ff9b::c000:201',
    '0064:FF9B:0:0:0:0:192.0.2.1',
  ];
  for (const text of spellings) expect([text, foldAddress(text)]).toEqual([text, '192.0.2.1']);
});

tap.test('other prefixes that may hold an IPv4 address stay IPv6', async () => {
  const others = [
    '::192.0.2.1',
    '2002:c000:201::',
    '64:ff9b:1::192.0.2.1',
    '::ffff:0:192.0.2.1',
    '64:ff9b::1:192.0.2.1',
  ];
  for (const text of others) expect(foldAddress(text)).toContain(':');
});

tap.test('a zone is dropped, an empty one is refused', async () => {
  expect(foldAddress('fe80::1%eth0')).toEqual('fe80::1');
  expect(foldAddress('FE80::1%12')).toEqual('fe80::1');
  for (const text of ['fe80::1%', '1.2.3.4%eth0', '%eth0', '%']) expect(foldAddress(text)).toEqual('');
});

tap.test('what is no address has no text', async () => {
  for (const text of [
    '',
    'localhost',
    '010.0.0.1',
    '::ffff:010.0.0.1',
    '::ffff:1.2.3',
    '[::1]',
    '1.2.3.4:80',
    '0x7f.1',
  ]) {
    expect(foldAddress(text)).toEqual('');
    expect(parseAddress(text)).toBeNull();
  }
});

tap.test('folding is done once: the folded text folds to itself', async () => {
  const v6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(formatIpv6);
  const v4 = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(v6, v4, (long, short) => {
      const text = formatIpv4(short);
      expect(foldAddress(text)).toEqual(text);
      expect(foldAddress(`::ffff:${text}`)).toEqual(text);
      expect(foldAddress(formatIpv6((0xffffn << 32n) | BigInt(short)))).toEqual(text);
      expect(foldAddress(long.toUpperCase())).toEqual(long);
      expect(foldAddress(foldAddress(long))).toEqual(long);
    }),
    { seed: 211, numRuns: numRuns() },
  );
});

export default tap.start();
