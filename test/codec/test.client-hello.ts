import fc from 'fast-check';
import { alpnLimit, decodeClientHello, type IClientHello, unpackCodes } from '../../ts/codec/client-hello.js';
import { feedBytewise } from '../helpers/feed-bytes.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import {
  algorithmsOf,
  alpnOf,
  browserHello,
  type IHelloParts,
  makeClientHello,
  makeHelloMessage,
  makeRecords,
  sniOf,
  type THelloExtension,
  u16,
  vector8,
  vector16,
  versionsOf,
} from '../helpers/make-client-hello.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

function read(bytes: Buffer): IClientHello {
  const answer = decodeClientHello(bytes);
  if (answer.kind !== 'done') throw new Error(JSON.stringify(answer));
  return answer.value;
}
const readParts = (parts: IHelloParts): IClientHello => read(makeClientHello(parts));
const withExtensions = (...extensions: readonly THelloExtension[]): Buffer => makeClientHello({ extensions });
function whyBroken(bytes: Buffer): string {
  const answer = decodeClientHello(bytes);
  return answer.kind === 'broken' ? answer.why : JSON.stringify(answer);
}
const nameOf = (name: string): string | null => read(withExtensions(sniOf(name))).serverName;

tap.test("a browser's hello is read whole, without its GREASE", async () => {
  const bytes = makeClientHello(browserHello);
  expect(bytes.length).toBeGreaterThan(1_700);
  const hello = read(bytes);
  expect(hello.serverName).toEqual('www.example.com');
  expect(hello.alpn).toEqual(['h2', 'http/1.1']);
  expect(hello.versions).toEqual([0x0304, 0x0303]);
  expect(hello.tlsVersion).toEqual('TLSv1.3');
  expect(unpackCodes(hello.ciphers)).toEqual(browserHello.ciphers.slice(1));
  expect(hello.extensions).toHaveLength(16);
  expect(hello.signatureAlgorithms).toHaveLength(8);
  expect(hello.hasEch).toBeTrue();
  expect(decodeClientHello(bytes)).toEqual({ kind: 'done', value: hello, used: bytes.length });
});

tap.test(
  'sixteen thousand extensions, ciphers or names cost milliseconds, and no more memory than they came in',
  async () => {
    const extensions = Array.from({ length: 16_000 }, (_, i): THelloExtension => [i + 100, Buffer.alloc(0)]);
    const hostile = [
      makeClientHello({ extensions }),
      makeClientHello({ ciphers: Array.from({ length: 32_000 }, (_, i) => i) }),
      withExtensions([0, vector16(Buffer.alloc(60_000, Buffer.from([1, 0, 0])))]),
    ];
    for (const bytes of hostile) {
      expect(leastCpuMs(() => expect(decodeClientHello(bytes).kind).toEqual('done'), 2)).toBeLessThan(1_000);
    }
  },
);

tap.test('names are normalised', async () => {
  expect(nameOf('WWW.Example.COM')).toEqual('www.example.com');
  expect(nameOf('www.example.com.')).toEqual('www.example.com');
  expect(nameOf('a_b.example')).toEqual('a_b.example');
  expect(nameOf('xn--bcher-kva.example')).toEqual('xn--bcher-kva.example');
  expect(read(withExtensions(sniOf('WWW.Example.COM.'))).rawServerName).toEqual('WWW.Example.COM.');
});

tap.test('addresses and names that are none route like no name', async () => {
  const long = `${'a'.repeat(63)}.`.repeat(4);
  for (const name of ['192.0.2.1', '2001:db8::1', '1.2.3', '0x7f.1', 'a..b', '.a', 'a..', '-a.b', 'a-.b', `${long}`]) {
    const hello = read(withExtensions(sniOf(name)));
    expect(hello.serverName).toBeNull();
    expect(hello.rawServerName).toEqual(name);
  }
  expect(nameOf(`${long.slice(0, 253)}`)).toEqual(long.slice(0, 253));
  const none = read(makeClientHello());
  expect([none.serverName, none.rawServerName]).toEqual([null, null]);
});

tap.test(
  'a name with bytes that no host name has breaks the hello, since the target may read another name',
  async () => {
    for (const name of [
      'secret.test\0',
      '\0',
      'a.test\0.b.test',
      'a b.test',
      'a.test/',
      '*.a.test',
      'a.test:443',
      'b\xfccher.test',
      'a\n.test',
      'fe80::1%lo',
    ]) {
      expect(whyBroken(withExtensions(sniOf(name)))).toContain('no host name has');
    }
  },
);

