// The address lists of routes, as SecurityManager.isIPAuthorized reads them.

import { ConfigError } from '../ts/base/errors.js';
import { SecurityManager } from '../ts/flow/guard/security-manager.js';
import { expect, tap } from './helpers/tapbundle.js';

const authorized = (ip: string | undefined, allow?: readonly string[], block?: readonly string[]): boolean => {
  const answer = SecurityManager.isIPAuthorized(ip, allow, block);
  expect(new SecurityManager().isIPAuthorized(ip, allow, block)).toEqual(answer);
  return answer;
};

tap.test('without lists everybody is authorized, an unknown address too', async () => {
  expect(authorized('203.0.113.9')).toBeTrue();
  expect(authorized('203.0.113.9', [], [])).toBeTrue();
  expect(authorized('', [], [])).toBeTrue();
  expect(authorized(undefined)).toBeTrue();
});

tap.test('with an allow list only its addresses are authorized', async () => {
  expect(authorized('192.168.1.10', ['192.168.1.10'])).toBeTrue();
  expect(authorized('192.168.1.11', ['192.168.1.10'])).toBeFalse();
});

tap.test('with a block list all but its addresses are authorized', async () => {
  expect(authorized('192.168.1.10', [], ['192.168.1.10'])).toBeFalse();
  expect(authorized('192.168.1.11', [], ['192.168.1.10'])).toBeTrue();
});

tap.test('block wins over allow', async () => {
  const allow = ['192.168.1.*', '10.0.0.0/8'];
  const block = ['192.168.1.100'];
  expect(authorized('192.168.1.5', allow, block)).toBeTrue();
  expect(authorized('192.168.1.100', allow, block)).toBeFalse();
  expect(authorized('10.200.3.4', allow, block)).toBeTrue();
  expect(authorized('11.0.0.1', allow, block)).toBeFalse();
  expect(authorized('10.0.0.1', ['10.0.0.1'], ['*'])).toBeFalse();
});

tap.test('globs take whole octets, parts of them and single characters', async () => {
  expect(authorized('192.168.77.1', ['192.168.*'])).toBeTrue();
  expect(authorized('192.169.77.1', ['192.168.*'])).toBeFalse();
  expect(authorized('10.1.2.1', ['10.?.?.1'])).toBeTrue();
  expect(authorized('10.11.2.1', ['10.?.?.1'])).toBeFalse();
  expect(authorized('10.1.2.11', ['10.?.?.1'])).toBeFalse();
  expect(authorized('172.16.1.1', ['172.1*.*.*'])).toBeTrue();
  expect(authorized('172.26.1.1', ['172.1*.*.*'])).toBeFalse();
  expect(authorized('203.0.113.1', ['*'])).toBeTrue();
  expect(authorized('2001:db8::1', ['*'])).toBeTrue();
});

tap.test('CIDR blocks and ranges of both families are understood', async () => {
  expect(authorized('10.255.255.255', ['10.0.0.0/8'])).toBeTrue();
  expect(authorized('11.0.0.0', ['10.0.0.0/8'])).toBeFalse();
  expect(authorized('10.0.0.9', ['10.0.0.1-10.0.0.9'])).toBeTrue();
  expect(authorized('10.0.0.10', ['10.0.0.1-10.0.0.9'])).toBeFalse();
  expect(authorized('2001:db8:ffff::1', ['2001:db8::/32'])).toBeTrue();
  expect(authorized('2001:db9::1', ['2001:db8::/32'])).toBeFalse();
});

tap.test('an IPv4 address written as IPv6 is that IPv4 address', async () => {
  expect(authorized('::ffff:192.168.1.5', ['192.168.1.*'])).toBeTrue();
  expect(authorized('::ffff:c0a8:105', ['192.168.1.5'])).toBeTrue();
  expect(authorized('::FFFF:192.168.1.5', [], ['192.168.1.0/24'])).toBeFalse();
  expect(authorized('192.168.1.5', ['::ffff:192.168.1.5'])).toBeTrue();
});

tap.test('an address that is unknown or has two readings is refused as soon as there is a list', async () => {
  for (const ip of [
    undefined,
    '',
    'unknown',
    '010.0.0.1',
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '1.2.3.4 ',
    '1.2.3.4:80',
  ]) {
    expect(authorized(ip, ['*'])).toBeFalse();
    expect(authorized(ip, [], ['203.0.113.1'])).toBeFalse();
    expect(authorized(ip, ['0.0.0.0/0', '::/0'], ['203.0.113.1'])).toBeFalse();
  }
});

tap.test(
  'a pattern that cannot be read is an error that names its place, never a pattern that matches nothing',
  async () => {
    expect(() => authorized('10.0.0.1', ['10.0.0.1', '10.0.0.0/33'])).toThrow(ConfigError);
    expect(() => authorized('10.0.0.1', ['10.0.0.1', '10.0.0.0/33'])).toThrow('ipAllowList[1]');
    expect(() => authorized('10.0.0.1', [], ['010.0.0.1'])).toThrow('ipBlockList[0]');
    expect(() => authorized('10.0.0.1', [], ['nobody', '', '10.0.0.9-10.0.0.1'])).toThrow('3 faults');
  },
);

export default tap.start();
