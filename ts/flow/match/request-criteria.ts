// What a route asks of a request beyond host and path, one object a criterion.

import { fieldValue } from '../../codec/http-message.js';
import { isTelling } from '../../config/hide-secrets.js';
import type { IResolvedMatch, IResolvedPair } from '../../config/resolved.js';
import type { IRequestFacts } from '../stages.js';
import { type ICriterion, list, shorten } from './criteria.js';
import type { IPathPattern } from './path-text.js';

export type TRequestCriterion = ICriterion<IRequestFacts>;

/** `method`, each of `headers`, each of `query`: cheapest first. */
export function requestCriteria({ method, headers, query }: IResolvedMatch): readonly TRequestCriterion[] {
  if (method === null && headers === null && query === null) return none;
  return [
    ...(method === null ? none : [methodCriterion(method)]),
    ...(headers ?? []).map(headerCriterion),
    ...(query ?? []).map(queryCriterion),
  ];
}

const none: readonly TRequestCriterion[] = [];

function methodCriterion(want: readonly string[]): TRequestCriterion {
  return {
    name: 'method',
    need: 'first-bytes',
    want: list(want),
    test: ({ method }) => want.includes(method),
    got: ({ method }) => shorten(method),
  };
}

function headerCriterion({ name, want }: IResolvedPair): TRequestCriterion {
  const test = testOf(want);
  return {
    name: 'headers',
    need: 'first-bytes',
    want: `${name}: ${shownWant(name, want)}`,
    test({ fields }) {
      const value = fieldValue(fields, name);
      return value !== null && test(value);
    },
    got({ fields }) {
      const value = fieldValue(fields, name);
      return value === null ? `no ${name}` : shorten(`${name}: ${value}`);
    },
  };
}

function queryCriterion({ name, want }: IResolvedPair): TRequestCriterion {
  const test = testOf(want);
  return {
    name: 'query',
    need: 'first-bytes',
    want: `${name}=${shownWant(name, want)}`,
    test: ({ query }) => query !== '' && parametersOf(query).getAll(name).some(test),
    got({ query }) {
      const values = parametersOf(query).getAll(name);
      return values.length === 0 ? `no ${name}` : shorten(values.map((value) => `${name}=${value}`).join('&'));
    },
  };
}

/** Whoever reads an explanation need not know what a client must know. */
const shownWant = (name: string, want: string | RegExp): string => (isTelling(name) ? '(hidden)' : String(want));

/** A pattern of our own: the state that a global or sticky one carries from test to test is none of ours. */
function testOf(want: string | RegExp): (value: string) => boolean {
  if (typeof want === 'string') return (value) => value === want;
  const pattern = new RegExp(want.source, want.flags.replace('g', ''));
  return (value) => {
    pattern.lastIndex = 0;
    return pattern.test(value);
  };
}

/** The parameters of the query that was read last: all routes of a look-up, and both of its phases, ask for the same. */
let lastQuery = '';
let lastParameters = new URLSearchParams();

function parametersOf(query: string): URLSearchParams {
  if (query !== lastQuery) {
    lastParameters = new URLSearchParams(query);
    lastQuery = query;
  }
  return lastParameters;
}

// --- criteria that the index decides about: made for showing ---

export const pathCriterion = (pattern: IPathPattern): TRequestCriterion => ({
  name: 'path',
  need: 'first-bytes',
  want: pattern.text,
  test: ({ path }) => pattern.test(path),
  got: ({ path }) => shorten(path),
});

/** Whether the request came through TLS that we terminate. */
export const tlsCriterion = (tls: 'terminate' | 'passthrough' | 'none'): TRequestCriterion => ({
  name: 'tls',
  need: 'first-bytes',
  want: tls,
  test: ({ isTls }) => tls === (isTls ? 'terminate' : 'none'),
  got: ({ isTls }) => (isTls ? 'terminate' : 'none'),
});