tap.test('a name of another type is skipped, a second host name breaks the hello', async () => {
  const other = Buffer.concat([Buffer.from([7]), vector16(Buffer.from('b.test'))]);
  const host = Buffer.concat([Buffer.from([0]), vector16(Buffer.from('a.test'))]);
  for (const list of [
    [other, host],
    [host, other],
    [other, host, other],
  ]) {
    expect(read(withExtensions([0, vector16(...list)])).serverName).toEqual('a.test');
  }
  expect(read(withExtensions([0, vector16(other)])).rawServerName).toBeNull();
  expect(whyBroken(withExtensions(sniOf('a.test', 'b.test')))).toContain('two host names');
  expect(whyBroken(withExtensions(sniOf('a.test', 'a.test')))).toContain('two host names');
});

tap.test('an extension given twice breaks the hello, whichever it is', async () => {
  const twice: THelloExtension[] = [
    sniOf('a.test'),
    alpnOf('h2'),
    versionsOf(0x0304),
    [21, Buffer.alloc(1)],
    [0x1a1a, Buffer.alloc(0)],
  ];
  for (const extension of twice) {
    expect(whyBroken(withExtensions(extension, [99, Buffer.alloc(0)], extension))).toContain('twice');
  }
});

tap.test('a malformed server_name breaks the hello', async () => {
  const good = sniOf('a.test')[1];
  const longer = Buffer.concat([good, Buffer.from([0])]);
  const overrun = Buffer.from(good);
  overrun[4] = 99;
  const listOverrun = Buffer.from(good);
  listOverrun[1] = 99;
  const contents = [
    Buffer.alloc(0),
    u16(0),
    good.subarray(0, 4),
    longer,
    overrun,
    listOverrun,
    vector16(Buffer.from([0, 0, 0])),
  ];
  for (const content of contents) expect(whyBroken(withExtensions([0, content]))).toContain('server_name');
});

tap.test('a client may offer 128 protocols, not one more', async () => {
  const offering = (count: number) => withExtensions(alpnOf(...Array.from({ length: count }, (_, i) => `p${i}`)));
  expect(read(offering(alpnLimit)).alpn).toHaveLength(128);
  expect(whyBroken(offering(alpnLimit + 1))).toContain('ALPN');
});

tap.test('malformed ALPN, versions and algorithms break the hello', async () => {
  const alpn = [
    Buffer.alloc(0),
    u16(0),
    vector16(vector8()),
    vector16(Buffer.from([3, 65, 65])),
    Buffer.from([0, 2, 1, 65, 0]),
  ];
  for (const content of alpn) expect(whyBroken(withExtensions([16, content]))).toContain('ALPN');
  const versions = [
    Buffer.alloc(0),
    Buffer.from([0]),
    Buffer.from([1, 3]),
    Buffer.from([2, 3, 4, 0]),
    Buffer.from([4, 3, 4]),
  ];
  for (const content of versions) expect(whyBroken(withExtensions([43, content]))).toContain('supported_versions');
  const algorithms = [Buffer.alloc(0), u16(0), vector16(Buffer.from([1])), Buffer.from([0, 2, 4, 3, 0])];
  for (const content of algorithms) expect(whyBroken(withExtensions([13, content]))).toContain('signature_algorithms');
});

tap.test('fields before the extensions are bounded too', async () => {
  expect(whyBroken(makeClientHello({ sessionId: Buffer.alloc(33) }))).toContain('overrun');
  expect(whyBroken(makeClientHello({ compressions: [] }))).toContain('overrun');
  expect(whyBroken(makeClientHello({ ciphers: [] }))).toContain('cipher suites');
  for (let length = 0; length < 40; length++) {
    const message = Buffer.concat([Buffer.from([1, 0]), u16(length), Buffer.alloc(length)]);
    expect(decodeClientHello(makeRecords(message)).kind).toEqual('broken');
  }
  const message = makeHelloMessage();
  const grown = Buffer.concat([message, Buffer.from([0])]);
  grown.writeUInt16BE(message.length - 3, 2);
  expect(whyBroken(makeRecords(grown))).toContain('does not fit');
});

tap.test('the version is the highest offered that we know', async () => {
  const listed = (...versions: number[]) => readParts({ extensions: [versionsOf(...versions)] }).tlsVersion;
  expect(listed(0x0303, 0x0304)).toEqual('TLSv1.3');
  expect(listed(0x0303)).toEqual('TLSv1.2');
  expect(listed(0x7f1c, 0x0302)).toEqual('TLSv1.1');
  expect(listed(0x0305)).toBeNull();
  expect(listed(0x1a1a)).toBeNull();
  const old = (legacyVersion: number) => readParts({ legacyVersion, extensions: null }).tlsVersion;
  expect(old(0x0303)).toEqual('TLSv1.2');
  expect(old(0x0302)).toEqual('TLSv1.1');
  expect(old(0x0301)).toEqual('TLSv1');
  expect(old(0x0300)).toBeNull();
  // RFC 8446 §4.2.1: without supported_versions nothing above TLS 1.2 is negotiated.
  expect(old(0x0304)).toEqual('TLSv1.2');
});

