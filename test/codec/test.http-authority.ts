import fc from 'fast-check';
import { normaliseHost } from '../../ts/codec/host.js';
import { readAuthority } from '../../ts/codec/http-authority.js';
import { anyText } from '../helpers/any-text.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('hosts are read in their normal form (RFC 9110 §7.2)', async () => {
  const rows = [
    ['a.test', 'a.test', null],
    ['a.test:80', 'a.test', 80],
    ['a.test:', 'a.test', null],
    ['A.Test:65535', 'a.test', 65_535],
    ['a.test.', 'a.test', null],
    ['a.test.:8080', 'a.test', 8080],
    ['localhost', 'localhost', null],
    ['a_b.test', 'a_b.test', null],
    ['a-b--c.test', 'a-b--c.test', null],
    ['xn--bcher-kva.test', 'xn--bcher-kva.test', null],
    ['1.2.3.4', '1.2.3.4', null],
    ['1.2.3.4:5', '1.2.3.4', 5],
    ['1a.2b', null, null],
    ['4.test', '4.test', null],
    ['a.4b', null, null],
    ['[::1]', '::1', null],
    ['[::1]:443', '::1', 443],
    ['[::1]:', '::1', null],
    ['[2001:DB8:0:0::1]:1', '2001:db8::1', 1],
    ['[::ffff:1.2.3.4]', '::ffff:102:304', null],
  ] as const;
  for (const [text, host, port] of rows) {
    const read = readAuthority(text);
    // A last label that begins with a digit is a name unless all of it is a number.
    if (host === null) expect(read).toEqual({ host: text, port });
    else expect([text, read]).toEqual([text, { host, port }]);
  }
});

tap.test('what is none, or two things to two readers, is refused', async () => {
  const texts = [
    '',
    ':',
    ':80',
    'a b',
    'a,b',
    'a/b',
    'a@b',
    'a:b',
    'a:080',
    'a:00',
    'a:0',
    'a:65536',
    'a:123456',
    'a:-1',
    'a: 1',
    'a:1 ',
    'a:1:2',
    '-a',
    'a-',
    'a-.b',
    'a.-b',
    '.a',
    'a..b',
    'a..',
    '010.0.0.1',
    '0x7f.1',
    '127.1',
    '256.1.1.1',
    '1.2.3',
    '::1',
    '[::1',
    '[::1]a',
    '[a]',
    '[1.2.3.4]',
    '[::1%1]',
    'b\xfccher.test',
    'a%41',
    `${'a'.repeat(64)}.test`,
    `${'ab.'.repeat(84)}ab`,
  ];
  for (const text of texts) expect([text, readAuthority(text)]).toEqual([text, null]);
  expect(readAuthority(`${'a'.repeat(63)}.test`)?.port).toEqual(null);
  expect(readAuthority(`${'ab.'.repeat(84)}a`)?.host.length).toEqual(253);
});

tap.test('the short way for plain names gives what the long way gives', async () => {
  const names = fc.array(fc.constantFrom('a', 'z', '0', '9', '-', '.', '_', 'A', 'xn--', '0x', 'a'.repeat(60)), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(names, (parts) => {
      const text = parts.join('');
      expect(readAuthority(text)?.host ?? null).toEqual(normaliseHost(text));
      expect(readAuthority(`${text}:81`)).toEqual(
        normaliseHost(text) === null ? null : { host: normaliseHost(text), port: 81 },
      );
    }),
    { seed: 461, numRuns: numRuns() },
  );
});

tap.test('no text makes it throw', async () => {
  fc.assert(
    fc.property(anyText({ maxLength: 40 }), (text) => {
      readAuthority(text);
    }),
    { seed: 462, numRuns: numRuns() },
  );
});

export default tap.start();
