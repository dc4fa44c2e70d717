import { crc32c } from '../../ts/codec/crc32c.js';
import { decodeProxyHeader, encodeProxyHeader } from '../../ts/codec/proxy-protocol.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import { u16, vector16 } from '../helpers/make-client-hello.js';
import { expect, tap } from '../helpers/tapbundle.js';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const ipv4 = Buffer.from([192, 0, 2, 1, 192, 0, 2, 2, 0, 80, 1, 187]);
const ipv6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  u16(80),
  u16(443),
]);

/** A header with this 13th and 14th byte and block. */
const make = (command: number, family: number, ...block: readonly Buffer[]): Buffer =>
  Buffer.concat([signature, Buffer.from([command, family]), vector16(...block)]);
const tlv = (type: number, ...value: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([type]), vector16(...value)]);

function read(bytes: Buffer) {
  const answer = decodeProxyHeader(bytes);
  if (answer.kind !== 'done') throw new Error(JSON.stringify(answer));
  expect(answer.used).toEqual(bytes.length);
  return answer.value;
}
const whyBroken = (bytes: Buffer): string => {
  const answer = decodeProxyHeader(bytes);
  return answer.kind === 'broken' ? answer.why : answer.kind;
};

tap.test('TCP and UDP over IPv4 and IPv6 are read', async () => {
  const from4 = { address: '192.0.2.1', port: 80 };
  const to4 = { address: '192.0.2.2', port: 443 };
  const from6 = { address: '2001:db8::1', port: 80 };
  const to6 = { address: '2001:db8::2', port: 443 };
  const cases = [
    [0x11, ipv4, 'tcp4', from4, to4],
    [0x12, ipv4, 'udp4', from4, to4],
    [0x21, ipv6, 'tcp6', from6, to6],
    [0x22, ipv6, 'udp6', from6, to6],
  ] as const;
  for (const [byte, block, family, source, destination] of cases) {
    expect(read(make(0x21, byte, block))).toEqual({
      version: 2,
      command: 'proxy',
      family,
      source,
      destination,
      tlvs: {},
    });
  }
});

tap.test('addresses of IPv4 hosts inside IPv6 are read as IPv4', async () => {
  const mapped = Buffer.concat([
    Buffer.from('00000000000000000000ffffc0000201', 'hex'),
    Buffer.from('0064ff9b0000000000000000c0000202', 'hex'),
    u16(1),
    u16(2),
  ]);
  const header = read(make(0x21, 0x21, mapped));
  expect([header.family, header.source?.address, header.destination?.address]).toEqual([
    'tcp6',
    '192.0.2.1',
    '192.0.2.2',
  ]);
});

tap.test('LOCAL discards its whole block, whatever is in it', async () => {
  const blocks = [
    Buffer.alloc(0),
    ipv4,
    Buffer.concat([ipv4, tlv(3, Buffer.alloc(4))]),
    Buffer.alloc(9, 0xff),
    Buffer.alloc(60_000, 0xff),
  ];
  for (const family of [0x00, 0x11, 0x21, 0x31, 0xff]) {
    for (const block of blocks) {
      expect(read(make(0x20, family, block))).toEqual({
        version: 2,
        command: 'local',
        family: 'unknown',
        source: null,
        destination: null,
        tlvs: {},
      });
    }
  }
});

tap.test('UNSPEC in family or transport has no addresses, and its block is skipped', async () => {
  for (const family of [0x00, 0x01, 0x02, 0x10, 0x20, 0x30]) {
    for (const block of [Buffer.alloc(0), ipv4, Buffer.alloc(5, 0xff)]) {
      const header = read(make(0x21, family, block));
      expect([header.command, header.family, header.source, header.destination]).toEqual([
        'proxy',
        'unknown',
        null,
        null,
      ]);
    }
  }
});

