import fc from 'fast-check';
import {
  decodeProxyHeader,
  encodeProxyHeader,
  type IProxyHeader,
  type IProxyTlvs,
} from '../../ts/codec/proxy-protocol.js';
import { checkCuts, everywhere, feedBytewise, someCuts } from '../helpers/feed-bytes.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.timeout(1_200_000);

const end = (address: string, port: number) => ({ address, port });
function read(bytes: Buffer): IProxyHeader {
  const answer = decodeProxyHeader(bytes);
  if (answer.kind !== 'done') throw new Error(JSON.stringify(answer));
  return answer.value;
}

tap.test('headers of both versions are written and read', async () => {
  const ends = { source: end('192.0.2.1', 56_324), destination: end('192.0.2.2', 443) };
  expect(encodeProxyHeader({ version: 1, ...ends }).toString()).toEqual('PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n');
  expect(encodeProxyHeader({ version: 2, ...ends }).toString('hex')).toEqual(
    '0d0a0d0a000d0a515549540a2111000cc0000201c0000202dc0401bb',
  );
  for (const version of [1, 2] as const) {
    const expected = { version, command: 'proxy', family: 'tcp4', ...ends, tlvs: {} };
    expect(read(encodeProxyHeader({ version, ...ends }))).toEqual(expected);
  }
});

tap.test('a header is foreign from the first byte on that no header has', async () => {
  for (const text of [
    'G',
    'GET / HTTP/1.1',
    'PROXX',
    'PROXY\t',
    'PROXYTCP4',
    'proxy ',
    '\x16\x03\x01',
    '\r\n\r\n\0\r\nQUIX',
    '\r\n\n',
    '\n',
    '\0',
  ]) {
    expect([text, decodeProxyHeader(Buffer.from(text, 'latin1')).kind]).toEqual([text, 'foreign']);
  }
  for (const text of ['', 'P', 'PROX', 'PROXY', 'PROXY ', '\r', '\r\n\r\n\0\r\nQUIT', '\r\n\r\n\0\r\nQUIT\n']) {
    expect([text, decodeProxyHeader(Buffer.from(text, 'latin1')).kind]).toEqual([text, 'short']);
  }
});

tap.test('exactly one header is taken: what follows is data, another header too', async () => {
  const ends = { source: end('192.0.2.1', 1), destination: end('192.0.2.2', 2) };
  const [v1, v2] = [encodeProxyHeader({ version: 1, ...ends }), encodeProxyHeader({ version: 2, ...ends })];
  for (const [first, second] of [
    [v1, v2],
    [v2, v1],
    [v1, v1],
    [v2, v2],
  ] as const) {
    const answer = decodeProxyHeader(Buffer.concat([first, second]));
    expect(answer.kind === 'done' && answer.used).toEqual(first.length);
  }
});

tap.test('a header cut anywhere is waited for', async () => {
  const tlvs = { authority: 'a.test', others: [{ type: 0xe0, value: Buffer.alloc(300) }] };
  const headers = [
    encodeProxyHeader({ version: 1, source: end('192.0.2.1', 1), destination: end('192.0.2.2', 2) }),
    encodeProxyHeader({ version: 1, source: null, destination: null }),
    encodeProxyHeader({ version: 2, command: 'local', source: null, destination: null }),
    encodeProxyHeader({
      version: 2,
      source: end('2001:db8::1', 1),
      destination: end('192.0.2.2', 2),
      tlvs,
      checksum: true,
    }),
  ];
  for (const header of headers) {
    const bytes = Buffer.concat([header, Buffer.from('GET / HTTP/1.1\r\n')]);
    checkCuts(decodeProxyHeader, bytes);
    expect(feedBytewise(decodeProxyHeader, bytes).answer).toEqual(decodeProxyHeader(bytes));
    checkCuts(decodeProxyHeader, header, everywhere(header));
  }
});

