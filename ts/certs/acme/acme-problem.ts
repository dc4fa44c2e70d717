// Why a request to an ACME server did not do what it was for (RFC 8555 §6.7, RFC 7807).

import type { IAcmeIdentifier } from './acme-identifier.js';

/** One of several problems, of one identifier. */
export interface IAcmeSubproblem {
  /** Without the prefix, like that of the whole. */
  readonly type: string;
  readonly detail: string;
  readonly identifier: IAcmeIdentifier | null;
}

export interface IAcmeProblemFacts {
  readonly type: string;
  readonly detail: string;
  readonly status?: number;
  readonly subproblems?: readonly IAcmeSubproblem[];
  readonly retryAfterMs?: number | null;
  readonly links?: readonly string[];
  readonly unpauseUrl?: string | null;
  readonly cause?: unknown;
}

/** Everything that goes wrong with an ACME server is one of these; a cancelled call rejects with its signal's reason. */
export class AcmeProblem extends Error {
  /**
   * What the server calls it, without `urn:ietf:params:acme:error:` (`badNonce`, `rateLimited`, ...); `unknown` if it
   * does not say. Ours: `network`, `timeout`, `malformedAnswer`, and `unsupported` for what the server does not offer.
   */
  readonly type: string;
  /** Of HTTP; 0: there was no answer. */
  readonly status: number;
  /** For people; the server's own words, shortened. */
  readonly detail: string;
  readonly subproblems: readonly IAcmeSubproblem[];
  /** How long the server wants to be left alone; null: it did not say. */
  readonly retryAfterMs: number | null;
  /** Pages that explain it. */
  readonly links: readonly string[];
  /** Where an operator lifts the pause that the authority put on this account; null: there is none. */
  readonly unpauseUrl: string | null;

  constructor(facts: IAcmeProblemFacts) {
    super(`${facts.type}: ${facts.detail}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'AcmeProblem';
    this.type = facts.type;
    this.status = facts.status ?? 0;
    this.detail = facts.detail;
    this.subproblems = facts.subproblems ?? [];
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.links = facts.links ?? [];
    this.unpauseUrl = facts.unpauseUrl ?? null;
  }
}
