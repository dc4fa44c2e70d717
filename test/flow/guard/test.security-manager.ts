import { BlockList } from 'node:net';
import fc from 'fast-check';
import { foldAddress } from '../../../ts/codec/address.js';
import type { IResolvedLists } from '../../../ts/config/resolved.js';
import { SecurityManager } from '../../../ts/flow/guard/security-manager.js';
import { makeAddresses } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const runs = { seed: 4711, numRuns: numRuns(1000) };

// Few enough bits that addresses and patterns often meet.
const octet = fc.constantFrom(0, 1, 10, 127, 128, 192, 255);
const ipv4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'));
const ipv6 = fc
  .array(fc.constantFrom(0, 1, 0xdb8, 0x2001, 0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'))
  .filter((text) => foldAddress(text).includes(':'));
const address = fc.oneof(ipv4, ipv6);

const pattern = fc.oneof(
  address,
  fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
  fc.tuple(octet, octet).map(([a, b]) => `${a}.${b}.*`),
  fc.constant('*'),
);
const patterns = fc.array(pattern, { maxLength: 4 });

/** Other ways to write the same address. */
const spellings = (ip: string): string[] => {
  if (ip.includes(':'))
    return [ip.toUpperCase(), foldAddress(ip), ip.replace(/\b(?=[\da-f]{1,3}\b)/g, '0'), `${ip}%eth0`];
  const octets = ip.split('.').map(Number);
  const hex = octets.map((value) => value.toString(16).padStart(2, '0'));
  return [`::ffff:${ip}`, `::FFFF:${hex.slice(0, 2).join('')}:${hex.slice(2).join('')}`, `0:0:0:0:0:ffff:${ip}`];
};

tap.test('every spelling of an address gets the verdict of its canonical form', async () => {
  fc.assert(
    fc.property(address, patterns, patterns, (ip, allow, block) => {
      const verdict = SecurityManager.isIPAuthorized(foldAddress(ip), allow, block);
      for (const spelling of spellings(ip)) {
        expect(SecurityManager.isIPAuthorized(spelling, allow, block)).toEqual(verdict);
      }
    }),
    runs,
  );
});

tap.test(
  'an address passes exactly if no block pattern takes it and, where there are allow patterns, one of them does',
  async () => {
    const takes = (list: readonly string[], ip: string) =>
      list.some((one) => SecurityManager.isIPAuthorized(ip, [one]));
    fc.assert(
      fc.property(address, patterns, patterns, (ip, allow, block) => {
        const expected = !takes(block, ip) && (allow.length === 0 || takes(allow, ip));
        expect(SecurityManager.isIPAuthorized(ip, allow, block)).toEqual(expected);
      }),
      runs,
    );
  },
);

tap.test("subnets are judged as Node's own BlockList judges them", async () => {
  fc.assert(
    fc.property(
      ipv4,
      fc.array(fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })), { minLength: 1, maxLength: 4 }),
      (ip, nets) => {
        const oracle = new BlockList();
        for (const [net, bits] of nets) oracle.addSubnet(net, bits, 'ipv4');
        const block = nets.map(([net, bits]) => `${net}/${bits}`);
        expect(SecurityManager.isIPAuthorized(ip, [], block)).toEqual(!oracle.check(ip, 'ipv4'));
      },
    ),
    runs,
  );
});

tap.test('judge says what passes says, and names the pattern that decided', async () => {
  const lists: IResolvedLists = {
    allow: makeAddresses(['10.0.0.0/8', '192.168.1.*']),
    block: makeAddresses(['10.6.*']),
  };
  const judge = (ip: string, by = lists) => {
    const verdict = SecurityManager.judge(ip, by);
    expect(verdict.ok).toEqual(SecurityManager.passes(ip, by));
    return verdict;
  };
  expect(judge('::ffff:10.1.2.3')).toEqual({ ok: true, why: '10.1.2.3 is in the allow list (10.0.0.0/8)' });
  expect(judge('10.6.0.1')).toEqual({ ok: false, why: '10.6.0.1 is in the block list (10.6.*)' });
  expect(judge('11.0.0.1')).toEqual({ ok: false, why: '11.0.0.1 is not in the allow list' });
  expect(judge('')).toEqual({ ok: false, why: 'the client address is unknown' });
  expect(judge('11.0.0.1', { allow: null, block: lists.block }).why).toEqual('11.0.0.1 is not in the block list');
  expect(judge('', { allow: null, block: null })).toEqual({ ok: true, why: 'no address lists' });
});

tap.test('an array that is changed after its first use is read again', async () => {
  const block = ['10.0.0.1'];
  expect(SecurityManager.isIPAuthorized('10.0.0.2', [], block)).toBeTrue();
  block.push('10.0.0.2');
  expect(SecurityManager.isIPAuthorized('10.0.0.2', [], block)).toBeFalse();
  block[1] = '10.0.0.3';
  expect(SecurityManager.isIPAuthorized('10.0.0.2', [], block)).toBeTrue();
  expect(SecurityManager.isIPAuthorized('10.0.0.3', [], block)).toBeFalse();
  block.length = 0;
  expect(SecurityManager.isIPAuthorized('10.0.0.3', [], block)).toBeTrue();
});

tap.test('one array may be the allow list of one call and the block list of another', async () => {
  const list = ['10.0.0.*'];
  expect(SecurityManager.isIPAuthorized('10.0.0.1', list)).toBeTrue();
  expect(SecurityManager.isIPAuthorized('10.0.0.1', [], list)).toBeFalse();
  expect(SecurityManager.isIPAuthorized('10.0.0.1', list, list)).toBeFalse();
});

export default tap.start();
