import fc from 'fast-check';
import { AddressSet } from '../../ts/codec/address.js';
import { formatIpv4, formatIpv6 } from '../../ts/codec/ip-number.js';
import { canBeTarget, kernelAddress, rangesOf, rangesOfSet } from '../../ts/config/kernel-addresses.js';
import { bytesOfRate } from '../../ts/config/kernel-text.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('patterns become the shortest ranges, sorted and apart', () => {
  expect(rangesOf(['10.1.2.3/8', '192.168.*', '10.0.0.1', '1.1.1.1-1.1.1.9', '1.1.1.5-1.1.1.12'])).toEqual({
    ip: ['1.1.1.1-1.1.1.12', '10.0.0.0/8', '192.168.0.0/16'],
    ip6: [],
  });
  expect(rangesOf(['::ffff:10.0.0.1', '2001:db8::/32', '2001:db8:1:*', '::1'])).toEqual({
    ip: ['10.0.0.1'],
    ip6: ['::1', '2001:db8::/32'],
  });
  expect(rangesOf(['*'])).toEqual({ ip: ['0.0.0.0/0'], ip6: ['::/0'] });
  expect(rangesOf(['10.0.0.0/9', '10.128.0.0/9'])).toEqual({ ip: ['10.0.0.0/8'], ip6: [] });
});

tap.test('a glob that is no range is none', () => {
  expect(rangesOf(['10.?.?.1'])).toEqual(null);
  expect(rangesOfSet(null)).toEqual(null);
  const { set } = AddressSet.compile(['10.?.?.1']);
  expect(() => rangesOfSet(set)).toThrow();
});

const pattern = fc.oneof(
  fc
    .tuple(fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 }))
    .map(([address, bits]) => `${formatIpv4(address)}/${bits}`),
  fc
    .tuple(fc.nat(0xffff), fc.nat(0xffff))
    .map(([a, b]) => `${formatIpv4(Math.min(a, b))}-${formatIpv4(Math.max(a, b))}`),
  fc
    .tuple(fc.bigInt(0n, (1n << 128n) - 1n), fc.integer({ min: 97, max: 128 }))
    .map(([a, bits]) => `${formatIpv6(a | (1n << 127n))}/${bits}`),
);

tap.test('the ranges hold the addresses of the set and no others', () => {
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 6 }), fc.nat(0xffffffff), (patterns, some) => {
      const { set } = AddressSet.compile(patterns);
      const ranges = rangesOf(patterns);
      const again = AddressSet.compile([...(ranges?.ip ?? []), ...(ranges?.ip6 ?? [])]).set;
      const edges = [...(ranges?.ip ?? []), ...(ranges?.ip6 ?? [])].flatMap((text) =>
        text.split(/[-/]/).filter((part) => /[.:]/.test(part)),
      );
      for (const address of [formatIpv4(some), ...edges])
        expect(again?.matches(address)).toEqual(set?.matches(address));
    }),
    { seed: 542, numRuns: numRuns(300) },
  );
});

tap.test('an address has one spelling; what is an IPv4 address inside is it', () => {
  const texts = [
    '192.0.2.1',
    '::ffff:192.0.2.1',
    '::FFFF:c000:201',
    '2001:DB8:0:0::1',
    '::0.0.0.1',
    '64:ff9b::192.0.2.1',
  ];
  const want = ['192.0.2.1', '192.0.2.1', '192.0.2.1', '2001:db8::1', '::1', '64:ff9b::c000:201'];
  expect(texts.map(kernelAddress)).toEqual(want);
  expect(['', 'a.test', '192.0.2.01', 'fe80::1%lo', '::ffff:192.0.2.256', '[::1]'].map(kernelAddress)).toEqual(
    Array(6).fill(null),
  );
});

tap.test('packets go to one machine, not to none, a group, or the other side of a loopback', () => {
  const good = ['1.0.0.0', '127.0.0.1', '223.255.255.255', '169.254.1.1', '2001:db8::1', 'fe80::1', '::2'];
  expect(good.filter((address) => !canBeTarget(address))).toEqual([]);
  const bad = ['0.0.0.0', '0.1.2.3', '224.0.0.1', '255.255.255.255', '::', '::1', 'ff02::1', 'a.test'];
  expect(bad.filter(canBeTarget)).toEqual([]);
});

tap.test('rates are bits a second', () => {
  expect(['8bps', '1kbps', '10mbps', '1.5 Gbps'].map(bytesOfRate)).toEqual([1, 125, 1_250_000, 187_500_000]);
  expect(['', '10', '10mb', '1e3bps', '-1mbps', '1bps', '33gbps', '1,5mbps'].map(bytesOfRate)).toEqual(
    Array(8).fill(null),
  );
});

export default tap.start();
