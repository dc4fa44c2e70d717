// DER (X.690): writes the few structures that certificates are made of, and finds its way in those of others.

/** One value with its tag and length, as it stands. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(length)]), ...contents]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => tlv(0x30, ...contents);
export const set = (...contents: readonly Uint8Array[]): Buffer => tlv(0x31, ...contents);
export const octets = (...contents: readonly Uint8Array[]): Buffer => tlv(0x04, ...contents);
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text));
export const boolean = (value: boolean): Buffer => tlv(0x01, Buffer.from([value ? 0xff : 0]));
export const nothing = tlv(0x05);
/** `[n]` around a whole value. */
export const explicit = (n: number, ...contents: readonly Uint8Array[]): Buffer => tlv(0xa0 | n, ...contents);
/** `[n]` in place of the tag of a simple value. */
export const implicit = (n: number, content: Uint8Array): Buffer => tlv(0x80 | n, content);

/** A number of at least 0; its bytes, highest first. */
export function integer(bytes: Uint8Array | number): Buffer {
  const given = typeof bytes === 'number' ? Buffer.from([bytes]) : bytes;
  let from = 0;
  while (from < given.length - 1 && given[from] === 0) from++;
  const least = given.subarray(from);
  return tlv(0x02, ...((least[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : []), least);
}

/** Whole bytes, or with the last `unused` bits left out. */
export const bits = (bytes: Uint8Array, unused = 0): Buffer => tlv(0x03, Buffer.from([unused]), bytes);

/** `1.2.840.10045.2.1` */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(arc: number): number[] {
  const bytes = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest % 128));
  return bytes;
}

/** Whole seconds; through 2049 with two digits of the year, later with four (RFC 5280 §4.1.2.5). */
export function time(wallMs: number): Buffer {
  const digits = new Date(wallMs).toISOString().replace(/\.\d+|[-:T]/g, '');
  const isShort = digits < '2050';
  return tlv(isShort ? 0x17 : 0x18, Buffer.from(isShort ? digits.slice(2) : digits));
}

/** A value that was read: a view of the bytes it was read from. */
export interface IDerValue {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag and length included. */
  readonly whole: Buffer;
}

/** The values that stand one after the other. @throws RangeError if the bytes are no such thing */
export function readAll(bytes: Buffer): IDerValue[] {
  const values: IDerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const value = readOne(bytes, at);
    values.push(value);
    at += value.whole.length;
  }
  return values;
}

function readOne(bytes: Buffer, at: number): IDerValue {
  const tag = bytes[at] ?? 0;
  const first = bytes[at + 1] ?? 0x80;
  const count = first < 0x80 ? 0 : first & 0x7f;
  // Tags above 30, lengths that are not given and those beyond four bytes are in no certificate.
  const isOdd = (tag & 0x1f) === 0x1f || first === 0x80 || count > 4 || at + 2 + count > bytes.length;
  if (isOdd) throw new RangeError('not DER');
  const start = at + 2 + count;
  const end = start + (count === 0 ? first : bytes.readUIntBE(at + 2, count));
  if (end > bytes.length) throw new RangeError('not DER: cut off');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

/** The values inside the value that `bytes` is. @throws RangeError */
export function readInside(bytes: Buffer): IDerValue[] {
  const [value] = readAll(bytes);
  if (value === undefined) throw new RangeError('not DER: empty');
  return readAll(value.content);
}
