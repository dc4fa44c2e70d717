// Where the head of an HTTP/1 message ends (RFC 9112 §2.1), and what its bytes must keep to before that end is there.

export interface IHeadLimits {
  /** From the first octet of the first line to the end of the empty line. */
  readonly maxBytes: number;
  readonly maxFields: number;
}

export interface IHeadBroken {
  readonly kind: 'broken';
  /** What a client would be told; of a response always 502. */
  readonly status: number;
  /** For logs: no octet of the message is in it. */
  readonly why: string;
}

/** `used` counts from where decoding began. `short`: the end is not there yet, and nothing is wrong so far. */
export type THeadDecoded<T> =
  | { readonly kind: 'done'; readonly value: T; readonly used: number }
  | { readonly kind: 'short' }
  | IHeadBroken;

export const short: { readonly kind: 'short' } = { kind: 'short' };

export const broken = (status: number, why: string): IHeadBroken => ({ kind: 'broken', status, why });

const cr = 13;
const lf = 10;

/**
 * The place behind the first CRLF CRLF that begins at `from` or later and ends at `stop` or before; -1 if there is none. It looks
 * at every fourth octet as long as that is neither CR nor LF.
 */
export function findHeadEnd(bytes: Buffer, from: number, stop: number): number {
  let at = from + 3;
  while (at < stop) {
    const octet = bytes[at];
    if (octet === lf) {
      if (bytes[at - 1] === cr && bytes[at - 2] === lf && bytes[at - 3] === cr) return at + 1;
      // An LF can be the second of the four too.
      at += 2;
    } else if (octet === cr) {
      at += 1;
    } else {
      at += 4;
    }
  }
  return -1;
}

/** The place of the first CR, LF, other control but HTAB, or DEL from `from` on that is not part of a CRLF; -1 if there is none. */
export function findStray(bytes: Buffer, from: number, stop: number): number {
  for (let at = from; at < stop; at++) {
    const octet = bytes[at] as number;
    if (octet > 31 ? octet !== 127 : octet === 9) continue;
    if (octet !== cr) return at;
    // A CR at the end may yet get its LF.
    if (at + 1 < stop && bytes[++at] !== lf) return at - 1;
  }
  return -1;
}

/** The place of the CR of the first CRLF that begins at `from` or later; -1 if there is none. */
export function findLineEnd(bytes: Buffer, from: number, stop: number): number {
  for (let at = from + 1; at < stop; at++) {
    if (bytes[at] === lf && bytes[at - 1] === cr) return at - 1;
  }
  return -1;
}

/** Checks a first line that ends before `end`; null if nothing is wrong with it. */
export type TLineCheck = (bytes: Buffer, start: number, end: number) => IHeadBroken | null;

/**
 * What to say about a head without an end: what is wrong with it by the order of its octets, so that more of them would not
 * change the answer; that it is too large; or that more is needed. Octets before `seen` were looked at before.
 */
export function judgeUnfinished(
  bytes: Buffer,
  start: number,
  seen: number,
  limits: IHeadLimits,
  checkLine: TLineCheck,
): { readonly kind: 'short' } | IHeadBroken {
  const stop = Math.min(bytes.length, start + limits.maxBytes);
  // The last octet that was seen may be a CR that waited for its LF.
  const from = seen > start && bytes[seen - 1] === cr ? seen - 1 : seen;
  const lineEnd = findLineEnd(bytes, from, stop);
  if (lineEnd >= 0 && bytes.indexOf(lf, start) === lineEnd + 1) {
    const fault = checkLine(bytes, start, lineEnd);
    if (fault !== null) return fault;
  }
  if (findStray(bytes, from, stop) >= 0) return broken(400, 'control octet or bare line end');
  return stop - start < limits.maxBytes ? short : tooLarge(bytes, start, limits.maxBytes);
}

/** RFC 9110 §15.5.15, RFC 6585 §5: whose fault is it, the target's or the fields'? */
function tooLarge(bytes: Buffer, start: number, maxBytes: number): IHeadBroken {
  const lineEnd = bytes.indexOf(lf, start);
  if (lineEnd >= 0 && lineEnd - start < maxBytes / 2) return broken(431, 'head too large');
  return broken(414, 'request line too long');
}
