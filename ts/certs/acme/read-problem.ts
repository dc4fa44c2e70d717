// Makes an AcmeProblem of what a server says (RFC 7807, RFC 8555 §6.7).

import { linksOf, retryAfterOf } from './acme-headers.js';
import type { IAcmeAnswer } from './acme-http.js';
import type { IAcmeIdentifier } from './acme-identifier.js';
import { AcmeProblem, type IAcmeProblemFacts, type IAcmeSubproblem } from './acme-problem.js';

const maxDetailLength = 1000;
const maxSubproblems = 100;
/** Each `https://` in it is followed for a while: a megabyte of them would hold up everything else for seconds. */
const maxSearched = 10_000;

/** Of an answer that is no success. */
export function problemOf(answer: IAcmeAnswer, wallMs: number): AcmeProblem {
  const { status, headers, body, url } = answer;
  const document = asRecord(parse(body));
  const facts = factsOf(document);
  const redirect = headers.location === undefined ? '' : ` to ${headers.location}`;
  const fallback = document.detail === undefined ? `the server answered ${status}${redirect}` : facts.detail;
  return new AcmeProblem({
    ...facts,
    detail: shortened(fallback),
    status,
    retryAfterMs: retryAfterOf(headers, wallMs),
    links: linksOf(headers, 'help', url),
  });
}

/** Of a problem document inside of an order or a challenge; null: there is none. */
export function problemIn(value: unknown): AcmeProblem | null {
  if (typeof value !== 'object' || value === null) return null;
  const document = asRecord(value);
  const status = typeof document.status === 'number' ? document.status : 0;
  return new AcmeProblem({ ...factsOf(document), status });
}

function factsOf(document: Record<string, unknown>): IAcmeProblemFacts {
  const detail = textOf(document.detail);
  const list = Array.isArray(document.subproblems) ? document.subproblems.slice(0, maxSubproblems) : [];
  return {
    type: typeOf(document.type),
    detail: shortened(detail === '' ? textOf(document.title) : detail),
    subproblems: list.map((entry) => subproblemOf(asRecord(entry))),
    // Let's Encrypt gives the page in its sentence; a token in the address makes it long.
    unpauseUrl: /https:\/\/[^\s"'<>]{1,4000}\/unpause[^\s"'<>]{0,4000}/.exec(detail.slice(0, maxSearched))?.[0] ?? null,
  };
}

const subproblemOf = (document: Record<string, unknown>): IAcmeSubproblem => ({
  type: typeOf(document.type),
  detail: shortened(textOf(document.detail)),
  identifier: identifierIn(document.identifier),
});

function identifierIn(value: unknown): IAcmeIdentifier | null {
  const { type, value: name } = asRecord(value);
  return (type === 'dns' || type === 'ip') && typeof name === 'string' ? { type, value: shortened(name) } : null;
}

function typeOf(value: unknown): string {
  const [, word] = /^urn:(?:ietf:params:)?acme:error:([\w-]{1,64})$/.exec(textOf(value)) ?? [];
  return word ?? 'unknown';
}

/** An empty one for what is no object. */
export const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** It goes into logs: one line, and not without end. */
const shortened = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  text.slice(0, maxDetailLength).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
