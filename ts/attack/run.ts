// Tries all attacks on a proxy, one after the other, each with an innocent request behind it, and reports what came of them.

import { ProxyError } from '../base/errors.js';
import type { IPlace } from './connect.js';
import { type IAttackTarget, openSocket, placeOf } from './connect.js';
import { attackFamilies, attacksOn } from './corpus.js';
import { type IBaseline, isInnocent, judge } from './judge.js';
import { answerToCanary, canaryField } from './markers.js';
import type { IAttackOrigin } from './origin.js';
import { resultOf, toReport } from './report.js';
import { trySlowly } from './slow.js';
import type {
  IAim,
  IAnswer,
  IAttack,
  IAttackReport,
  IAttackResult,
  IVisit,
  TAttackFamily,
  TAttackVersion,
} from './types.js';
import { visitByH1 } from './visit-h1.js';
import { speaksH2, visitByH2 } from './visit-h2.js';
import { get, requestText } from './write-h1.js';
import { requestFrames } from './write-h2.js';

/** What `runAttacks` takes. */
export interface IAttackOptions {
  /** The proxy. */
  readonly target: IAttackTarget;
  /** True: a target that is not on this machine may be attacked, because it is yours. Default false. */
  readonly ownsTarget?: boolean;
  /** What requests ask for, and the name sent by SNI. Default `localhost`. */
  readonly host?: string;
  /** A path that is served to anybody, without a query. Default `/`. */
  readonly path?: string;
  /** Fields that innocent requests and attacks need to be served, such as credentials. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Paths that nobody gets without credentials. Default none: no spellings are tried. */
  readonly protectedPaths?: readonly string[];
  /** The one target of the proxy, of `startAttackOrigin`. Without it answers alone are judged. */
  readonly origin?: IAttackOrigin;
  /** The proxy believes the address that the attacks come from, as `trustedProxies` says. Default false. */
  readonly trusted?: boolean;
  /** Default: all but `slow`. */
  readonly families?: readonly TAttackFamily[];
  /** Default: both, where the proxy speaks both. */
  readonly versions?: readonly TAttackVersion[];
  /** Milliseconds for each case. Innocent requests have at least 5 000. Default 2 000. */
  readonly caseMs?: number;
  /** Milliseconds that slow cases are given to be ended by the proxy. Default 30 000. */
  readonly slowMs?: number;
  /** Is told each result as soon as there is one. */
  readonly onResult?: (result: IAttackResult) => void;
}

/**
 * Tries the attacks that fit, on at most two connections at a time (slow ones: six). Repeatable: nothing is random.
 * @throws ConfigError if the target is not on this machine and not said to be yours; ProxyError TARGET_UNREACHABLE if an innocent
 * request is not answered, TARGET_UNRESOLVED
 */
export async function runAttacks(options: IAttackOptions): Promise<IAttackReport> {
  const place = await placeOf(options.target, options.ownsTarget ?? false);
  const siege = new Siege(options, place);
  await siege.begin();
  await siege.tryAll();
  return siege.report();
}

class Siege {
  readonly #options: IAttackOptions;
  readonly #place: IPlace;
  readonly #aim: IAim;
  readonly #waitMs: number;
  readonly #results: IAttackResult[] = [];
  readonly #notes: string[] = [];
  #baseline: IBaseline = { status: 0, fields: null, unknown: null };
  /** The content of an innocent answer, where it is always the same. */
  #content: string | null = null;
  #versions: readonly TAttackVersion[] = ['1.1'];
  #canaries = 0;
  /** Innocent requests in a row that were not answered. */
  #unanswered = 0;

