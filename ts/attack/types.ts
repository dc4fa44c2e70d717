// The words of an attack: what is sent, what must become of it, what came of it.

/** What an attack is about. */
export type TAttackFamily =
  | 'framing'
  | 'head'
  | 'chunks'
  | 'authority'
  | 'path'
  | 'trust'
  | 'upgrade'
  | 'limits'
  | 'http2'
  | 'slow';

export type TAttackVersion = '1.1' | '2';

/** Where requests go. */
export interface IAim {
  /** What requests ask for: Host, `:authority`, SNI. */
  readonly host: string;
  /** A path, without a query, that is served to anybody. */
  readonly path: string;
  readonly isTls: boolean;
  /** Lines that each request has besides, such as credentials. */
  readonly extra: readonly string[];
}

/** A request in terms of no version; it goes by both. */
export interface IAttackRequest {
  /** Default GET. */
  readonly method?: string;
  /** Default: the path of the aim. */
  readonly target?: string;
  /** Names and values in turn. */
  readonly fields?: readonly string[];
  readonly content?: string;
}

/** What is sent: octets of HTTP/1.1, one character each; frames of HTTP/2 behind preface and SETTINGS; or a request. */
export type TAttackSend =
  | { readonly kind: 'octets'; text(aim: IAim): string }
  | { readonly kind: 'frames'; frames(aim: IAim): readonly Uint8Array[] }
  | { readonly kind: 'request'; request(aim: IAim): IAttackRequest }
  | { readonly kind: 'slow'; begin(aim: IAim): string; readonly drip: string };

/** What must become of it. To refuse it is always right. */
export interface IAttackWish {
  /**
   * `refused`: whoever takes it reads it otherwise than somebody else may. `one`: taken, it is one whole request. `closed`: it ends in
   * time, or costs nobody anything. `protected`: nobody gets what the protected path stands for.
   */
  readonly must: 'refused' | 'one' | 'closed' | 'protected';
  /** The content that the target may get. Undefined: any. */
  readonly content?: string;
  /** Names, in lower case, that must not reach the target. */
  readonly absent?: readonly string[];
  /** Names, in lower case, that the target gets with an innocent request and must get now. */
  readonly kept?: readonly string[];
  /** The path that must stay protected. */
  readonly protectedPath?: string;
}

export interface IAttack {
  readonly family: TAttackFamily;
  /** One of a kind within its family. */
  readonly name: string;
  /** The pitfall, and what it is known by. */
  readonly about: string;
  /** The clause that says so. */
  readonly clause: string;
  /** What to change where it succeeds. */
  readonly change: string;
  readonly send: TAttackSend;
  readonly wish: IAttackWish;
}

/** `refused`: by the proxy. `harmless`: taken, and nothing came of it. `skipped`: it could not be tried. */
export type TAttackVerdict = 'refused' | 'harmless' | 'finding' | 'skipped';

export interface IAttackResult {
  readonly family: TAttackFamily;
  readonly name: string;
  readonly version: TAttackVersion;
  readonly about: string;
  readonly clause: string;
  /** In short, escaped. */
  readonly sent: string;
  readonly expected: string;
  readonly cameBack: string;
  readonly verdict: TAttackVerdict;
  /** Of a finding: what is wrong. Of others: what is to be said about it, or `''`. */
  readonly why: string;
  /** Of a finding: what to change; else `''`. */
  readonly change: string;
}

export interface IAttackCounts {
  readonly refused: number;
  readonly harmless: number;
  readonly finding: number;
  readonly skipped: number;
}

export interface IAttackReport {
  /** What was attacked, as `http://a.test/ at 127.0.0.1:8080`. */
  readonly target: string;
  /** True if what reached the target was seen; else answers alone were judged. */
  readonly isObserved: boolean;
  /** What was not tried, and why; what was changed to try it. */
  readonly notes: readonly string[];
  readonly results: readonly IAttackResult[];
  readonly findings: readonly IAttackResult[];
  readonly counts: IAttackCounts;
}

/** An answer, as far as it came. */
export interface IAnswer {
  readonly status: number;
  /** Names and values in turn. */
  readonly fields: readonly string[];
  readonly content: string;
}

/** What a connection gave. */
export interface IVisit {
  readonly answers: readonly IAnswer[];
  /** How it was over: by the other side, by an error of ours to wait longer, or by ourselves when everything had come. */
  readonly end: 'closed' | 'late' | 'done';
  /** What could not be read, or what HTTP/2 said at its end; `''`. */
  readonly words: string;
}

/** A request as it reached a target. */
export interface IOriginRequest {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly fields: readonly string[];
  readonly content: string;
  readonly trailers: readonly string[];
  readonly isWhole: boolean;
}
