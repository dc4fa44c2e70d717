// Nearly right paths, hosts and addresses: each has one normal form or none, and its own normal form has the same.

import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { AddressSet } from '../../ts/codec/address.js';
import { foldAddress } from '../../ts/codec/fold.js';
import { normaliseHost } from '../../ts/codec/host.js';
import { readAuthority } from '../../ts/codec/http-authority.js';
import { normalisePath, splitTarget } from '../../ts/codec/http-path.js';
import { mayClimb, otherReadings } from '../../ts/codec/path-readings.js';
import { fuzz, fuzzInputs, tell } from '../helpers/fuzz.js';
import { latin1 } from '../helpers/read-http1.js';
import { expect, tap } from '../helpers/tapbundle.js';

const paths = [
  '/',
  '/a/b?c=d',
  '/%7ea/%2e%2e/b',
  '/a/./b/../c/',
  '/a;p=1/b%2Fc',
  '/a//b',
  '/%41%00%5c',
  '/..',
  '*',
  '/\\a',
  '/a%',
];

tap.test('fuzzed paths have one normal form or none, and that is its own', async (t) => {
  const report = await fuzz(
    {
      seeds: paths.map(latin1),
      words: [
        '%2e',
        '%2E%2e',
        '..',
        '/',
        '//',
        '/./',
        '/../',
        '%',
        '%2f',
        '%5C',
        '\\',
        ';',
        '?',
        '#',
        '%00',
        '%c0%ae',
        '\xff',
      ],
      judge(bytes) {
        const text = bytes.toString('latin1');
        const { path, query } = splitTarget(text);
        assert.equal(path + query, text);
        const normal = normalisePath(path);
        if (normal === null) return false;
        assert.equal(normalisePath(normal), normal);
        // No reader who decodes and resolves it once more finds another segment to climb by.
        assert(!/(^|\/)\.\.?(\/|$)/.test(normal), normal);
        assert(!/%(2e|2d|5f|7e|[46][1-9a-f]|[57][0-9a]|3[0-9])/i.test(normal), normal);
        assert(!/%(?:[a-f]|.[a-f])/.test(normal), normal);
        const readings = otherReadings(normal);
        for (const reading of readings ?? []) {
          assert.equal(normalisePath(reading), reading);
          assert.notEqual(reading, normal);
        }
        if (readings?.size === 0) assert(!mayClimb(normal), normal);
        return true;
      },
    },
    fuzzInputs(),
    3986,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 20);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

const hosts = [
  'a.test',
  'A.Test.:8080',
  '[::1]:443',
  '[2001:db8::1]',
  '192.0.2.1:80',
  'xn--bcher-kva.test',
  'b\xfccher.test',
  'a@b',
  'a:b',
  '_a.test',
];

tap.test('fuzzed hosts have one normal form or none, and that is its own', async (t) => {
  const report = await fuzz(
    {
      seeds: hosts.map(latin1),
      words: [
        '.',
        ':',
        ':80',
        '@',
        '[',
        ']',
        '%',
        '\0',
        ' ',
        ',',
        '/',
        '0x7f',
        '127.1',
        '..',
        '-',
        'xn--',
        '\u3002',
        '\xad',
      ],
      judge(bytes) {
        const text = bytes.toString(bytes.length % 2 === 0 ? 'latin1' : 'utf8');
        const name = normaliseHost(text);
        if (name !== null) {
          assert.equal(normaliseHost(name), name);
          assert(/^[a-z0-9._-]{1,253}$/.test(name) && isIP(name) === 0, name);
        }
        const authority = readAuthority(text);
        if (authority === null) return name !== null;
        const { host } = authority;
        const again = readAuthority(isIP(host) === 6 ? `[${host}]` : host);
        assert.equal(again?.host, host);
        return true;
      },
    },
    fuzzInputs(),
    3490,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 20);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

const addresses = [
  '192.0.2.1',
  '::ffff:192.0.2.1',
  '::ffff:c000:201',
  '2001:db8::1',
  'fe80::1%eth0',
  '64:ff9b::1.2.3.4',
  '::',
  '10.0.0.0/8',
  '10.0.0.1-10.0.0.9',
  '192.168.*',
];

tap.test('fuzzed addresses and patterns are what Node takes for addresses, or nothing', async (t) => {
  const report = await fuzz(
    {
      seeds: addresses.map(latin1),
      words: ['0', '.', ':', '::', '/', '-', '*', '?', '%', '0x', '255', '256', 'ffff', '08', '\u0661', ' '],
      judge(bytes) {
        const text = bytes.toString('latin1');
        const folded = foldAddress(text);
        if (folded !== '') {
          assert(isIP(text.replace(/%.*$/s, '')) !== 0, text);
          assert.equal(foldAddress(folded), folded);
        }
        const { set } = AddressSet.compile([text]);
        if (set === null) return folded !== '';
        if (isIP(text) !== 0) assert(set.matches(folded));
        return true;
      },
    },
    fuzzInputs(),
    5952,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 20);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

export default tap.start();
