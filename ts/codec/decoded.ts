// What every decoder answers. "Not enough bytes yet" is a value, never an exception.

export type TDecoded<T> =
  /** `value` was read; it took the first `used` bytes. */
  | { readonly kind: 'done'; readonly value: T; readonly used: number }
  /** At least `need` bytes in all (not: more) are needed before asking again makes sense. */
  | { readonly kind: 'short'; readonly need: number }
  /** The bytes are not of this protocol. */
  | { readonly kind: 'foreign' }
  /** They are of this protocol, but malformed. */
  | { readonly kind: 'broken'; readonly why: string };
