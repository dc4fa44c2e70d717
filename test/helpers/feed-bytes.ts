// Hands bytes to a decoder the way a slow network would, and checks that it waits as decoders must.

import type { TDecoded } from '../../ts/codec/decoded.js';

type TDecode<T> = (bytes: Buffer) => TDecoded<T>;

export interface IFed<T> {
  /** The last answer. */
  readonly answer: TDecoded<T>;
  readonly calls: number;
  /** Of all calls together. */
  readonly bytesSeen: number;
}

/** One byte at a time, asking again only where the `need` of the last answer says so, and when no more bytes come. */
export function feedBytewise<T>(decode: TDecode<T>, bytes: Buffer): IFed<T> {
  let answer = decode(bytes.subarray(0, 0));
  let calls = 1;
  let bytesSeen = 0;
  while (answer.kind === 'short' && answer.need <= bytes.length) {
    const length: number = answer.need;
    answer = decode(bytes.subarray(0, length));
    if (answer.kind === 'short' && answer.need <= length) throw new Error(`asked for ${answer.need}, had ${length}`);
    calls++;
    bytesSeen += length;
  }
  return { answer: answer.kind === 'short' ? decode(bytes) : answer, calls, bytesSeen };
}

/**
 * Cuts the bytes at `cuts` (default: everywhere) and gives the first part. Throws unless each is answered `short` with a
 * `need` that the whole fulfils, or like the whole: no answer may change as more bytes arrive.
 */
export function checkCuts<T>(decode: TDecode<T>, bytes: Buffer, cuts = everywhere(bytes)): void {
  const whole = decode(bytes);
  const end = whole.kind === 'done' ? whole.used : bytes.length;
  for (const cut of cuts) {
    const answer = decode(bytes.subarray(0, cut));
    if (answer.kind !== 'short') {
      const early = whole.kind === 'done' && cut < whole.used;
      if (early || stateOf(answer) !== stateOf(whole)) throw new Error(`${stateOf(answer)} at ${cut} bytes`);
    } else if (answer.need <= cut || (whole.kind === 'done' && (cut >= end || answer.need > end))) {
      throw new Error(`needs ${answer.need} bytes having ${cut} of ${end}`);
    }
  }
}

export const everywhere = (bytes: Buffer): number[] => Array.from({ length: bytes.length }, (_, at) => at);

/** All cuts near both ends, and some between them. */
export const someCuts = (bytes: Buffer, step: number): number[] =>
  everywhere(bytes).filter((at) => at < 100 || at > bytes.length - 20 || at % step === 0);

const stateOf = <T>(answer: TDecoded<T>): string => (answer.kind === 'broken' ? `broken: ${answer.why}` : answer.kind);
