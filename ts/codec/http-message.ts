// Messages of HTTP in terms that no version owns: what codecs read and write, and all of http/ thinks in.

/**
 * Field lines in order: name, value, name, value. Names as they were received (HTTP/1.1) or in lower case (HTTP/2); values
 * without white space around them, one character an octet. Built by our codecs and rules only: valid by construction.
 */
export type TFields = readonly string[];

/** How long a message's content is: a number of bytes, 0 for none; or -1, until its framing or the connection ends it. */
export type TContentLength = number;

/** RFC 9110 §9.3.6, §7.1: what is asked for. */
export interface IRequestHead {
  readonly version: '1.0' | '1.1' | '2';
  readonly method: string;
  /** Origin form (`/a?b`), or `*`; of CONNECT `''`. What was absolute is split by the codec. */
  readonly target: string;
  /**
   * Host with its port if one was given, as text for a Host field: from the absolute form, else Host, `:authority`. `''` only
   * in HTTP/1.0 without Host.
   */
  readonly authority: string;
  /** Of `authority`, in its normal form: lower case, A-labels, no final dot; an IP literal without brackets; `''`. */
  readonly host: string;
  /** All but Host, Expect, and those that frame the message (Content-Length, Transfer-Encoding); Connection among them. */
  readonly fields: TFields;
  /** 0: no content. -1: chunked, or HTTP/2 without content-length. */
  readonly contentLength: TContentLength;
  /** `Expect: 100-continue`, where there is content to wait for. */
  readonly expectsContinue: boolean;
  /** The protocol asked for, in lower case (`websocket`), where the message asks for it properly; else null. */
  readonly upgrade: string | null;
  /** The client wants this connection to end after the answer, or cannot keep it. */
  readonly close: boolean;
}

export interface IResponseHead {
  /** 100 to 599. */
  readonly status: number;
  /** HTTP/1: as received; `''` for the usual phrase. */
  readonly reason: string;
  /** All but those that frame the message; Connection among them. */
  readonly fields: TFields;
  /**
   * What follows: 0 none, -1 unknown. For an answer to HEAD, and for 304, nothing follows whatever this says: it is what
   * Content-Length states, or -1 if it states nothing.
   */
  readonly contentLength: TContentLength;
}

/** The value of a field by its lower-case name; several are joined by `, ` (RFC 9110 §5.3); null if there is none. */
export function fieldValue(fields: TFields, name: string): string | null {
  let value: string | null = null;
  for (let at = 0; at < fields.length; at += 2) {
    const given = fields[at] as string;
    if (given.length !== name.length || (given !== name && given.toLowerCase() !== name)) continue;
    const text = fields[at + 1] as string;
    value = value === null ? text : `${value}, ${text}`;
  }
  return value;
}
