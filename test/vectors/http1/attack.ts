// What an attack on the framing or routing of HTTP/1 is here, and short ways to write one down.

export interface IForwarded {
  readonly method: string;
  /** In its normal form. */
  readonly target: string;
  readonly authority: string;
  readonly body: string;
  /** Names in lower case that must not reach the target. */
  readonly absent: readonly string[];
}

/**
 * `status`: refused with it, and no target sees anything; with `part: 'content'` the head is right and what follows it is not,
 * so a target may have seen the beginning of a request, but never a whole one. `forwarded`: exactly one request reaches the target.
 */
export type TAttackExpectation =
  | { readonly status: number; readonly part?: 'content' }
  | { readonly forwarded: IForwarded };

export interface IHttp1Attack {
  /** One of a kind. */
  readonly name: string;
  /** Where it comes from: the clause it breaks, the weakness it is known for. */
  readonly origin: string;
  /** One character an octet. */
  readonly raw: string;
  readonly expect: TAttackExpectation;
}

export type TEntry = readonly [name: string, raw: string, expect: TAttackExpectation];

export const family = (name: string, origin: string, entries: readonly TEntry[]): IHttp1Attack[] =>
  entries.map(([short, raw, expect]) => ({ name: `${name}: ${short}`, origin, raw, expect }));

export const refused = (status = 400): TAttackExpectation => ({ status });
export const cut: TAttackExpectation = { status: 400, part: 'content' };

export const passed = (changes: Partial<IForwarded> = {}): TAttackExpectation => ({
  forwarded: { method: 'GET', target: '/', authority: 'a.test', body: '', absent: [], ...changes },
});
export const posted = (body: string, changes: Partial<IForwarded> = {}): TAttackExpectation =>
  passed({ method: 'POST', body, ...changes });

/** The request that smugglers want to be seen where none is. */
export const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n';

const lines = (fields: readonly string[]): string => fields.map((field) => `${field}\r\n`).join('');

/** GET with one valid Host. */
export const get = (...fields: string[]): string => `GET / HTTP/1.1\r\nHost: a.test\r\n${lines(fields)}\r\n`;
export const post = (fields: readonly string[], body = ''): string =>
  `POST / HTTP/1.1\r\nHost: a.test\r\n${lines(fields)}\r\n${body}`;
export const chunked = (body: string): string => post(['Transfer-Encoding: chunked'], body);
export const target = (text: string, method = 'GET'): string => `${method} ${text} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
