// Requests of HTTP/1.1 as an attacker writes them, one character an octet.

import type { IAim, IAttack, IAttackRequest, IAttackWish, TAttackFamily } from './types.js';

/** Field lines. */
export const lines = (fields: readonly string[]): string => fields.map((field) => `${field}\r\n`).join('');

/** `GET` with a valid Host and these lines. */
export const get = (aim: IAim, ...fields: string[]): string =>
  `GET ${aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\n${lines([...aim.extra, ...fields])}\r\n`;

export const post = (aim: IAim, fields: readonly string[], content = ''): string =>
  `POST ${aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\n${lines([...aim.extra, ...fields])}\r\n${content}`;

/** The request that a smuggler wants to be seen where none is. */
export const smuggled = (aim: IAim): string =>
  `GET ${aim.path}?smuggled HTTP/1.1\r\nHost: ${aim.host}\r\nX-Smuggled: yes\r\n${lines(aim.extra)}\r\n`;

/** Chunks that are right (RFC 9112 §7.1). */
export const inChunks = (content: string): string =>
  `${content === '' ? '' : `${content.length.toString(16)}\r\n${content}\r\n`}0\r\n\r\n`;

export function requestText(aim: IAim, { method = 'GET', target, fields = [], content }: IAttackRequest): string {
  const own = content === undefined ? [...aim.extra] : [...aim.extra, `Content-Length: ${content.length}`];
  for (let at = 0; at < fields.length; at += 2) own.push(`${fields[at]}: ${fields[at + 1]}`);
  return `${method} ${target ?? aim.path} HTTP/1.1\r\nHost: ${aim.host}\r\n${lines(own)}\r\n${content ?? ''}`;
}

/** What attacks of a kind have in common. */
export interface IKind {
  readonly family: TAttackFamily;
  readonly about: string;
  readonly clause: string;
  readonly change: string;
  readonly wish: IAttackWish;
}

type TText = (aim: IAim) => string;

export const octets = (kind: IKind, name: string, text: TText, wish: Partial<IAttackWish> = {}): IAttack => ({
  ...kind,
  name,
  send: { kind: 'octets', text },
  wish: { ...kind.wish, ...wish },
});

export const request = (
  kind: IKind,
  name: string,
  of: (aim: IAim) => IAttackRequest,
  wish: Partial<IAttackWish> = {},
): IAttack => ({ ...kind, name, send: { kind: 'request', request: of }, wish: { ...kind.wish, ...wish } });

/** A text in short, with what cannot be seen escaped. */
export function inShort(text: string, most = 160): string {
  const escaped = JSON.stringify(text.length > 4 * most ? text.slice(0, 4 * most) : text).slice(1, -1);
  const shown = escaped.replace(/\\"/g, '"').replace(/[\x7f-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  return shown.length <= most ? shown : `${shown.slice(0, most)}... (${text.length} octets)`;
}

/** The same in quotes. */
export const quoted = (text: string): string => `"${inShort(text)}"`;
