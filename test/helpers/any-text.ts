// Text of any characters at all, for property tests.

import fc from 'fast-check';

/** Any code point that is none of half a pair. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10f7ff })
  .map((at) => String.fromCodePoint(at < 0xd800 ? at : at + 0x800));

/** What fast-check calls the unit `binary`, without the second of the processor that it takes to list a million characters. */
export const anyText = (limits: { readonly minLength?: number; readonly maxLength?: number } = {}) =>
  fc.string({ ...limits, unit: anyCharacter });