tap.test('UNIX has no addresses of ours, but its TLVs are read', async () => {
  const paths = Buffer.alloc(216, 'x');
  for (const family of [0x31, 0x32]) {
    const header = read(make(0x21, family, paths, tlv(2, Buffer.from('a.test'))));
    expect([header.family, header.source, header.destination, header.tlvs.authority]).toEqual([
      'unix',
      null,
      null,
      'a.test',
    ]);
    expect(whyBroken(make(0x21, family, paths.subarray(1)))).toContain('too short');
  }
});

tap.test('other versions, commands, families and transports are broken, as soon as their byte is there', async () => {
  for (const byte of [0x00, 0x01, 0x10, 0x11, 0x31, 0xf1, 0x22, 0x2f]) {
    expect(whyBroken(make(byte, 0x11, ipv4))).toContain(byte >> 4 === 2 ? 'command' : 'version');
    expect(whyBroken(make(byte, 0x11, ipv4).subarray(0, 13))).toContain(byte >> 4 === 2 ? 'command' : 'version');
  }
  for (const byte of [0x13, 0x1f, 0x41, 0xf1, 0x03, 0x40])
    expect(whyBroken(make(0x21, byte, ipv4))).toContain('family or transport');
});

tap.test('a length that does not hold the addresses is broken at once', async () => {
  for (const [family, block] of [
    [0x11, ipv4],
    [0x21, ipv6],
  ] as const) {
    for (let length = 0; length < block.length; length++) {
      const bytes = make(0x21, family, block.subarray(0, length));
      expect(whyBroken(bytes)).toContain('too short');
      expect(whyBroken(bytes.subarray(0, 16))).toContain('too short');
    }
  }
});

tap.test('all TLVs are read, unknown ones kept in order, padding left out', async () => {
  const ssl = tlv(
    0x20,
    Buffer.from([7, 0, 0, 0, 1]),
    tlv(0x21, Buffer.from('TLSv1.3')),
    tlv(0x22, Buffer.from('Jörg')),
    tlv(0x23, Buffer.from('C')),
    tlv(0x24, Buffer.from('S')),
    tlv(0x25, Buffer.from('K')),
    tlv(0x2f, Buffer.from([9])),
  );
  const header = read(
    make(
      0x21,
      0x11,
      ipv4,
      tlv(1, Buffer.from('h2')),
      tlv(0xe1, Buffer.from([1])),
      tlv(4, Buffer.alloc(50)),
      tlv(2, Buffer.from('bücher.test')),
      tlv(5, Buffer.from([1, 2])),
      ssl,
      tlv(0x30, Buffer.from('ns')),
      tlv(0xe1),
      tlv(4),
    ),
  );
  expect(header.tlvs).toEqual({
    alpn: 'h2',
    authority: 'bücher.test',
    uniqueId: Buffer.from([1, 2]),
    ssl: {
      client: 7,
      verify: 1,
      version: 'TLSv1.3',
      commonName: 'Jörg',
      cipher: 'C',
      signatureAlgorithm: 'S',
      keyAlgorithm: 'K',
      others: [{ type: 0x2f, value: Buffer.from([9]) }],
    },
    netns: 'ns',
    others: [
      { type: 0xe1, value: Buffer.from([1]) },
      { type: 0xe1, value: Buffer.alloc(0) },
    ],
  });
});

tap.test('TLV values are copies: they outlive the bytes they came in', async () => {
  const bytes = make(0x21, 0x11, ipv4, tlv(5, Buffer.from([1, 2])));
  const header = read(bytes);
  bytes.fill(0);
  expect([...(header.tlvs.uniqueId ?? [])]).toEqual([1, 2]);
});

tap.test('TLVs that run over the header are broken, though bytes follow it', async () => {
  const overruns = [
    Buffer.from([1]),
    Buffer.from([1, 0]),
    Buffer.from([1, 0, 1]),
    Buffer.from([1, 0xff, 0xff, 65]),
    Buffer.concat([tlv(1, Buffer.from('h2')), Buffer.from([2, 0, 3, 65, 65])]),
  ];
  for (const overrun of overruns) {
    const bytes = Buffer.concat([make(0x21, 0x11, ipv4, overrun), Buffer.alloc(70_000, 65)]);
    expect(whyBroken(bytes)).toContain('overruns');
  }
});

