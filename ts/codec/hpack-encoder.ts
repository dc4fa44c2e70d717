// Field lists to header blocks of HTTP/2 (RFC 7541): the encoder of one connection, with its dynamic table.

import type { TFields } from './http-message.js';

/** Where bytes are written. */
export interface IByteSink {
  buffer: Buffer;
  at: number;
  /** Makes room for so many bytes behind `at`; may replace `buffer`. */
  room(bytes: number): void;
}

export class HpackEncoder {
  /** The peer's SETTINGS_HEADER_TABLE_SIZE; at most 4096 are used. */
  setMaxTableBytes(_bytes: number): void {}

  encode(_fields: TFields, _sink: IByteSink): void {}
}
