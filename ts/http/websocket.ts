// The opening handshake of WebSockets (RFC 6455 §4): what is asked for, what goes to the target, what it may answer.

import { fieldValue, type IRequestHead, type IResponseHead, type TFields } from '../codec/http-message.js';
import { withMarks } from '../codec/never-indexed.js';
import type { IResolvedWebSocket } from '../config/resolved.js';
import * as plugins from '../plugins.js';
import { applyRules } from './header-rules.js';
import { remove } from './hop-by-hop.js';
import { madePath } from './made-path.js';
import { fillTemplate, type ITemplateValues } from './template-values.js';

/** Why an upgrade is not passed on. `fields` belong into the answer. */
export interface IUpgradeRefusal {
  readonly status: number;
  readonly why: string;
  readonly fields: TFields;
}

/**
 * Extended CONNECT (RFC 8441 §4) asks for what GET with Upgrade asks for: routes, rules and targets are told the same of both.
 * What it keeps is its version.
 */
export const asOpening = (head: IRequestHead): IRequestHead =>
  head.upgrade === 'websocket' ? { ...head, method: 'GET' } : head;

/** Whether any 2xx would open a tunnel (RFC 8441 §5), as in HTTP/1.1 101 alone does. */
export const opensBySuccess = ({ version, upgrade }: IRequestHead): boolean => version === '2' && upgrade !== null;

/**
 * Judges a request whose `upgrade` is `websocket` (RFC 6455 §4.2.1), before any target hears of it: only what is a WebSocket's
 * opening in every respect may become a tunnel, or a target that disagrees with us would read what follows as requests.
 */
export function checkUpgrade(head: IRequestHead, rules: IResolvedWebSocket): IUpgradeRefusal | null {
  if (!rules.enabled) return refuse(403, 'the route has no WebSockets');
  if (head.method !== 'GET' || head.version === '1.0') return refuse(400, 'a WebSocket is opened by GET in HTTP/1.1');
  if (head.contentLength !== 0) return refuse(400, 'the opening of a WebSocket has no content');
  if (fieldValue(head.fields, 'sec-websocket-version') !== '13') {
    return refuse(426, 'the version of the WebSocket is not 13', ['Sec-WebSocket-Version', '13']);
  }
  // RFC 8441 §5: there is none in HTTP/2.
  if (head.version !== '2' && !isKey.test(fieldValue(head.fields, 'sec-websocket-key') ?? '')) {
    return refuse(400, 'the key of the WebSocket is not 16 bytes in base64');
  }
  const { allowedOrigins } = rules;
  if (allowedOrigins === null) return null;
  const origin = fieldValue(head.fields, 'origin')?.toLowerCase() ?? null;
  const allowed = origin !== null && allowedOrigins.some((pattern) => isOrigin(origin, pattern.toLowerCase()));
  return allowed ? null : refuse(403, 'the origin may not open WebSockets');
}

const refuse = (status: number, why: string, fields: TFields = []): IUpgradeRefusal => ({ status, why, fields });

/** 22 characters and padding; the last character has but two bits. */
const isKey = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** Patterns: a whole origin; `*.a.com` or `a.com` of any scheme and port; `https://*.a.com`. Both in lower case. */
function isOrigin(origin: string, pattern: string): boolean {
  if (origin === pattern || pattern === '*') return true;
  const [, scheme = '', host = '', port = ''] = originParts.exec(origin) ?? [];
  const cut = pattern.indexOf('://');
  const wanted = cut < 0 ? pattern : pattern.slice(cut + 3);
  if (scheme === '' || (cut >= 0 && pattern.slice(0, cut) !== scheme)) return false;
  // A scheme makes the pattern an origin, in which a port that is not named is the scheme's own.
  const name = cut >= 0 || /:\d+$/.test(wanted) ? `${host}${port}` : host;
  return wanted.startsWith('*.') ? name.length > wanted.length - 1 && name.endsWith(wanted.slice(1)) : name === wanted;
}

/** RFC 6454 §6.2: scheme, host, port if it is not the scheme's. */
const originParts = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[^/:[\]]+)(:\d+)?$/;

