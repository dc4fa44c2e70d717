import { readAddressPattern } from '../../ts/codec/address-pattern.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import { expect, tap } from '../helpers/tapbundle.js';

const rangeOf = (text: string) => {
  const pattern = readAddressPattern(text);
  return pattern.kind === 'v4' || pattern.kind === 'v6' ? [pattern.low, pattern.high] : pattern.kind;
};
const wantOf = (text: string): string => {
  const pattern = readAddressPattern(text);
  return pattern.kind === 'fault' ? pattern.want : pattern.kind;
};

tap.test('exact addresses, prefixes, ranges and whole-octet globs are ranges', async () => {
  expect(rangeOf('10.0.0.1')).toEqual([0x0a000001, 0x0a000001]);
  expect(rangeOf('10.0.0.0/8')).toEqual([0x0a000000, 0x0affffff]);
  expect(rangeOf('10.1.2.3/8')).toEqual([0x0a000000, 0x0affffff]);
  expect(rangeOf('255.255.255.255/32')).toEqual([0xffffffff, 0xffffffff]);
  expect(rangeOf('0.0.0.0/0')).toEqual([0, 0xffffffff]);
  expect(rangeOf('200.0.0.0/1')).toEqual([0x80000000, 0xffffffff]);
  expect(rangeOf('10.0.0.1-10.0.0.9')).toEqual([0x0a000001, 0x0a000009]);
  expect(rangeOf('10.0.0.1 - 10.0.0.9')).toEqual([0x0a000001, 0x0a000009]);
  expect(rangeOf('192.168.*')).toEqual([0xc0a80000, 0xc0a8ffff]);
  expect(rangeOf('192.168.*.*')).toEqual([0xc0a80000, 0xc0a8ffff]);
  expect(rangeOf('192.168.1.*')).toEqual([0xc0a80100, 0xc0a801ff]);
  expect(rangeOf('10.*')).toEqual([0x0a000000, 0x0affffff]);
  expect(rangeOf('2001:db8::/127')).toEqual([0x20010db8n << 96n, (0x20010db8n << 96n) + 1n]);
  expect(rangeOf('::/0')).toEqual([0n, (1n << 128n) - 1n]);
  expect(rangeOf('2001:db8:*')).toEqual([0x20010db8n << 96n, ((0x20010db8n + 1n) << 96n) - 1n]);
  expect(rangeOf('::1-::3')).toEqual([1n, 3n]);
});

tap.test('IPv4 in IPv6 clothing is IPv4', async () => {
  expect(rangeOf('::ffff:10.0.0.1')).toEqual([0x0a000001, 0x0a000001]);
  expect(rangeOf('::ffff:10.0.0.0/104')).toEqual([0x0a000000, 0x0affffff]);
  expect(rangeOf('::ffff:a00:0/128')).toEqual([0x0a000000, 0x0a000000]);
  expect(rangeOf('::ffff:10.0.0.1-10.0.0.9')).toEqual([0x0a000001, 0x0a000009]);
});

tap.test('every other glob is matched as text', async () => {
  for (const text of ['10.?.?.1', '1?.2.3.4', '*.1', '10.*.1', '*.*.*.*', '*.0.0.1', '192.16?.*']) {
    expect(readAddressPattern(text).kind).toEqual('glob');
  }
  expect(readAddressPattern('*').kind).toEqual('any');
});

tap.test('prefix lengths are plain decimals in their bounds', async () => {
  for (const bits of ['33', '-1', '08', '', ' 8', '8 ', '+8', '1e1', '0x8', '٨', '255.0.0.0', '8/8']) {
    expect(wantOf(`10.0.0.0/${bits}`)).toContain('0 to 32');
  }
  for (const bits of ['129', '-1', '', '064']) expect(wantOf(`2001:db8::/${bits}`)).toContain('0 to 128');
  for (const bits of ['95', '0', '129']) expect(wantOf(`::ffff:10.0.0.0/${bits}`)).toContain('96 to 128');
});

tap.test('odd spellings are faults, not guesses', async () => {
  const odd = [
    '',
    ' ',
    'localhost',
    '010.0.0.1',
    '0x7f.1',
    '127.1',
    '2130706433',
    '1.2.3',
    '10.0.0.256',
    '10.0.0.0/8 ',
    ' 10.0.0.1',
    '010.0.0.0/8',
    '10/8',
    '10.0/8',
    'all',
    '10.0.0.1,10.0.0.2',
    '!10.0.0.1',
    '10.0.0.[1-3]',
    '10.0.0.{1,2}',
    '256.*',
    '01.*',
    '10.*.*.*.*',
    '3??.1.1.1',
    '00?.1.1.1',
    '1.2.3?',
    'a.*',
    '10.0.0.*/24',
    '::*',
    'fe80::*',
    '1:2:*:4',
    '*:1',
    '2001:db8:?',
    '12345:*',
    '1:2:3:4:5:6:7:8:*',
    '::ffff:10.*',
    '[::1]',
    '10.0.0.9-10.0.0.1',
    '10.0.0.1-9',
    '-',
    '10.0.0.1-',
    '10.0.0.1-2001:db8::1',
    '::1-10.0.0.1',
    '10.0.0.1-10.0.0.2-10.0.0.3',
    '\u0661.2.3.4',
  ];
  for (const text of odd) expect([text, readAddressPattern(text).kind]).toEqual([text, 'fault']);
});

tap.test('zones and NAT64 prefixes are refused by name', async () => {
  expect(wantOf('fe80::1%eth0')).toContain('zone');
  expect(wantOf('fe80::%eth0/64')).toContain('zone');
  for (const text of ['64:ff9b::/96', '64:ff9b::1.2.3.4', '64:ff9b::-64:ff9b::ff'])
    expect(wantOf(text)).toContain('NAT64');
  expect(wantOf('64:ff9b:*')).toContain('IPv4');
});

tap.test('long and hostile patterns cost nothing', async () => {
  const hostile = [
    '*'.repeat(60_000),
    '?'.repeat(60_000),
    '*.'.repeat(30_000),
    `${'*?'.repeat(7)}.1.1.1`,
    '1'.repeat(60_000),
    ':'.repeat(60_000),
    '-'.repeat(60_000),
    '{'.repeat(60_000),
  ];
  const cpuMs = leastCpuMs(() => {
    for (const text of hostile) readAddressPattern(text);
  }, 2);
  expect(cpuMs).toBeLessThan(1_500);
});

export default tap.start();
