// The fields of HTTP/2 messages (RFC 9113 §8.2): what may stand in them, trailers, and the lists that are made of heads.

import type { IRequestHead, IResponseHead, TFields } from './http-message.js';
import { tokenOctets, valueOctets } from './http-octets.js';
import { treatmentOf } from './http1-trailers.js';
import { hasContentByNature } from './http1-write.js';
import { withMarks } from './never-indexed.js';

/** Why a message is malformed (RFC 9113 §8.1.1): no octet of it is in the text. */
export interface IH2Fault {
  readonly fault: string;
  /** Given where an answer tells more than a reset: 417 for an Expect that we do not know. */
  readonly status?: number;
}

const space = 32;
const tab = 9;

/** RFC 9113 §8.2: in lower case. */
const nameOctets = tokenOctets.map((allowed, octet) => (octet >= 65 && octet <= 90 ? 0 : allowed));

/**
 * Names and values that were found right, each in the slot that its length and some of its octets give: a connection's table
 * hands out the same texts again and again, and comparing one with itself costs nothing. Bounded by slots and lengths.
 */
const slots = 256;
const goodNames: string[] = new Array<string>(slots).fill('');
const goodValues: string[] = new Array<string>(slots).fill('');
const maxKeptName = 64;
const maxKeptValue = 256;

/** What is wrong with a field that is no pseudo-field; null if nothing is (RFC 9113 §8.2.1, and what HTTP/1 allows). */
export function fieldFault(name: string, value: string): string | null {
  const nameSlot = slotOf(name);
  if (goodNames[nameSlot] !== name || name === '') {
    if (!isFieldName(name)) return 'field name';
    if (name.length <= maxKeptName) goodNames[nameSlot] = name;
  }
  const valueSlot = slotOf(value);
  if (goodValues[valueSlot] === value || value === '') return null;
  if (!isFieldValue(value)) return 'field value';
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) {
    return 'white space around a field value';
  }
  if (value.length <= maxKeptValue) goodValues[valueSlot] = value;
  return null;
}

function slotOf(text: string): number {
  const last = text.length - 1;
  return last < 0 ? 0 : (last * 37 + text.charCodeAt(last >> 1) * 5 + text.charCodeAt(last)) & (slots - 1);
}

function isFieldName(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    if (nameOctets[name.charCodeAt(at)] !== 1) return false;
  }
  return name !== '';
}

function isFieldValue(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    if (valueOctets[value.charCodeAt(at)] !== 1) return false;
  }
  return true;
}

const isBlank = (octet: number): boolean => octet === space || octet === tab;

/** RFC 9113 §8.2.2; `name` is in lower case. TE is for its caller to judge. */
export function isOfConnection(name: string): boolean {
  switch (name.length) {
    case 7:
      return name === 'upgrade';
    case 10:
      return name === 'connection' || name === 'keep-alive';
    case 16:
      return name === 'proxy-connection';
    case 17:
      return name === 'transfer-encoding';
    default:
      return false;
  }
}

/** Without those that may not be merged into a head (RFC 9110 §6.5.1). The list becomes the caller's trailers. */
export function readTrailers(fields: string[]): TFields | IH2Fault {
  let kept = 0;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    // RFC 9113 §8.1: pseudo-fields neither.
    const fault = fieldFault(name, value);
    if (fault !== null) return { fault: `${fault} in the trailers` };
    const treatment = treatmentOf(name);
    if (treatment === 'refuse') return { fault: 'trailer that may be none' };
    if (treatment === 'drop') continue;
    fields[kept++] = name;
    fields[kept++] = value;
  }
  fields.length = kept;
  return fields;
}

/**
 * RFC 9113 §8.3.1, RFC 8441 §4: pseudo-fields, fields in lower case without those of a connection, content-length if it is known.
 * With `head.upgrade` it is an extended CONNECT, whatever the method; CONNECT without is the plain one.
 */
export function requestBlock(head: IRequestHead, scheme: 'http' | 'https'): string[] {
  const { method, authority, upgrade, contentLength } = head;
  const block = [':method', upgrade === null ? method : 'CONNECT'];
  if (upgrade !== null) block.push(':protocol', upgrade);
  if (upgrade !== null || method !== 'CONNECT') block.push(':scheme', scheme, ':path', head.target);
  if (authority !== '') block.push(':authority', authority);
  const { fields } = head;
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase();
    if (isOfConnection(name) || isOwnOfRequest(name)) continue;
    if (name === 'te') {
      if (asksForTrailers(fields[at + 1] as string)) block.push('te', 'trailers');
      // RFC 8441 §5: `:protocol` does what the key does.
    } else if (upgrade === null || name !== 'sec-websocket-key') {
      block.push(name, fields[at + 1] as string);
    }
  }
  if (head.expectsContinue) block.push('expect', '100-continue');
  const isTunnel = upgrade !== null || method === 'CONNECT';
  if (contentLength > 0 || (contentLength === 0 && !isTunnel && hasContentByNature(method))) {
    block.push('content-length', `${contentLength}`);
  }
  return withMarks(fields, block);
}

/** We say these ourselves. */
function isOwnOfRequest(name: string): boolean {
  switch (name.length) {
    case 4:
      return name === 'host';
    case 6:
      return name === 'expect';
    default:
      return name === 'content-length';
  }
}

/** RFC 9113 §8.2.2: TE may say that and nothing else. */
const asksForTrailers = (value: string): boolean =>
  value === 'trailers' || /(?:^|,)[ \t]*trailers[ \t]*(?:[,;]|$)/i.test(value);

/**
 * RFC 9113 §8.3.2. `noContent`: none follows whatever the length says (HEAD, 304, a tunnel's 2xx): a length above 0 is stated all
 * the same. Not for 101, which HTTP/2 has not (§8.6).
 */
export function responseBlock(head: IResponseHead, noContent: boolean): string[] {
  const { status, contentLength } = head;
  const block = [':status', `${status}`];
  pushFields(block, head.fields);
  const isStated = noContent ? contentLength > 0 : contentLength >= 0;
  if (isStated && status >= 200 && status !== 204) block.push('content-length', `${contentLength}`);
  return withMarks(head.fields, block);
}

export function trailerBlock(trailers: TFields): string[] {
  const block: string[] = [];
  pushFields(block, trailers);
  return withMarks(trailers, block);
}

function pushFields(block: string[], fields: TFields): void {
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase();
    if (isOfConnection(name) || name === 'te' || name === 'content-length') continue;
    block.push(name, fields[at + 1] as string);
  }
}
