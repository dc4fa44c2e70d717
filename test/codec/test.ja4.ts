import {
  decodeClientHello,
  type IClientHello,
  packCodes,
  type TCodes,
  unpackCodes,
} from '../../ts/codec/client-hello.js';
import { ja4Of } from '../../ts/codec/ja4.js';
import { alpnOf, makeClientHello, sniOf, versionsOf } from '../helpers/make-client-hello.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** The example that FoxIO's description of JA4 works through. */
const example: IClientHello = {
  serverName: 'example.com',
  rawServerName: 'example.com',
  alpn: ['h2', 'http/1.1'],
  tlsVersion: 'TLSv1.3',
  versions: [0x0304, 0x0303],
  ciphers: packCodes([
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
    0x0035,
  ]),
  extensions: packCodes([
    0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b,
    0x000a, 0x0015,
  ]),
  signatureAlgorithms: packCodes([0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]),
  hasEch: false,
};

const none = '';
const reverse = (codes: TCodes): TCodes => packCodes(unpackCodes(codes).reverse());

tap.test('the published example has the published fingerprint', async () => {
  expect(ja4Of(example)).toEqual('t13d1516h2_8daaf6152771_e5627efa2ab1');
  expect(ja4Of({ ...example, signatureAlgorithms: none })).toEqual('t13d1516h2_8daaf6152771_6d807ffa2a79');
});

tap.test('order matters for signature algorithms alone', async () => {
  const reversed = {
    ...example,
    ciphers: reverse(example.ciphers),
    extensions: reverse(example.extensions),
  };
  expect(ja4Of(reversed)).toEqual(ja4Of(example));
  const algorithms = { ...example, signatureAlgorithms: reverse(example.signatureAlgorithms) };
  expect(ja4Of(algorithms)).not.toEqual(ja4Of(example));
});

tap.test('transport, version and the presence of SNI are its first letters', async () => {
  expect(ja4Of(example, 'q').slice(0, 4)).toEqual('q13d');
  expect(ja4Of({ ...example, extensions: example.extensions.replace('\0', '') }).slice(0, 10)).toEqual('t13i1515h2');
  const versions = [
    [0x0304, '13'],
    [0x0303, '12'],
    [0x0302, '11'],
    [0x0301, '10'],
    [0x0300, 's3'],
    [0x0002, 's2'],
    [0x7f1c, '00'],
  ] as const;
  for (const [version, letters] of versions)
    expect(ja4Of({ ...example, versions: [version] }).slice(1, 3)).toEqual(letters);
  expect(ja4Of({ ...example, versions: [] }).slice(1, 3)).toEqual('00');
});

tap.test('the ALPN letters are those of the name, or of its hexadecimal form', async () => {
  const letters = (...alpn: string[]) => ja4Of({ ...example, alpn }).slice(8, 10);
  expect(letters('h2', 'http/1.1')).toEqual('h2');
  expect(letters('http/1.1')).toEqual('h1');
  expect(letters('x')).toEqual('xx');
  expect(letters()).toEqual('00');
  expect(letters('\xab')).toEqual('ab');
  expect(letters('\xab\xcd')).toEqual('ad');
  expect(letters('\x30\xab')).toEqual('3b');
  expect(letters('\x30\x31\xab\xcd')).toEqual('3d');
  expect(letters('\x30\xab\xcd\x31')).toEqual('01');
});

tap.test('counts stop at 99, empty lists have zeros for a hash', async () => {
  const many = packCodes(Array.from({ length: 150 }, (_, i) => i + 1_000));
  expect(ja4Of({ ...example, ciphers: many, extensions: many }).slice(4, 8)).toEqual('9999');
  const bare = { ...example, ciphers: none, extensions: packCodes([0, 16]), signatureAlgorithms: none };
  expect(ja4Of(bare)).toEqual('t13d0002h2_000000000000_000000000000');
});

tap.test('the fingerprint of a hello on the wire ignores its GREASE', async () => {
  const plain = { ciphers: [0x1301, 0x1302], extensions: [sniOf('a.test'), alpnOf('h2'), versionsOf(0x0304)] };
  const greased = {
    ciphers: [0x2a2a, ...plain.ciphers],
    extensions: [
      [0x3a3a, Buffer.alloc(0)] as const,
      sniOf('b.test'),
      alpnOf('\x5a\x5a', 'h2'),
      versionsOf(0x6a6a, 0x0304),
    ],
  };
  const fingerprints = [plain, greased].map((parts) => {
    const answer = decodeClientHello(makeClientHello(parts));
    return answer.kind === 'done' ? ja4Of(answer.value) : answer.kind;
  });
  expect(fingerprints[0]).toEqual(fingerprints[1]);
  expect(fingerprints[0]?.slice(0, 10)).toEqual('t13d0203h2');
});

export default tap.start();
