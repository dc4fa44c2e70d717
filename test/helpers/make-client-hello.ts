// A ClientHello made to measure, and the records it travels in.

/** An extension: its type and content. */
export type THelloExtension = readonly [type: number, content: Buffer];

export interface IHelloParts {
  /** The old version field. Default 0x0303. */
  readonly legacyVersion?: number;
  readonly sessionId?: Buffer;
  readonly ciphers?: readonly number[];
  readonly compressions?: readonly number[];
  /** null: a hello without extension block. */
  readonly extensions?: readonly THelloExtension[] | null;
}

export const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const codes = (values: readonly number[]): Buffer => Buffer.concat(values.map(u16));
/** A vector behind its length in one byte. */
export const vector8 = (...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([content.length]), content]);
};
/** A vector behind its length in two bytes. */
export const vector16 = (...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([u16(content.length), content]);
};

/** server_name with any number of names; bytes as they stand in a latin1 string. */
export const sniOf = (...names: readonly string[]): THelloExtension => [
  0,
  vector16(...names.map((name) => Buffer.concat([Buffer.from([0]), vector16(Buffer.from(name, 'latin1'))]))),
];
export const alpnOf = (...names: readonly string[]): THelloExtension => [
  16,
  vector16(...names.map((name) => vector8(Buffer.from(name, 'latin1')))),
];
export const versionsOf = (...versions: readonly number[]): THelloExtension => [43, vector8(codes(versions))];
export const algorithmsOf = (...algorithms: readonly number[]): THelloExtension => [13, vector16(codes(algorithms))];

/** The handshake message, its four-byte header included. */
export function makeHelloMessage(parts: IHelloParts = {}): Buffer {
  const extensions = parts.extensions === undefined ? [versionsOf(0x0304, 0x0303)] : parts.extensions;
  const body = Buffer.concat([
    u16(parts.legacyVersion ?? 0x0303),
    Buffer.alloc(32, 0x5a),
    vector8(parts.sessionId ?? Buffer.alloc(32, 7)),
    vector16(codes(parts.ciphers ?? [0x1301, 0x1302])),
    vector8(Buffer.from(parts.compressions ?? [0])),
    ...(extensions === null
      ? []
      : [vector16(...extensions.map(([type, content]) => Buffer.concat([u16(type), vector16(content)])))]),
  ]);
  return Buffer.concat([Buffer.from([1, body.length >> 16]), u16(body.length & 0xffff), body]);
}

/** `payload` in handshake records: of these sizes, the last of which repeats. */
export function makeRecords(payload: Buffer, sizes: readonly number[] = [16_384]): Buffer {
  const records: Buffer[] = [];
  for (let at = 0, i = 0; at < payload.length; i++) {
    const size = Math.max(1, sizes[Math.min(i, sizes.length - 1)] ?? 16_384);
    records.push(Buffer.from([22, 3, 1]), vector16(payload.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat(records);
}

/** The hello as a client sends it. */
export const makeClientHello = (parts: IHelloParts = {}): Buffer => makeRecords(makeHelloMessage(parts));

/** What a browser of today sends: GREASE at every place, a post-quantum key share, ECH, ALPN; 1.8 kB. */
export const browserHello: Required<IHelloParts> = {
  legacyVersion: 0x0303,
  sessionId: Buffer.alloc(32, 9),
  ciphers: [
    0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
    0x002f, 0x0035,
  ],
  compressions: [0],
  extensions: [
    [0x3a3a, Buffer.alloc(0)],
    sniOf('www.example.com'),
    [23, Buffer.alloc(0)],
    [0xff01, Buffer.from([0])],
    [10, vector16(codes([0x2a2a, 0x11ec, 0x001d, 0x0017, 0x0018]))],
    [11, Buffer.from([1, 0])],
    [35, Buffer.alloc(0)],
    alpnOf('h2', 'http/1.1'),
    [5, Buffer.from([1, 0, 0, 0, 0])],
    algorithmsOf(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601),
    [18, Buffer.alloc(0)],
    // X25519MLKEM768: 1 216 bytes.
    [51, vector16(u16(0x2a2a), vector16(Buffer.from([0])), u16(0x11ec), vector16(Buffer.alloc(1_216, 3)))],
    [45, Buffer.from([1, 1])],
    versionsOf(0x6a6a, 0x0304, 0x0303),
    [27, Buffer.from([2, 0, 2])],
    [17613, vector16(vector8(Buffer.from('h2')))],
    [0xfe0d, Buffer.alloc(250, 1)],
    [0x4a4a, Buffer.from([0])],
  ],
};