  constructor(options: IAttackOptions, place: IPlace) {
    this.#options = options;
    this.#place = place;
    this.#waitMs = options.caseMs ?? 2_000;
    const extra = Object.entries(options.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
    const { host = 'localhost', path = '/' } = options;
    this.#aim = { host, path, isTls: place.isTls, extra };
  }

  report(): IAttackReport {
    const { address, port, isTls } = this.#place;
    const { host, path } = this.#aim;
    const at = `${address.includes(':') ? `[${address}]` : address}:${port}`;
    const isObserved = this.#baseline.fields !== null;
    const target = `${isTls ? 'https' : 'http'}://${host}${path} at ${at}`;
    return toReport({ target, isObserved, notes: this.#notes, results: this.#results });
  }

  /** Learns what an innocent request gives. */
  async begin(): Promise<void> {
    const { origin, protectedPaths = [] } = this.#options;
    origin?.take();
    const [first, second] = [await this.#innocent(), await this.#innocent()];
    const answer = first.answer;
    if (answer === undefined) {
      throw new ProxyError(
        'TARGET_UNREACHABLE',
        `an innocent request is not answered: ${first.words || 'no answer in time'}`,
      );
    }
    if (sameAnswer(answer, second.answer)) this.#content = answer.content;
    const reached = origin?.take().requests[0];
    const names = reached?.fields.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    const unknown = protectedPaths.length === 0 ? null : await this.#unknown();
    this.#baseline = { status: answer.status, fields: names === undefined ? null : new Set(names), unknown };
    if (origin !== undefined && reached === undefined) {
      this.#notes.push(
        `an innocent request is answered by ${answer.status} and does not reach the target: answers alone are judged`,
      );
    } else if (answer.status >= 400) {
      this.#notes.push(
        `an innocent request is answered by ${answer.status}: refusals say little; give a path that is served`,
      );
    }
    await this.#findVersions();
  }

  async #findVersions(): Promise<void> {
    const wanted = this.#options.versions ?? ['1.1', '2'];
    const socket = wanted.includes('2') ? await this.#open('h2').catch(() => null) : null;
    const has2 = socket !== null && (await speaksH2(socket, this.#patienceMs));
    this.#versions = wanted.filter((version) => version === '1.1' || has2);
    if (wanted.includes('2') && !has2) this.#notes.push('HTTP/2 is not spoken there, and was not tried');
  }

  async tryAll(): Promise<void> {
    const { families = attackFamilies.filter((family) => family !== 'slow'), protectedPaths = [] } = this.#options;
    const guarded = await this.#guarded(families.includes('path') ? protectedPaths : []);
    const attacks = attacksOn(guarded, this.#aim.path).filter(({ family }) => families.includes(family));
    for (const attack of attacks) {
      for (const version of versionsOf(attack)) {
        if (!this.#versions.includes(version)) continue;
        if (this.#unanswered < mostUnanswered) await this.#try(attack, version);
        else this.#skip(attack, version);
      }
    }
    const slow = attacks.filter(({ send }) => send.kind === 'slow');
    if (slow.length > 0 && this.#versions.includes('1.1')) await this.#trySlow(slow);
  }

  /** Those of the paths that are refused when they are asked for as they are. */
  async #guarded(paths: readonly string[]): Promise<readonly string[]> {
    const guarded: string[] = [];
    for (const path of paths) {
      const answer = await this.#ask(get({ ...this.#aim, path }));
      if (answer !== undefined && answer.status >= 400) guarded.push(path);
      else this.#notes.push(`${path} is not protected: it is answered by ${answer?.status ?? 'nothing'}`);
    }
    this.#options.origin?.take();
    return guarded;
  }

  async #try(attack: IAttack, version: TAttackVersion): Promise<void> {
    const { origin, trusted: isTrusted = false } = this.#options;
    origin?.take();
    const { sent, visit } = await this.#visit(attack, version);
    const canary = await this.#canary();
    const seen = origin?.take();
    const isObserved = this.#baseline.fields !== null && seen !== undefined;
    const reached = isObserved ? { ...seen, requests: seen.requests.filter((each) => !isInnocent(each)) } : null;
    const judgement = judge({ attack, visit, baseline: this.#baseline, origin: reached, canary, isTrusted });
    this.#tell(resultOf({ attack, version, sent, visit, judgement, requests: reached?.requests ?? null }));
  }

  #skip(attack: IAttack, version: TAttackVersion): void {
    const why = 'the proxy does not answer innocent requests any more';
    const visit: IVisit = { answers: [], end: 'done', words: '' };
    const judgement = { verdict: 'skipped', why } as const;
    this.#tell(resultOf({ attack, version, sent: '', visit, judgement, requests: null }));
  }

  #tell(result: IAttackResult): void {
    this.#results.push(result);
    this.#options.onResult?.(result);
  }

  async #visit(attack: IAttack, version: TAttackVersion): Promise<{ sent: string; visit: IVisit }> {
    const aim = this.#aim;
    const { send } = attack;
    const waitMs = this.#waitMs;
    const text =
      send.kind === 'octets' ? send.text(aim) : send.kind === 'request' ? requestText(aim, send.request(aim)) : '';
    const frames =
      send.kind === 'frames'
        ? send.frames(aim)
        : send.kind === 'request'
          ? requestFrames(1, aim, send.request(aim))
          : [];
    const sent = version === '1.1' || send.kind === 'request' ? text : `${frames.length} frames: ${attack.name}`;
    try {
      const socket = await this.#open(version === '2' ? 'h2' : 'http/1.1');
      const visit =
        version === '2' ? visitByH2({ socket, aim, frames, waitMs }) : visitByH1({ socket, aim, text, waitMs });
      return { sent, visit: await visit };
    } catch (error) {
      return {
        sent,
        visit: { answers: [], end: 'closed', words: error instanceof Error ? error.message : String(error) },
      };
    }
  }

  async #trySlow(attacks: readonly IAttack[]): Promise<void> {
    const { slowMs = 30_000 } = this.#options;
    const open = () => this.#open('http/1.1');
    const given = { attacks, aim: this.#aim, slowMs, open, canary: () => this.#canary() };
    for (const result of await trySlowly(given)) this.#tell(result);
  }

  /** What is wrong with an innocent request on a connection of its own; `''`: nothing. */
  async #canary(): Promise<string> {
    const { answer, wanted, words } = await this.#innocent();
    this.#unanswered = answer === undefined ? this.#unanswered + 1 : 0;
    if (answer === undefined)
      return `the innocent request behind it was not answered: ${words || `nothing came within ${this.#patienceMs} ms`}`;
    if (answer.status !== this.#baseline.status)
      return `the innocent request behind it was answered by ${answer.status}`;
    const isOurs = this.#baseline.fields !== null && this.#content === null;
    const isRight = isOurs ? answer.content === wanted : this.#content === null || this.#content === answer.content;
    return isRight
      ? ''
      : `the innocent request behind it got another answer: ${JSON.stringify(answer.content.slice(0, 80))}`;
  }

  async #innocent(): Promise<{ answer: IAnswer | undefined; wanted: string; words: string }> {
    const name = `canary-${++this.#canaries}`;
    const text = get(this.#aim, `${canaryField}: ${name}`, 'Cookie: session=innocent', 'Connection: close');
    try {
      const socket = await this.#open('http/1.1');
      const { answers, words } = await visitByH1({ socket, aim: this.#aim, text, waitMs: this.#patienceMs });
      return { answer: answers[0], wanted: answerToCanary(name), words };
    } catch (error) {
      return { answer: undefined, wanted: '', words: error instanceof Error ? error.message : String(error) };
    }
  }

  async #ask(text: string): Promise<IAnswer | undefined> {
    const socket = await this.#open('http/1.1');
    return (await visitByH1({ socket, aim: this.#aim, text, waitMs: this.#patienceMs })).answers[0];
  }

  async #unknown(): Promise<IAnswer | null> {
    const answer = await this.#ask(get({ ...this.#aim, path: '/no-such-path-8f2c/x' }, 'Connection: close'));
    return answer ?? null;
  }

  get #patienceMs(): number {
    return Math.max(this.#waitMs, leastPatienceMs);
  }

  #open(alpn: string) {
    return openSocket(this.#place, this.#aim.host, alpn, this.#patienceMs);
  }
}

/** Milliseconds for an innocent request: a busy machine is no finding. */
const leastPatienceMs = 5_000;
/** Nothing is learned from a proxy that is dead, and waiting for it takes long. */
const mostUnanswered = 3;

const sameAnswer = (one: IAnswer, other: IAnswer | undefined): boolean =>
  other !== undefined && one.status === other.status && one.content === other.content;

const versionsOf = ({ send }: IAttack): readonly TAttackVersion[] =>
  send.kind === 'frames' ? ['2'] : send.kind === 'request' ? ['1.1', '2'] : send.kind === 'octets' ? ['1.1'] : [];
