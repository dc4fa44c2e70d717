import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { formatIpv4, formatIpv6, groupsOf, parseIpv4, parseIpv6 } from '../../ts/codec/ip-number.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.timeout(1_200_000);

tap.test('four plain decimals are an IPv4 address', async () => {
  expect(parseIpv4('0.0.0.0')).toEqual(0);
  expect(parseIpv4('1.2.3.4')).toEqual(0x01020304);
  expect(parseIpv4('255.255.255.255')).toEqual(0xffffffff);
  expect(parseIpv4('::ffff:10.0.0.1', 7)).toEqual(0x0a000001);
});

tap.test('every odd spelling of an IPv4 address is refused, not guessed', async () => {
  const odd = [
    '',
    '1',
    '1.2',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '1.2.3.4.',
    '010.0.0.1',
    '1.2.3.04',
    '00.0.0.0',
    '0x7f.1',
    '0x7f.0.0.1',
    '127.1',
    '2130706433',
    '1.2.3.256',
    '1.2.3.999',
    '1.2.3.-4',
    '+1.2.3.4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4\n',
    '1.2.3.4/32',
    '1.2.3.4:80',
    '1.2.3.4%lo',
    '1e1.2.3.4',
    '１.2.3.4',
    '١.٢.٣.٤',
    '1.2.3.a',
    '1,2,3,4',
  ];
  for (const text of odd) expect([text, parseIpv4(text)]).toEqual([text, -1]);
});

tap.test('IPv6 addresses are read in all three forms', async () => {
  expect(parseIpv6('::')).toEqual(0n);
  expect(parseIpv6('::1')).toEqual(1n);
  expect(parseIpv6('1::')).toEqual(1n << 112n);
  expect(parseIpv6('1:2:3:4:5:6:7:8')).toEqual(0x00010002000300040005000600070008n);
  expect(parseIpv6('1:2:3:4:5:6:7::')).toEqual(0x00010002000300040005000600070000n);
  expect(parseIpv6('::2:3:4:5:6:7:8')).toEqual(0x00000002000300040005000600070008n);
  expect(parseIpv6('2001:DB8::A')).toEqual(0x20010db800000000000000000000000an);
  expect(parseIpv6('::ffff:1.2.3.4')).toEqual(0xffff01020304n);
  expect(parseIpv6('1:2:3:4:5:6:1.2.3.4')).toEqual(0x00010002000300040005000601020304n);
});

tap.test('every odd spelling of an IPv6 address is refused', async () => {
  const odd = [
    '',
    ':',
    ':::',
    '1',
    '1:2',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '1::2::3',
    ':1::',
    '1:2:3:4:5:6:7:',
    ':2:3:4:5:6:7:8',
    '12345::',
    '::g',
    '::1%lo',
    '[::1]',
    '::1/128',
    '::1.2.3',
    '::1.2.3.4.5',
    '::01.2.3.4',
    '::1.2.3.256',
    '1.2.3.4',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::-1',
    ' ::1',
    '::1 ',
    '0x1::',
    '::１',
  ];
  for (const text of odd) expect([text, parseIpv6(text)]).toEqual([text, null]);
});

tap.test('the text of an IPv6 address follows RFC 5952', async () => {
  const pairs = [
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
  ] as const;
  for (const [text, canonical] of pairs) expect(formatIpv6(parseIpv6(text) ?? -1n)).toEqual(canonical);
});

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
/** Many zero groups, so that `::` is met often. */
const uint128 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n));

tap.test('writing and reading are inverse, and the text is the one a URL has', async () => {
  fc.assert(
    fc.property(uint32, uint128, (v4, v6) => {
      expect(parseIpv4(formatIpv4(v4))).toEqual(v4);
      expect(parseIpv6(formatIpv6(v6))).toEqual(v6);
      expect(`[${formatIpv6(v6)}]`).toEqual(new URL(`http://[${formatIpv6(v6)}]/`).hostname);
      expect(groupsOf(v6)).toHaveLength(8);
    }),
    { seed: 201, numRuns: numRuns() },
  );
});

tap.test("what is an address agrees with Node's parser on any text", async () => {
  const pieces = fc.array(
    fc.constantFrom('0', '1', '9', '25', '255', '256', 'f', 'ffff', '.', '.', ':', ':', '::', 'x', '-'),
    {
      maxLength: 18,
    },
  );
  const broken = fc.tuple(uint128, fc.nat(40), fc.constantFrom('', ':', '.', '0', 'f')).map(([v6, at, piece]) => {
    const text = formatIpv6(v6);
    return text.slice(0, at) + piece + text.slice(at + 1);
  });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        pieces.map((parts) => parts.join('')),
        broken,
      ),
      (text) => {
        expect(parseIpv4(text) >= 0).toEqual(isIPv4(text));
        expect(parseIpv6(text) !== null).toEqual(isIPv6(text) && !text.includes('%'));
      },
    ),
    { seed: 202, numRuns: numRuns(3_000) },
  );
});

export default tap.start();
