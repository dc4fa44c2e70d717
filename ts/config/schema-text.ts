// Texts that end up in HTTP messages: tokens, methods, header fields, templates, paths, origins, PEM.

import * as plugins from '../plugins.js';
import { normalisePathPattern, pathPatternFault } from './path-form.js';
import { checked } from './schema-base.js';
import { templateNames, unknownPlaceholder } from './template.js';

const { zod } = plugins;

/** RFC 9110 §5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export const isToken = (text: string): boolean => text.length <= 256 && token.test(text);

const text = (want: string, holds: (value: string) => boolean) =>
  checked(zod.string({ error: want }), (value) => (holds(value) ? null : want));

export const tokenText = (what: string) => text(`${what}: letters, digits and !#$%&'*+-.^_\`|~`, isToken);

/** A method of HTTP; read in upper case. */
export const methodText = () => tokenText('a method');

export const oneOrMore = <S extends plugins.zod.ZodType>(entry: S, what: string) =>
  zod.union([entry, zod.array(entry, { error: `a list of ${what}, not empty` }).min(1)], {
    error: `${what}: one or a list`,
  });

/** RFC 9110 §5.5, one character an octet, and no white space at the ends, which would be lost. */
const fieldValue = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;
const wantValue = 'a value without control characters and without spaces at its ends, of Latin-1 characters';
const maxValue = 8192;

export function fieldValueFault(value: string): string | null {
  if (value.length > maxValue) return `a value of at most ${maxValue} characters`;
  return fieldValue.test(value) ? null : wantValue;
}

export const plainValue = () => checked(zod.string({ error: wantValue }), fieldValueFault);

export function templateFault(value: string): string | null {
  const unknown = unknownPlaceholder(value);
  return unknown === null ? null : `only placeholders of ${templateNames.map((name) => `{${name}}`).join(' ')}`;
}

export const templateValue = () =>
  checked(zod.string({ error: 'a value or null' }), (value) => fieldValueFault(value) ?? templateFault(value));

/** Fields that frame a message or belong to one connection: the proxy writes them itself (RFC 9110 §7.6.1, §8.6). */
const ownFields: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is wrong with a name in rules; `host` may be set on the way to a target, and nowhere else. */
export function fieldNameFault(name: string, host: boolean): string | null {
  if (!isToken(name)) return 'a field name';
  const lower = name.toLowerCase();
  if (ownFields.has(lower)) return 'another field: the proxy writes this one itself';
  return lower === 'host' && !host ? 'another field: Host belongs to requests' : null;
}

/** A path of a request, without query. */
export const pathText = (want = 'a path that begins with /, as URLs have it') =>
  text(want, (value) => /^\/[!$-;=@-[\]-~]*$/.test(value) && value.length <= 2048);

/** A path of a request, and perhaps a query. */
export const requestTarget = () =>
  text(
    'a path that begins with /, and perhaps a query',
    (value) => /^\/[!$-[\]-~]*$/.test(value) && value.length <= 2048,
  );

export const pathPattern = () => checked(zod.string({ error: 'a path or a pattern of one' }), pathPatternFault);

export { normalisePathPattern };

/** The first bytes of a certificate or key; whether the rest is one shows when it is loaded. */
const isPem = (value: string): boolean => /-----BEGIN [A-Z0-9 ]+-----/.test(value);

/** PEM as text or bytes. */
export const pemText = (what: string) => {
  const want = `${what} as PEM, -----BEGIN ... and so on`;
  const bytes = zod
    .custom<Uint8Array>((value) => value instanceof Uint8Array, { error: want })
    .meta({ fileForm: false });
  return checked(zod.union([zod.string({ error: want }), bytes], { error: want }), (value) =>
    isPem(textOfPem(value)) ? null : want,
  );
};

export const textOfPem = (value: string | Uint8Array): string =>
  typeof value === 'string' ? value : Buffer.from(value).toString('latin1');

/** `https://a.test`, `https://a.test:8443`; null if it is none. */
export function normaliseOrigin(value: string): string | null {
  if (value === 'null') return value;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\\\s]+$/i.test(value) || !URL.canParse(value)) return null;
  const { protocol, host } = new URL(value);
  return host === '' ? null : `${protocol}//${host}`;
}
