// Passwords of which only slow hashes are known. Whoever guesses must not be able to use up the machine: few are compared at a
// time, few wait, and of one client fewer still; what was right a moment ago is not computed again.

import type { IClock } from '../base/clock.js';
import { limitKey } from '../codec/address.js';
import { basicDigest } from '../config/resolve-basic.js';
import type { IResolvedHashedBasic } from '../config/resolved.js';
import { sentCredentials } from '../flow/guard/basic-auth.js';
import * as plugins from '../plugins.js';
import { askPassword } from './auth-answers.js';
import { HashQueue, type TCompare } from './auth-queue.js';
import { type IAsking, type IAuthVerdict, passes, refusedBy } from './auth-types.js';
import { errorAnswer } from './error-answer.js';

/** Pairs of name and password that were right lately. Only who knows one adds to them. */
const maxVerified = 1024;
const verifiedMs = 60_000;

export class Passwords {
  readonly #clock: IClock;
  readonly #queue: HashQueue;
  /** Nobody can tell from a digest what was sent: the key never leaves this process. */
  readonly #key = plugins.crypto.randomBytes(32);
  /** By digest: until when it counts. */
  readonly #verified = new Map<string, number>();

  /** `compare` takes its time off the event loop. */
  constructor(clock: IClock, compare: TCompare) {
    this.#clock = clock;
    this.#queue = new HashQueue(clock, compare);
  }

  get stats() {
    return { verified: this.#verified.size, ...this.#queue.stats };
  }

  async judge(rule: IResolvedHashedBasic, { head, clientIp }: IAsking, signal: AbortSignal): Promise<IAuthVerdict> {
    const sent = sentCredentials(head.fields);
    // Who sends nothing guesses nothing.
    if (sent === '') return refusedBy(askPassword(rule.realm));
    if (isAmong(rule.digests, basicDigest(sent))) return passes;
    const key = this.#digest(`${rule.id} ${sent.normalize('NFC')}`);
    if (this.#isVerified(key)) return passes;
    const { user, known } = this.#userFor(rule, sent);
    const password = sent.slice(sent.indexOf(':') + 1).normalize('NFC');
    const { hash } = user;
    const outcome = await this.#queue.compare({ key, hash, password, client: limitKey(clientIp), signal });
    if (outcome === 'busy') return refusedBy(errorAnswer(503));
    if (!(outcome && known)) return refusedBy(askPassword(rule.realm));
    this.#remember(key);
    return passes;
  }

  /** For a name that nobody has, one of the others, always the same: to compare with it takes as long. */
  #userFor({ users }: IResolvedHashedBasic, sent: string) {
    const colon = sent.indexOf(':');
    const name = basicDigest(colon < 0 ? sent : sent.slice(0, colon));
    let place = plugins.crypto.createHmac('sha256', this.#key).update(name).digest().readUInt32BE() % users.length;
    let known = 0;
    for (let at = 0; at < users.length; at++) {
      const same = Number(plugins.crypto.timingSafeEqual(name, (users[at] as (typeof users)[number]).name));
      place = same * at + (1 - same) * place;
      known |= same;
    }
    return { user: users[place] as (typeof users)[number], known: known === 1 && colon >= 0 };
  }

  #digest = (text: string): string => plugins.crypto.createHmac('sha256', this.#key).update(text).digest('base64');

  #isVerified(key: string): boolean {
    const untilMs = this.#verified.get(key);
    if (untilMs === undefined) return false;
    if (this.#clock.nowMs() < untilMs) return true;
    this.#verified.delete(key);
    return false;
  }

  #remember(key: string): void {
    this.#verified.delete(key);
    this.#verified.set(key, this.#clock.nowMs() + verifiedMs);
    const [oldest] = this.#verified.keys();
    if (this.#verified.size > maxVerified && oldest !== undefined) this.#verified.delete(oldest);
  }
}

/** Compares with all of them, whichever is the same. */
function isAmong(digests: readonly Uint8Array[], sent: Uint8Array): boolean {
  let found = 0;
  for (const digest of digests) found |= Number(plugins.crypto.timingSafeEqual(sent, digest));
  return found === 1;
}
