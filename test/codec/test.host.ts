import fc from 'fast-check';
import { isIpLiteral, normaliseHost, splitHostPort } from '../../ts/codec/host.js';
import { anyText } from '../helpers/any-text.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.timeout(1_200_000);

tap.test('case, one trailing dot and Unicode make no difference', async () => {
  const forms = [
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['localhost', 'localhost'],
    ['_dmarc.a_b.test', '_dmarc.a_b.test'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example.', 'xn--bcher-kva.example'],
    ['a。b', 'a.b'],
    ['xn--bcher-kva.EXAMPLE', 'xn--bcher-kva.example'],
    ['r3---sn-x.test', 'r3---sn-x.test'],
    ['1.a', '1.a'],
    ['a1.b2', 'a1.b2'],
  ] as const;
  for (const [text, name] of forms) expect([text, normaliseHost(text)]).toEqual([text, name]);
});

tap.test('what is no host name is null', async () => {
  const none = [
    '',
    '.',
    '..',
    'a..b',
    '.a',
    'a..',
    '-a.b',
    'a-.b',
    'a b',
    ' a',
    'a ',
    'a\0',
    'a\0.b',
    'a\n',
    'a/b',
    'a\\b',
    'a?b',
    'a#b',
    'a@b',
    'a:80',
    '*.a',
    '*',
    'a%2eb',
    'a%2e',
    '[::1]',
    'a,b',
    "a'b",
    'a"b',
    'a;b',
    'a=b',
    'a`b',
    '\x7f',
    `${'a'.repeat(64)}.b`,
  ];
  for (const text of none) expect([text, normaliseHost(text)]).toEqual([text, null]);
});

tap.test('text that Node would cut or repair on the way to ASCII is refused', async () => {
  const cut = [
    'ü.test/x',
    'ü.test?x',
    'ü.test#x',
    'x@ü.test',
    'ü.test:80',
    'ü.test\\x',
    'ü\t.test',
    'ü\n.test',
    'ü%2etest',
    'ü*.test',
    'ü test',
    'ü.test\0',
    'ü.test／x',
    'ü：80',
    'a\ud800b',
    '\u00ad',
  ];
  for (const text of cut) expect([text, normaliseHost(text)]).toEqual([text, null]);
});

tap.test('addresses, and names that some readers take for one, are null', async () => {
  const numbers = [
    '1.2.3.4',
    '1.2.3.4.',
    '1.2.3',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0x7f000001',
    'a.1',
    'a.0x1f',
    '0x',
    '010.0.0.1',
    '::1',
    '1::',
    '１.２.３.４',
    '０x7f.1',
    'ü.1',
  ];
  for (const text of numbers) expect([text, normaliseHost(text)]).toEqual([text, null]);
});

tap.test('a name has at most 253 characters, a label at most 63', async () => {
  const label = 'a'.repeat(63);
  const longest = `${label}.${label}.${label}.${'a'.repeat(61)}`;
  expect(normaliseHost(longest)).toEqual(longest);
  expect(normaliseHost(`${longest}.`)).toEqual(longest);
  expect(normaliseHost(`${longest}a`)).toBeNull();
  expect(normaliseHost(`${label}a.b`)).toBeNull();
  expect(normaliseHost('ü'.repeat(100))).toBeNull();
});

tap.test('normalising is done once: the normal form is its own', async () => {
  const anything = fc.oneof(anyText(), fc.domain(), fc.stringMatching(/^[a-zA-Zü0-9._-]{1,30}$/));
  fc.assert(
    fc.property(anything, (text) => {
      const name = normaliseHost(text);
      if (name === null) return;
      expect(normaliseHost(name)).toEqual(name);
      expect(normaliseHost(name.toUpperCase())).toEqual(name);
      expect(normaliseHost(`${name}.`)).toEqual(name.length < 254 ? name : null);
      expect(name).toMatch(/^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/);
      expect(isIpLiteral(name)).toBeFalse();
    }),
    { seed: 231, numRuns: numRuns(3_000) },
  );
});

tap.test('a Host field is split into name and port', async () => {
  expect(splitHostPort('a.test')).toEqual({ host: 'a.test', port: null });
  expect(splitHostPort('A.test:443')).toEqual({ host: 'A.test', port: 443 });
  expect(splitHostPort('a.test:')).toEqual({ host: 'a.test', port: null });
  expect(splitHostPort('a.test:0')).toEqual({ host: 'a.test', port: 0 });
  expect(splitHostPort('[::1]')).toEqual({ host: '::1', port: null });
  expect(splitHostPort('[2001:db8::1]:8443')).toEqual({ host: '2001:db8::1', port: 8443 });
  expect(splitHostPort('1.2.3.4:65535')).toEqual({ host: '1.2.3.4', port: 65_535 });
  const none = [
    '',
    ':80',
    'a:65536',
    'a:-1',
    'a:8x',
    'a: 80',
    'a:80 ',
    'a:80:90',
    '::1',
    '[::1',
    '[]',
    '[a]:80',
    '[::1]x',
    '[::1]80',
    '[1.2.3.4]',
    '[::1%lo]',
  ];
  for (const text of none) expect([text, splitHostPort(text)]).toEqual([text, null]);
});

tap.test('IP literals are known with and without brackets', async () => {
  for (const text of ['1.2.3.4', '::1', '[::1]', '[2001:db8::1]', '::ffff:1.2.3.4'])
    expect(isIpLiteral(text)).toBeTrue();
  for (const text of ['', 'a.test', '1.2.3', '010.0.0.1', '[1.2.3.4]', '[::1', '::1]', '[::1]:80', '1.2.3.4:80']) {
    expect(isIpLiteral(text)).toBeFalse();
  }
});

tap.test('hostile names of 64 KiB cost nothing', async () => {
  const hostile = [
    'a'.repeat(65_536),
    'a.'.repeat(32_768),
    '-'.repeat(65_536),
    'ü'.repeat(65_536),
    `${'a'.repeat(60)}-`.repeat(4),
    `${'a-'.repeat(120)}!`,
    '['.repeat(65_536),
    ':'.repeat(65_536),
  ];
  const cpuMs = leastCpuMs(() => {
    for (const text of hostile) {
      normaliseHost(text);
      splitHostPort(text);
      isIpLiteral(text);
    }
  }, 2);
  expect(cpuMs).toBeLessThan(1_000);
});

export default tap.start();