tap.test('64 KiB of header are read at the third look after its signature', async () => {
  const value = Buffer.alloc(65_500 - 12);
  const header = encodeProxyHeader({
    version: 2,
    source: end('192.0.2.1', 1),
    destination: end('192.0.2.2', 2),
    tlvs: { others: [{ type: 0xe0, value }] },
  });
  const fed = feedBytewise(decodeProxyHeader, header);
  expect(fed.answer.kind).toEqual('done');
  expect(fed.calls).toBeLessThan(16);
  checkCuts(decodeProxyHeader, header, someCuts(header, 9_999));
});

tap.test('a mixed pair is written as IPv6, and read back as what it was', async () => {
  const ends = { source: end('192.0.2.1', 1), destination: end('2001:db8::1', 2) };
  expect(encodeProxyHeader({ version: 1, ...ends }).toString()).toEqual(
    'PROXY TCP6 ::ffff:c000:201 2001:db8::1 1 2\r\n',
  );
  for (const version of [1, 2] as const) {
    const header = read(encodeProxyHeader({ version, ...ends }));
    expect([header.family, header.source, header.destination]).toEqual(['tcp6', ends.source, ends.destination]);
  }
});

tap.test('mapped addresses are written as IPv4, zones are left out', async () => {
  const ends = { source: end('::ffff:192.0.2.1', 1), destination: end('::ffff:c000:202', 2) };
  expect(encodeProxyHeader({ version: 1, ...ends }).toString()).toEqual('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n');
  const zoned = { source: end('fe80::1%eth0', 1), destination: end('fe80::2%eth0', 2) };
  expect(encodeProxyHeader({ version: 1, ...zoned }).toString()).toEqual('PROXY TCP6 fe80::1 fe80::2 1 2\r\n');
});

tap.test('what has no address is written as UNKNOWN, UNSPEC or LOCAL', async () => {
  const good = end('192.0.2.1', 1);
  const nowhere = [
    null,
    end('', 1),
    end('/run/socket', 1),
    end('010.0.0.1', 1),
    end('192.0.2.1', -1),
    end('192.0.2.1', 65_536),
    end('192.0.2.1', 1.5),
    end('192.0.2.1', Number.NaN),
  ];
  for (const source of nowhere) {
    expect(encodeProxyHeader({ version: 1, source, destination: good }).toString()).toEqual('PROXY UNKNOWN\r\n');
    const v2 = read(encodeProxyHeader({ version: 2, source, destination: good }));
    expect([v2.command, v2.family, v2.source, v2.destination]).toEqual(['proxy', 'unknown', null, null]);
  }
  const local = { command: 'local', source: good, destination: good } as const;
  expect(encodeProxyHeader({ version: 1, ...local }).toString()).toEqual('PROXY UNKNOWN\r\n');
  const header = encodeProxyHeader({ version: 2, ...local });
  expect(header.toString('hex')).toEqual('0d0a0d0a000d0a515549540a20000000');
  expect([read(header).command, read(header).source]).toEqual(['local', null]);
});

tap.test('a header too long for its length field is not written', async () => {
  const draft = { version: 2, source: end('192.0.2.1', 1), destination: end('192.0.2.2', 2) } as const;
  const others = (length: number) => ({ others: [{ type: 0xe0, value: Buffer.alloc(length) }] });
  expect(encodeProxyHeader({ ...draft, tlvs: others(65_535 - 12 - 3) })).toHaveLength(16 + 65_535);
  for (const length of [65_535 - 12 - 2, 65_535, 65_536, 100_000]) {
    expect(() => encodeProxyHeader({ ...draft, tlvs: others(length) })).toThrow();
  }
});

const v4 = fc.ipV4();
const v6 = fc
  .tuple(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 0, max: 0xfffe }))
  .map(([a, b]) => `2001:db8:${a.toString(16)}::${(b + 1).toString(16)}`);
