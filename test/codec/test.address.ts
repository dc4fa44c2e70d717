import { BlockList } from 'node:net';
import fc from 'fast-check';
import { AddressSet, foldAddress, isPrivateAddress, limitKey } from '../../ts/codec/address.js';
import { formatIpv4, formatIpv6 } from '../../ts/codec/ip-number.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.timeout(1_200_000);

function compile(...patterns: string[]): AddressSet {
  const { set, faults } = AddressSet.compile(patterns);
  if (set === null) throw new Error(JSON.stringify(faults));
  return set;
}
const matched = (set: AddressSet, ...addresses: string[]): boolean[] =>
  addresses.map((address) => set.matches(address));

tap.test('a set matches what its patterns say, in any spelling of the address', async () => {
  const set = compile('10.0.0.0/8', '192.0.2.7', '198.51.100.1-198.51.100.9', '203.0.113.*', '2001:db8::/32');
  const inside = ['10.255.0.1', '192.0.2.7', '198.51.100.1', '198.51.100.9', '203.0.113.200', '2001:db8::1'];
  expect(matched(set, ...inside)).toEqual(inside.map(() => true));
  expect(matched(set, '::ffff:10.0.0.1', '::ffff:a00:1', '64:ff9b::10.0.0.1', '2001:DB8:0::1')).toEqual([
    true,
    true,
    true,
    true,
  ]);
  const outside = ['11.0.0.0', '9.255.255.255', '192.0.2.6', '198.51.100.10', '203.0.114.0', '2001:db9::', '::', '::1'];
  expect(matched(set, ...outside)).toEqual(outside.map(() => false));
});

tap.test('odd globs match canonical text, where a star may stand for several octets', async () => {
  const set = compile('10.?.?.1', '172.*.9', '1*2.0.0.1');
  expect(matched(set, '10.1.2.1', '::ffff:10.1.2.1', '172.16.3.9', '172.9.9.9', '12.0.0.1', '192.0.0.1')).toEqual(
    Array(6).fill(true),
  );
  expect(matched(set, '10.10.2.1', '10.1.2.11', '172.16.3.10', '102.0.0.2', '172.9.9.90', '2001:db8::1')).toEqual(
    Array(6).fill(false),
  );
});

tap.test('a star is every address of both families; ::/0 is IPv6 alone', async () => {
  expect(matched(compile('*'), '1.2.3.4', '2001:db8::1', 'fe80::1%eth0', '')).toEqual([true, true, true, false]);
  expect(matched(compile('::/0'), '1.2.3.4', '::ffff:1.2.3.4', '2001:db8::1')).toEqual([false, false, true]);
  expect(matched(compile('0.0.0.0/0'), '1.2.3.4', '::ffff:1.2.3.4', '2001:db8::1')).toEqual([true, true, false]);
});

tap.test('an empty set matches nothing, and what is no address is in no set', async () => {
  expect(matched(compile(), '1.2.3.4', '::1', '')).toEqual([false, false, false]);
  expect(matched(compile('*', '0.0.0.0/0'), '010.0.0.1', 'localhost', '1.2.3', '')).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

tap.test('all faults are reported, each with its place', async () => {
  const { set, faults } = AddressSet.compile(['10.0.0.1', '10.0.0.0/33', '*', `x${'y'.repeat(200)}`]);
  expect(set).toBeNull();
  expect(faults.map(({ index }) => index)).toEqual([1, 3]);
  expect(faults[0]?.got).toEqual('10.0.0.0/33');
  expect(faults[1]?.got).toHaveLength(80);
});

tap.test('a set cannot be changed, neither through itself nor through the list it was made of', async () => {
  const patterns = ['10.0.0.1', '10.?.0.2'];
  const { set } = AddressSet.compile(patterns);
  if (set === null) throw new Error('no set');
  patterns.push('*');
  expect(set.patterns).toEqual(['10.0.0.1', '10.?.0.2']);
  expect(Object.isFrozen(set)).toBeTrue();
  expect(Object.isFrozen(set.patterns)).toBeTrue();
  expect(matched(set, '10.0.0.1', '10.5.0.2', '10.0.0.3')).toEqual([true, true, false]);
});

const nearEdges = fc
  .constantFrom(0, 0x0a000000, 0x7fffffff, 0xffffffff)
  .chain((edge) => fc.integer({ min: -9, max: 9 }).map((off) => Math.min(0xffffffff, Math.max(0, edge + off))));
const v4 = fc.oneof(nearEdges, fc.integer({ min: 0, max: 0xffffffff }));
const v6 = fc
  .oneof(
    fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
    fc.integer({ min: 0, max: 40 }).map((low) => (0x20010db8n << 96n) + BigInt(low)),
  )
  .filter((value) => value >> 32n !== 0xffffn && value >> 32n !== 0x64ff9b0000000000000000n);
const rule4 = fc.oneof(
  fc.tuple(v4, fc.integer({ min: 0, max: 32 })).map(([base, bits]) => ({
    text: `${formatIpv4(base)}/${bits}`,
    add: (list: BlockList) => list.addSubnet(formatIpv4(base), bits, 'ipv4'),
  })),
  fc.tuple(v4, v4).map(([a, b]) => ({
    text: `${formatIpv4(Math.min(a, b))}-${formatIpv4(Math.max(a, b))}`,
    add: (list: BlockList) => list.addRange(formatIpv4(Math.min(a, b)), formatIpv4(Math.max(a, b)), 'ipv4'),
  })),
  v4.map((base) => ({ text: formatIpv4(base), add: (list: BlockList) => list.addAddress(formatIpv4(base), 'ipv4') })),
);
const rule6 = fc.oneof(
  fc.tuple(v6, fc.integer({ min: 1, max: 128 })).map(([base, bits]) => ({
    text: `${formatIpv6(base)}/${bits}`,
    add: (list: BlockList) => list.addSubnet(formatIpv6(base), bits, 'ipv6'),
  })),
  v6.map((base) => ({ text: formatIpv6(base), add: (list: BlockList) => list.addAddress(formatIpv6(base), 'ipv6') })),
);

tap.test("sets agree with Node's BlockList", async () => {
  fc.assert(
    fc.property(
      fc.array(rule4, { maxLength: 6 }),
      fc.array(rule6, { maxLength: 6 }),
      fc.array(v4, { maxLength: 8 }),
      fc.array(v6, { maxLength: 8 }),
      (rules4, rules6, short, long) => {
        // One list a family: BlockList compares across families where we fold first.
        const [list4, list6] = [new BlockList(), new BlockList()];
        for (const { add } of rules4) add(list4);
        for (const { add } of rules6) add(list6);
        const set = compile(...rules4.map(({ text }) => text), ...rules6.map(({ text }) => text));
        for (const value of short) {
          const text = formatIpv4(value);
          expect([text, set.matches(text)]).toEqual([text, list4.check(text, 'ipv4')]);
          expect(set.matches(`::ffff:${text}`)).toEqual(set.matches(text));
        }
        for (const value of long) {
          const text = formatIpv6(value);
          expect([text, set.matches(text)]).toEqual([text, list6.check(text, 'ipv6')]);
        }
      },
    ),
    { seed: 221, numRuns: numRuns() },
  );
});

tap.test('sets agree with the obvious: compare every range, one after the other', async () => {
  const range = fc.tuple(fc.nat(60), fc.nat(60)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), (ranges) => {
      const set4 = compile(...ranges.map(([from, to]) => `${formatIpv4(from)}-${formatIpv4(to)}`));
      const set6 = compile(
        ...ranges.map(([from, to]) => `2001:db8::${from.toString(16)}-2001:db8::${to.toString(16)}`),
      );
      for (let at = 0; at <= 62; at++) {
        const expected = ranges.some(([from, to]) => from <= at && at <= to);
        expect([set4.matches(formatIpv4(at)), set6.matches(`2001:db8::${at.toString(16)}`)]).toEqual([
          expected,
          expected,
        ]);
      }
    }),
    { seed: 222, numRuns: numRuns(300) },
  );
});

