// Header blocks of HTTP/2 to field lists (RFC 7541): the decoder of one connection, with its dynamic table.

export interface IHpackLimits {
  /** What we announced as SETTINGS_HEADER_TABLE_SIZE. */
  readonly maxTableBytes: number;
  /** RFC 9113 §6.5.2: of each field name, value and 32. */
  readonly maxListBytes: number;
  readonly maxFields: number;
}

export class HpackDecoder {
  readonly limits: IHpackLimits;
  #tooLarge = false;

  constructor(limits: IHpackLimits) {
    this.limits = limits;
  }

  /** The last list was over a limit: its fields are not complete, the table is still right. */
  get tooLarge(): boolean {
    return this.#tooLarge;
  }

  /** Names and values in turn, one character an octet. null: COMPRESSION_ERROR. */
  decode(_block: Buffer): string[] | null {
    this.#tooLarge = false;
    return null;
  }

  setMaxTableBytes(_bytes: number): void {}
}