const plain = { noNullPrototype: true };
const anyEnd = fc.record({ address: fc.oneof(v4, v6), port: fc.integer({ min: 0, max: 65_535 }) }, plain);
const bytesOf = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Buffer.from(value));
const latin1 = bytesOf(20).map((bytes) => bytes.toString('latin1'));
const utf8 = fc.string({ unit: 'grapheme', maxLength: 20 });
const customTlv = fc.record({ type: fc.integer({ min: 0xe0, max: 0xff }), value: bytesOf(40) }, plain);
const otherTlvs = fc.array(customTlv, { minLength: 1, maxLength: 4 });
const sslFacts = fc.record(
  {
    client: fc.integer({ min: 0, max: 255 }),
    verify: fc.integer({ min: 0, max: 0xffffffff }),
    version: utf8,
    commonName: utf8,
    cipher: utf8,
    signatureAlgorithm: utf8,
    keyAlgorithm: utf8,
    others: otherTlvs,
  },
  { requiredKeys: ['client', 'verify'], noNullPrototype: true },
);
const anyTlvs: fc.Arbitrary<IProxyTlvs> = fc.record(
  { alpn: latin1, authority: utf8, uniqueId: bytesOf(128), ssl: sslFacts, netns: latin1, others: otherTlvs },
  { requiredKeys: [], noNullPrototype: true },
);

tap.test('reading what was written gives what was meant, in both versions', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1 as const, 2 as const),
      anyEnd,
      anyEnd,
      anyTlvs,
      fc.boolean(),
      (version, source, destination, tlvs, checksum) => {
        const bytes = encodeProxyHeader({ version, source, destination, tlvs, checksum });
        const { crc32c, ...rest } = read(bytes).tlvs;
        expect({ ...read(bytes), tlvs: rest }).toEqual({
          version,
          command: 'proxy',
          family: source.address.includes(':') || destination.address.includes(':') ? 'tcp6' : 'tcp4',
          source,
          destination,
          tlvs: version === 1 ? {} : tlvs,
        });
        expect(crc32c !== undefined).toEqual(version === 2 && checksum);
        expect(feedBytewise(decodeProxyHeader, bytes).answer).toEqual(decodeProxyHeader(bytes));
      },
    ),
    { seed: 251, numRuns: numRuns() },
  );
});

tap.test('damaged headers and random bytes never throw, and answer alike whole and byte by byte', async () => {
  const ends = { source: end('192.0.2.1', 1), destination: end('2001:db8::2', 2) };
  const tlvs = { authority: 'a.test', ssl: { client: 1, verify: 0, version: 'TLSv1.3' }, uniqueId: Buffer.alloc(9) };
  const bases = [
    encodeProxyHeader({ version: 1, ...ends }),
    encodeProxyHeader({ version: 2, ...ends, tlvs }),
    encodeProxyHeader({ version: 2, ...ends, tlvs, checksum: true }),
  ];
  const changes = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 })), { maxLength: 5 });
  const damaged = fc.tuple(fc.constantFrom(...bases), changes, fc.nat(200)).map(([base, list, cut]) => {
    const bytes = Buffer.concat([base, Buffer.from('data')]);
    for (const [at, value] of list) bytes[at % bytes.length] = value;
    return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
  });
  const random = bytesOf(120);
  const framed = fc
    .tuple(fc.constantFrom(...bases), bytesOf(80))
    .map(([base, tail]) => Buffer.concat([base.subarray(0, 6 + (base[0] === 80 ? 0 : 10)), tail]));
  fc.assert(
    fc.property(fc.oneof(damaged, random, framed), (bytes) => {
      const whole = decodeProxyHeader(bytes);
      if (whole.kind === 'short') expect(whole.need).toBeGreaterThan(bytes.length);
      if (whole.kind === 'done') expect(whole.used).toBeLessThanOrEqual(bytes.length);
      expect(feedBytewise(decodeProxyHeader, bytes).answer).toEqual(whole);
    }),
    { seed: 252, numRuns: numRuns() },
  );
});

tap.test('a single damaged bit of a checksummed header is always noticed', async () => {
  const header = encodeProxyHeader({
    version: 2,
    source: end('192.0.2.1', 1),
    destination: end('192.0.2.2', 2),
    tlvs: { authority: 'a.test' },
    checksum: true,
  });
  for (let bit = 16 * 8; bit < header.length * 8; bit++) {
    const bytes = Buffer.from(header);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const answer = decodeProxyHeader(bytes);
    // A damaged type turns the checksum itself into an unknown TLV.
    const kept = answer.kind === 'done' && answer.value.tlvs.crc32c !== undefined;
    expect([bit, kept]).toEqual([bit, false]);
  }
});

export default tap.start();
