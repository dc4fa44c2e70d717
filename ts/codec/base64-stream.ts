// Base64 (RFC 4648 §4) piece by piece, as gRPC-Web streams it: parts of a stream may have padding of their own, one behind the other.

const nothing = Buffer.alloc(0);
const padding = 61;

export class Base64Encoder {
  /** One or two octets that make no group of three yet. */
  #rest: Buffer = nothing;

  /** Whole groups; what is left waits for more, or for `flush`. */
  push(chunk: Uint8Array): Buffer {
    const all = this.#rest.length === 0 ? bufferOf(chunk) : Buffer.concat([this.#rest, chunk]);
    const whole = all.length - (all.length % 3);
    this.#rest = whole === all.length ? nothing : Buffer.from(all.subarray(whole));
    return whole === 0 ? nothing : Buffer.from(all.toString('base64', 0, whole), 'latin1');
  }

  /** What is left, padded. */
  flush(): Buffer {
    const rest = this.#rest;
    this.#rest = nothing;
    return rest.length === 0 ? nothing : Buffer.from(rest.toString('base64'), 'latin1');
  }
}

export class Base64Decoder {
  /** Up to three characters that make no group of four yet. */
  #rest: Buffer = nothing;

  /** False: the stream ended within a group. */
  get complete(): boolean {
    return this.#rest.length === 0;
  }

  /** null: that is no base64. */
  push(chunk: Uint8Array): Buffer | null {
    const all = this.#rest.length === 0 ? bufferOf(chunk) : Buffer.concat([this.#rest, chunk]);
    const whole = all.length - (all.length % 4);
    this.#rest = whole === all.length ? nothing : Buffer.from(all.subarray(whole));
    const parts: Buffer[] = [];
    for (let from = 0; from < whole; ) {
      const mark = all.indexOf(padding, from);
      const to = mark < 0 || mark >= whole ? whole : mark - (mark % 4) + 4;
      const text = all.toString('latin1', from, to);
      if (!isBase64.test(text)) return null;
      parts.push(Buffer.from(text, 'base64'));
      from = to;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }
}

const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/;

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