tap.test('GREASE in any place changes nothing', async () => {
  const plain = { ciphers: [0x1301], extensions: [alpnOf('h2'), versionsOf(0x0304), algorithmsOf(0x0403)] };
  const greased = {
    ciphers: [0x0a0a, 0x1301, 0xfafa],
    extensions: [
      [0x5a5a, Buffer.from([0])] as const,
      alpnOf('\x0a\x0a', 'h2'),
      versionsOf(0xdada, 0x0304),
      algorithmsOf(0x9a9a, 0x0403),
      [0xeaea, Buffer.alloc(9)] as const,
    ],
  };
  expect(readParts(greased)).toEqual(readParts(plain));
  // These only look alike.
  const ciphers = [0x0a1a, 0x0b0b, 0xaaab];
  expect(unpackCodes(readParts({ ciphers }).ciphers)).toEqual(ciphers);
});

tap.test('codes that are halves of surrogate pairs stay what they are', async () => {
  const ciphers = [0xd800, 0xdfff, 0xdc00, 0x1301, 0xd83d, 0xde00, 0xfffe, 0xffff, 0];
  expect(unpackCodes(readParts({ ciphers }).ciphers)).toEqual(ciphers);
});

const code = fc.integer({ min: 0, max: 0xffff }).filter((value) => (value & 0x0f0f) !== 0x0a0a);
const helloParts = fc.record({
  name: fc.option(fc.stringMatching(/^[a-z][a-z0-9]{0,20}(\.[a-z][a-z0-9]{0,20}){0,3}$/)),
  // RFC 8701 reserves `zz` and five other printable names.
  alpn: fc.array(
    fc.stringMatching(/^[!-~]{1,12}$/).filter((name) => !/^(.)\1$/.test(name)),
    { maxLength: 4 },
  ),
  versions: fc.array(fc.constantFrom(0x0301, 0x0302, 0x0303, 0x0304), { maxLength: 4 }),
  ciphers: fc.array(code, { minLength: 1, maxLength: 60 }),
  algorithms: fc.array(code, { minLength: 1, maxLength: 30 }),
  unknown: fc.uniqueArray(fc.integer({ min: 60, max: 0x0a00 }), { maxLength: 20 }),
  sizes: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }),
});

tap.timeout(1_200_000);

tap.test('what a generated hello says is what is read, in any records', async () => {
  fc.assert(
    fc.property(helloParts, ({ name, alpn, versions, ciphers, algorithms, unknown, sizes }) => {
      const extensions: THelloExtension[] = unknown.map((type) => [type, Buffer.alloc(type % 7)]);
      if (name !== null) extensions.push(sniOf(name));
      if (alpn.length > 0) extensions.push(alpnOf(...alpn));
      if (versions.length > 0) extensions.push(versionsOf(...versions));
      extensions.push(algorithmsOf(...algorithms));
      const bytes = makeRecords(makeHelloMessage({ ciphers, extensions }), sizes);
      const fed = feedBytewise(decodeClientHello, bytes);
      expect(fed.answer).toEqual(decodeClientHello(bytes));
      const hello = read(bytes);
      expect(hello.serverName).toEqual(name);
      expect(hello.alpn).toEqual(alpn);
      expect(hello.versions).toEqual(versions.length > 0 ? versions : [0x0303]);
      expect(unpackCodes(hello.ciphers)).toEqual(ciphers);
      expect(unpackCodes(hello.signatureAlgorithms)).toEqual(algorithms);
      expect(unpackCodes(hello.extensions)).toEqual(extensions.map(([type]) => type));
    }),
    { seed: 101, numRuns: numRuns() },
  );
});

tap.test('damaged hellos and random bytes never throw, and answer alike whole and byte by byte', async () => {
  const small = makeClientHello({ extensions: [sniOf('a.test'), alpnOf('h2'), versionsOf(0x0304)] });
  const bases = [small, makeClientHello(browserHello), makeRecords(makeHelloMessage(browserHello), [3, 40])];
  const damage = fc.array(fc.tuple(fc.nat(2_000), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
  const damaged = fc.tuple(fc.constantFrom(...bases), damage, fc.nat(2_000)).map(([base, changes, cut]) => {
    const bytes = Buffer.from(base);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return cut % 4 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
  });
  const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const framed = random.map((bytes) => makeRecords(Buffer.concat([Buffer.from([1, 0]), u16(bytes.length), bytes])));
  fc.assert(
    fc.property(fc.oneof(damaged, random, framed), (bytes) => {
      const whole = decodeClientHello(bytes);
      const fed = feedBytewise(decodeClientHello, bytes).answer;
      if (whole.kind === 'short') expect(whole.need).toBeGreaterThan(bytes.length);
      if (whole.kind === 'done') expect(whole.used).toBeLessThanOrEqual(bytes.length);
      expect(fed).toEqual(whole);
    }),
    { seed: 102, numRuns: numRuns() },
  );
});

export default tap.start();