tap.test('a lookup does not take longer in a long list', async () => {
  const many = compile(...Array.from({ length: 100_000 }, (_, i) => formatIpv4(i * 40_000)));
  const costOf = (set: AddressSet): number =>
    leastCpuMs(() => {
      for (let i = 0; i < 50_000; i++) set.matches('203.0.113.9');
    }, 3);
  const few = compile('10.0.0.1', '10.0.0.3');
  // A scan would cost 50 000 times as much; this leaves room for what a busy machine spoils.
  expect(costOf(many)).toBeLessThan(100 * costOf(few));
});

tap.test('private addresses are known in every clothing', async () => {
  const inner = [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.255',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.168.0.1',
    '198.18.0.1',
    '198.19.255.255',
    '224.0.0.1',
    '239.1.1.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fc00::1',
    'fdff::1',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fec0::1',
    'ff02::1',
    '::127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b:1::1',
  ];
  for (const address of inner) expect([address, isPrivateAddress(address)]).toEqual([address, true]);
  for (const address of inner.filter((text) => !text.includes(':'))) {
    const hex = formatIpv6(BigInt(address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0))).slice(2);
    for (const prefix of ['::ffff:', '64:ff9b::']) expect(isPrivateAddress(`${prefix}${address}`)).toBeTrue();
    const [high, low] = hex.includes(':') ? hex.split(':') : ['0', hex === '' ? '0' : hex];
    expect(isPrivateAddress(`2002:${high}:${low}::1`)).toBeTrue();
  }
});

tap.test('public addresses are not private, and what is no address is', async () => {
  const outer = [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.1.1',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.1',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2606:4700::1',
    '2001:4860:4860::8888',
    '2002:808:808::1',
  ];
  for (const address of outer) expect([address, isPrivateAddress(address)]).toEqual([address, false]);
  for (const text of ['', 'localhost', '127.1', '0x7f000001', '2130706433', '010.0.0.1'])
    expect(isPrivateAddress(text)).toBeTrue();
});

tap.test('limits count by the IPv4 address or by the /64', async () => {
  expect(limitKey('192.0.2.1')).toEqual('192.0.2.1');
  expect(limitKey('::ffff:192.0.2.1')).toEqual('192.0.2.1');
  expect(limitKey('64:ff9b::192.0.2.1')).toEqual('192.0.2.1');
  expect(limitKey('2001:db8:1:2:3:4:5:6')).toEqual('2001:db8:1:2::/64');
  expect(limitKey('2001:DB8:1:2:ffff::')).toEqual(limitKey('2001:db8:1:2::'));
  expect(limitKey('2001:db8:1:3::')).not.toEqual(limitKey('2001:db8:1:2::'));
  expect(limitKey('fe80::1%eth0')).toEqual('fe80::/64');
  expect(limitKey('nonsense')).toEqual('');
});

tap.test('folding is exported beside the set that needs it', async () => {
  expect(foldAddress('::ffff:1.2.3.4')).toEqual('1.2.3.4');
});

export default tap.start();
