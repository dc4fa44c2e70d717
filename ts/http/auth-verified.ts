// Tokens that were verified a moment ago. A client sends the same one with each request, and to verify a signature costs more
// than all else that a request needs.

import type { IClock } from '../base/clock.js';
import type { IResolvedJwt } from '../config/resolved.js';
import * as plugins from '../plugins.js';
import type { IAuthVerdict } from './auth-types.js';

/** Of one rule; the oldest leave first. Only who has a token that is good adds to them. */
const maxVerified = 1_024;
const verifiedMs = 60_000;

/** When a token is good, seconds since 1970 (RFC 7519 §4.1.4, §4.1.5); undefined: it does not say. */
export interface ITokenTimes {
  readonly exp?: number | undefined;
  readonly nbf?: number | undefined;
}

interface IVerified {
  readonly verdict: IAuthVerdict;
  readonly times: ITokenTimes;
  readonly untilMs: number;
  /** Of the keys that it was verified by. */
  readonly generation: number;
}

export class VerifiedTokens {
  readonly #clock: IClock;
  /** Nobody can tell from a digest what was sent: the key never leaves this process. */
  readonly #key = plugins.crypto.randomBytes(32);
  /** A rule of another configuration is another rule. */
  readonly #rules = new WeakMap<IResolvedJwt, Map<string, IVerified>>();

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  /** What was found of it, if it is still so; null: it is to be verified. */
  find(rule: IResolvedJwt, token: string, generation: number): IAuthVerdict | null {
    const known = this.#rules.get(rule);
    if (known === undefined) return null;
    const digest = this.#digest(token);
    const found = known.get(digest);
    if (found === undefined) return null;
    const isFresh = this.#clock.nowMs() < found.untilMs && found.generation === generation;
    if (isFresh && this.#isTimely(found.times, rule)) return found.verdict;
    known.delete(digest);
    return null;
  }

  keep(rule: IResolvedJwt, token: string, generation: number, verdict: IAuthVerdict, times: ITokenTimes): void {
    let known = this.#rules.get(rule);
    if (known === undefined) {
      known = new Map();
      this.#rules.set(rule, known);
    }
    known.set(this.#digest(token), { verdict, times, untilMs: this.#clock.nowMs() + verifiedMs, generation });
    const [oldest] = known.keys();
    if (known.size > maxVerified && oldest !== undefined) known.delete(oldest);
  }

  /** As it was judged when it was verified, by the time that it is now. */
  #isTimely({ exp, nbf }: ITokenTimes, { clockToleranceSeconds }: IResolvedJwt): boolean {
    const now = Math.floor(this.#clock.wallMs() / 1_000);
    if (nbf !== undefined && nbf > now + clockToleranceSeconds) return false;
    return exp === undefined || exp > now - clockToleranceSeconds;
  }

  #digest(token: string): string {
    return plugins.crypto.createHmac('sha256', this.#key).update(token).digest('base64');
  }
}
