// The Huffman code of HPACK (RFC 7541 §5.2, Appendix B), both ways. It is canonical: codes of one length are consecutive
// numbers in the order of their octets, so the lengths alone are the table.

const lower = 'abcdefghijklmnopqrstuvwxyz';
const upper = lower.toUpperCase();
const except = (text: string, without: string): string => [...text].filter((one) => !without.includes(one)).join('');

/** Octets by the length of their codes in bits. Whatever stands in none has a code of 28 bits. */
const octetsByBits: readonly (readonly [number, string | readonly number[]])[] = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, `:${except(upper, 'AXZ')}jkqvwxyz`],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\0$@[]~'],
  [14, '^}'],
  [15, '<`{'],
  [19, [92, 195, 208]],
  [20, [128, 130, 131, 162, 184, 194, 224, 226]],
  [21, [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230]],
  [22, [129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196]],
  [22, [198, 228, 232, 233]],
  [23, [1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180]],
  [23, [182, 183, 188, 191, 197, 231, 239]],
  [24, [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237]],
  [25, [199, 207, 234, 235]],
  [26, [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255]],
  [27, [203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254]],
  [30, [10, 13, 22]],
];

const maxBits = 30;
/** Behind all others: thirty ones. */
const endOfString = 256;

/** Of each octet; of the end as well. */
const bitsOf = new Uint8Array(257).fill(28);
const codeOf = new Uint32Array(257);
/** Symbols in the order of their codes; by length in bits the first code, how many, and where they begin in that order. */
const inOrder = new Uint16Array(257);
const firstOf = new Uint32Array(maxBits + 2);
const countOf = new Uint16Array(maxBits + 2);
const placeOf = new Uint16Array(maxBits + 2);
/** By the next eight bits: length and symbol of a code that is no longer than they; 0 if it is longer. */
const short = new Uint16Array(256);

makeTables();

function makeTables(): void {
  for (const [bits, octets] of octetsByBits) {
    for (const one of octets) bitsOf[typeof one === 'string' ? one.charCodeAt(0) : one] = bits;
  }
  bitsOf[endOfString] = maxBits;
  let code = 0;
  let place = 0;
  for (let bits = 1; bits <= maxBits; bits++, code <<= 1) {
    firstOf[bits] = code;
    placeOf[bits] = place;
    for (let symbol = 0; symbol <= endOfString; symbol++) {
      if (bitsOf[symbol] !== bits) continue;
      inOrder[place++] = symbol;
      if (bits <= 8) short.fill((bits << 8) | symbol, code << (8 - bits), (code + 1) << (8 - bits));
      codeOf[symbol] = code++;
    }
    countOf[bits] = place - (placeOf[bits] as number);
  }
}

/** At least as many as so many octets of code can stand for: no code has less than five bits. */
export const mostDecoded = (octets: number): number => 2 * octets;

/**
 * Decodes what stands from `from` to `to` into `into`, as far as that has room. Gives how many octets it was, or would have been; -1 if
 * it is malformed.
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number, into: Uint8Array): number {
  let at = from;
  let length = 0;
  /** Its lowest `held` bits are not decoded yet. */
  let acc = 0;
  let held = 0;
  while (at < to) {
    acc = (acc << 8) | (bytes[at++] as number);
    held += 8;
    while (held >= 8) {
      const entry = short[(acc >>> (held - 8)) & 255] as number;
      if (entry !== 0) {
        held -= entry >> 8;
        into[length++] = entry & 255;
        continue;
      }
      // A longer code, as few octets have one: bit by bit.
      let code = (acc >>> (held - 8)) & 255;
      held -= 8;
      let bits = 8;
      let nth = -1;
      while (nth < 0) {
        if (held === 0) {
          // Here ends padding that is longer than 7 bits, too.
          if (at === to) return -1;
          acc = (acc << 8) | (bytes[at++] as number);
          held = 8;
        }
        held--;
        code = (code << 1) | ((acc >>> held) & 1);
        bits++;
        const ahead = code - (firstOf[bits] as number);
        if (ahead < (countOf[bits] as number)) nth = (placeOf[bits] as number) + ahead;
      }
      const symbol = inOrder[nth] as number;
      if (symbol === endOfString) return -1;
      into[length++] = symbol;
    }
  }
  // Codes that fit into what is left, with ones behind it, as padding has them (RFC 7541 §5.2).
  while (held > 0) {
    const padded = ((acc << (8 - held)) | (255 >>> held)) & 255;
    const entry = short[padded] as number;
    if (entry === 0 || entry >> 8 > held) return padded === 255 ? length : -1;
    held -= entry >> 8;
    into[length++] = entry & 255;
  }
  return length;
}

/** The octets that `text` takes when it is encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at++) bits += bitsOf[text.charCodeAt(at) & 255] as number;
  return (bits + 7) >>> 3;
}

/** Writes the code of `text`, one character an octet; there must be room. Gives the place behind it. */
export function encodeHuffman(text: string, into: Uint8Array, from: number): number {
  let at = from;
  let acc = 0;
  let held = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i) & 255;
    let bits = bitsOf[octet] as number;
    let code = codeOf[octet] as number;
    if (bits > 24) {
      // Not more than 32 bits at a time.
      const rest = bits - 16;
      acc = (acc << 16) | (code >>> rest);
      into[at++] = acc >>> (held + 8);
      into[at++] = acc >>> held;
      code &= (1 << rest) - 1;
      bits = rest;
    }
    acc = (acc << bits) | code;
    held += bits;
    while (held >= 8) {
      held -= 8;
      into[at++] = acc >>> held;
    }
  }
  if (held > 0) into[at++] = (acc << (8 - held)) | (255 >>> held);
  return at;
}
