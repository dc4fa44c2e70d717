// The trailer section behind chunked content (RFC 9112 §7.1.2), octet by octet, and which of its fields may be passed on.

import { tokenOctets, valueOctets } from './http-octets.js';

const cr = 13;
const lf = 10;
const colon = 58;

export class TrailerSection {
  readonly fields: string[] = [];
  #room: number;
  #fieldRoom: number;
  #line = '';
  /** Where the colon stands; -1 before it came. */
  #colon = -1;
  #afterCr = false;
  #done = false;
  #fault: string | null = null;

  constructor(maxBytes: number, maxFields: number) {
    this.#room = maxBytes;
    this.#fieldRoom = maxFields;
  }

  get done(): boolean {
    return this.#done;
  }

  get fault(): string | null {
    return this.#fault;
  }

  /** Until `done` or a `fault`. */
  take(octet: number): void {
    if (this.#afterCr) {
      if (octet === lf) this.#endLine();
      else this.#fault = 'bare CR in the trailers';
      return;
    }
    // The empty line that ends every section is not counted.
    if (octet === cr) {
      this.#afterCr = true;
      return;
    }
    if (--this.#room < 0) {
      this.#fault = 'trailers too large';
      return;
    }
    if (this.#colon < 0 && octet === colon && this.#line !== '') this.#colon = this.#line.length;
    else if ((this.#colon < 0 ? tokenOctets : valueOctets)[octet] !== 1) this.#fault = 'trailer';
    this.#line += String.fromCharCode(octet);
  }

  #endLine(): void {
    this.#afterCr = false;
    if (this.#line === '') {
      this.#done = true;
      return;
    }
    const name = this.#line.slice(0, this.#colon);
    const treatment = this.#colon < 0 ? 'refuse' : treatmentOf(name.toLowerCase());
    if (treatment === 'refuse') this.#fault = 'trailer that may be none';
    else if (--this.#fieldRoom < 0) this.#fault = 'too many trailers';
    else if (treatment === 'keep') {
      this.fields.push(name, this.#line.slice(this.#colon + 1).replace(/^[ \t]+|[ \t]+$/g, ''));
    }
    this.#line = '';
    this.#colon = -1;
  }
}

/** They frame or route a message: whoever sends one here hopes that somebody reads it as the next message's. */
const refused = new Set([
  'connection',
  'content-length',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-real-ip',
]);

/**
 * RFC 9110 §6.5.1: needed before the content, to process or to trust it, so that nobody may merge them into the head. Content-
 * ones but those that are made of the content.
 */
const dropped = new Set([
  'accept-encoding',
  'age',
  'authorization',
  'cache-control',
  'cookie',
  'date',
  'expect',
  'location',
  'max-forwards',
  'pragma',
  'range',
  'retry-after',
  'set-cookie',
  'vary',
  'warning',
  'www-authenticate',
]);
const ofContent = new Set(['content-digest', 'content-md5']);

/** `name` is in lower case. */
export function treatmentOf(name: string): 'keep' | 'drop' | 'refuse' {
  if (refused.has(name) || name.startsWith('x-forwarded-')) return 'refuse';
  if (name.startsWith('content-') && !ofContent.has(name)) return 'drop';
  // With an underscore: to some, a twin of the name with a hyphen.
  if (name.includes('_') || name.startsWith('if-') || name.startsWith('proxy-')) return 'drop';
  return dropped.has(name) ? 'drop' : 'keep';
}