/**
 * The opening as it goes to the target; `head.fields` are otherwise final. Where messages have a limit no extension is
 * offered: `permessage-deflate` would make the sizes that we see meaningless.
 */
export function rewriteUpgrade(head: IRequestHead, rules: IResolvedWebSocket, values: ITemplateValues): IRequestHead {
  const { rewritePath, customHeaders, subprotocols, maxPayload } = rules;
  const fields = withMarks(head.fields, [...head.fields]);
  if (maxPayload > 0) remove(fields, 'sec-websocket-extensions');
  if (subprotocols !== null) keepProtocols(fields, subprotocols);
  if (head.version === '2') giveKey(fields);
  applyRules(fields, customHeaders, values);
  const target = rewritePath === null ? head.target : rewrite(head.target, rewritePath, values);
  return { ...head, target, fields };
}

/** For a target of HTTP/1.1, which proves by it that it understood; one of HTTP/2 is not told. */
function giveKey(fields: string[]): void {
  remove(fields, 'sec-websocket-key');
  fields.push('Sec-WebSocket-Key', plugins.crypto.randomBytes(16).toString('base64'));
}

function keepProtocols(fields: string[], allowed: readonly string[]): void {
  const kept = listOf(fields, 'sec-websocket-protocol').filter((name) => allowed.includes(name));
  remove(fields, 'sec-websocket-protocol');
  if (kept.length > 0) fields.push('Sec-WebSocket-Protocol', kept.join(', '));
}

/** The query stays, unless the template has one. What may not stand in a request's target is encoded. */
function rewrite(target: string, template: readonly string[], values: ITemplateValues): string {
  const path = fillTemplate(template, values).replace(/[^\x21-\x7e]|[#\\]/gu, encodeURIComponent);
  const query = target.indexOf('?');
  return madePath(query < 0 || path.includes('?') ? path : path + target.slice(query));
}

/**
 * What is wrong with a target's 101, as RFC 6455 §4.1 has clients judge it; null: nothing. A target that did not understand
 * the opening cannot give the right Sec-WebSocket-Accept: then this is no WebSocket, and the answer to the client is 502. One of
 * HTTP/2 has said that it understands, and answers 2xx.
 */
export function checkSwitched(sent: IRequestHead, answer: IResponseHead): string | null {
  const { fields } = answer;
  const unproven = answer.status === 101 ? checkProof(sent, fields) : null;
  if (unproven !== null) return unproven;
  const protocol = fieldValue(fields, 'sec-websocket-protocol');
  if (protocol !== null && !listOf(sent.fields, 'sec-websocket-protocol').includes(protocol)) {
    return 'it chose a subprotocol that was not asked for';
  }
  const offered = new Set(listOf(sent.fields, 'sec-websocket-extensions').map(nameOf));
  const chosen = listOf(fields, 'sec-websocket-extensions').map(nameOf);
  return chosen.every((name) => offered.has(name)) ? null : 'it chose an extension that was not offered';
}

function checkProof(sent: IRequestHead, fields: TFields): string | null {
  if (fieldValue(fields, 'upgrade')?.toLowerCase() !== 'websocket') return 'it switched to something else';
  if (!listOf(fields, 'connection').some((name) => name.toLowerCase() === 'upgrade'))
    return 'its Connection lacks upgrade';
  const key = fieldValue(sent.fields, 'sec-websocket-key') ?? '';
  return fieldValue(fields, 'sec-websocket-accept') === acceptOf(key) ? null : 'its Sec-WebSocket-Accept is wrong';
}

/** RFC 6455 §4.2.2 step 5.4. */
export const acceptOf = (key: string): string =>
  plugins.crypto
    .createHash('sha1')
    .update(key + guid)
    .digest('base64');

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const nameOf = (extension: string): string => extension.split(';', 1)[0]?.trim().toLowerCase() ?? '';

/**
 * The members of a comma-separated field, in order. Commas in quoted parameters of extensions would cut them, which only
 * makes more names that must have been offered.
 */
function listOf(fields: TFields, name: string): string[] {
  const value = fieldValue(fields, name);
  return value === null
    ? []
    : value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
}