tap.test('malformed contents of known TLVs are broken', async () => {
  const head = Buffer.from([1, 0, 0, 0, 0]);
  const ssl = [
    [],
    [head.subarray(1)],
    [head, Buffer.from([0x21])],
    [head, Buffer.from([0x21, 0, 9, 65])],
    [head, tlv(0x21), tlv(0x21)],
  ];
  for (const parts of ssl) expect(whyBroken(make(0x21, 0x11, ipv4, tlv(0x20, ...parts)))).toContain('SSL');
  expect(read(make(0x21, 0x11, ipv4, tlv(5, Buffer.alloc(128)))).tlvs.uniqueId).toHaveLength(128);
  expect(whyBroken(make(0x21, 0x11, ipv4, tlv(5, Buffer.alloc(129))))).toContain('128');
  for (const length of [0, 3, 5])
    expect(whyBroken(make(0x21, 0x11, ipv4, tlv(3, Buffer.alloc(length))))).toContain('four bytes');
});

tap.test('a known TLV given twice is broken', async () => {
  const values = new Map([
    [3, Buffer.alloc(4)],
    [0x20, Buffer.alloc(5)],
  ]);
  for (const type of [1, 2, 3, 5, 0x20, 0x30]) {
    const one = tlv(type, values.get(type) ?? Buffer.from('x'));
    expect(whyBroken(make(0x21, 0x11, ipv4, one, one))).toContain('twice');
  }
});

tap.test('the checksum is over the whole header, wherever its TLV stands, and must be right', async () => {
  const sealed = (...block: readonly Buffer[]): Buffer => {
    const header = make(0x21, 0x11, ipv4, ...block);
    const at = header.indexOf(Buffer.from([3, 0, 4, 0, 0, 0, 0])) + 3;
    header.writeUInt32BE(crc32c(header), at);
    return header;
  };
  const empty = tlv(3, Buffer.alloc(4));
  const authority = tlv(2, Buffer.from('a.test'));
  for (const header of [sealed(empty), sealed(empty, authority), sealed(authority, empty)]) {
    expect(read(header).tlvs.crc32c).toBeGreaterThan(0);
    // What follows the header is no part of it.
    expect(decodeProxyHeader(Buffer.concat([header, Buffer.from('data')])).kind).toEqual('done');
    for (let at = 16; at < header.length; at++) {
      const wrong = Buffer.from(header);
      wrong[at] = (wrong[at] ?? 0) ^ 0x40;
      const answer = decodeProxyHeader(wrong);
      expect(answer.kind === 'done' && answer.value.tlvs.crc32c !== undefined).toBeFalse();
    }
  }
  expect(whyBroken(make(0x21, 0x11, ipv4, empty))).toContain('checksum');
  const written = encodeProxyHeader({
    version: 2,
    source: { address: '192.0.2.1', port: 80 },
    destination: { address: '192.0.2.2', port: 443 },
    tlvs: { authority: 'a.test' },
    checksum: true,
  });
  expect(written).toEqual(sealed(authority, empty));
});

tap.test('the longest header that the format allows is read, and thousands of TLVs cost milliseconds', async () => {
  const longest = make(0x21, 0x11, ipv4, tlv(0xe0, Buffer.alloc(65_535 - 12 - 3)));
  expect(longest).toHaveLength(65_551);
  expect(read(longest).tlvs.others).toHaveLength(1);
  const many = make(0x21, 0x11, ipv4, ...Array.from({ length: 21_000 }, () => tlv(0xe0)));
  expect(leastCpuMs(() => expect(read(many).tlvs.others).toHaveLength(21_000), 2)).toBeLessThan(1_000);
});

export default tap.start();
