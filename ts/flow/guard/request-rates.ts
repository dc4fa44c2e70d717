// Whether requests come too often: asks each limit of a route in turn, of the key that the request has in it.

import type { IClock } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { ILogger } from '../../base/logger.js';
import { limitKey } from '../../codec/address.js';
import { fieldValue, type TFields } from '../../codec/http-message.js';
import type { IResolvedRateLimit, IResolvedRoute } from '../../config/resolved.js';
import * as plugins from '../../plugins.js';
import { type IRateLimitStore, type IRateVerdict, RateStore } from './rate-store.js';

/** What keys are made of. */
export interface IRatedRequest {
  readonly clientIp: string;
  /** In its normal form. */
  readonly path: string;
  readonly fields: TFields;
}

/** What the limits of a route say of a request. */
export interface IRateJudgement {
  /** 0: it passes; else the status that answers it: the limit's own, or 503 where the store does not answer. */
  readonly refusedBy: number;
  /** Of the limit with the least left, or that refuses; null: no store answered. */
  readonly verdict: IRateVerdict | null;
}

export interface IRequestRatesParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  /** null: counts stay in this process. */
  readonly store: IRateLimitStore | null;
}

export class RequestRates {
  readonly #clock: IClock;
  readonly #logger: ILogger;
  readonly #own: RateStore;
  readonly #store: IRateLimitStore;

  constructor({ clock, logger, store }: IRequestRatesParts) {
    this.#clock = clock;
    this.#logger = logger;
    this.#own = new RateStore(clock);
    this.#store = store ?? this.#own;
  }

  /** Counts a request. The promise, where the store needs one, never rejects, and is bounded by the limits' `storeTimeout`. */
  judge(
    { key, security: { requests } }: IResolvedRoute,
    request: IRatedRequest,
  ): IRateJudgement | Promise<IRateJudgement> {
    const rates = requests?.rates ?? none;
    let verdict: IRateVerdict | null = null;
    for (let at = 0; at < rates.length; at++) {
      const rate = rates[at] as IResolvedRateLimit;
      const answer = this.#take(key, rate, request);
      if (answer instanceof Promise) return this.#judgeLater({ key, rates, at, request, verdict, answer });
      if (answer === null && !rate.failOpen) return unavailable;
      if (answer !== null && !answer.ok) return { refusedBy: rate.status, verdict: answer };
      verdict = tighter(verdict, answer);
    }
    return { refusedBy: 0, verdict };
  }

  /** What the counts of this process say of a request that does not exist. Counts nothing. */
  look({ key, security: { requests } }: IResolvedRoute, request: IRatedRequest): readonly IRateLook[] {
    return (requests?.rates ?? none).map((rate) => {
      return { rate, verdict: this.#own.look(scopeOf(key, rate), keyOf(rate, request), rate) };
    });
  }

  /** These routes are in force. */
  update(routes: readonly IResolvedRoute[]): void {
    const scopes = routes.flatMap(({ key, security }) =>
      (security.requests?.rates ?? none).map((rate) => scopeOf(key, rate)),
    );
    this.#own.retain(new Set(scopes));
  }

  /** null: it does not answer. */
  #take(route: string, rate: IResolvedRateLimit, request: IRatedRequest): IRateVerdict | null | Promise<TAnswer> {
    try {
      const answer: unknown = this.#store.take(scopeOf(route, rate), keyOf(rate, request), rate);
      return isPromise(answer) ? this.#bounded(answer, rate.storeTimeoutMs) : asVerdict(answer);
    } catch (error) {
      return this.#failed(error);
    }
  }

  async #judgeLater({ key, rates, at, request, verdict, answer }: IUnderWay): Promise<IRateJudgement> {
    let tightest = verdict;
    for (let next = at; next < rates.length; next++) {
      const rate = rates[next] as IResolvedRateLimit;
      const given = await (next === at ? answer : this.#take(key, rate, request));
      if (given === null && !rate.failOpen) return unavailable;
      if (given !== null && !given.ok) return { refusedBy: rate.status, verdict: given };
      tightest = tighter(tightest, given);
    }
    return { refusedBy: 0, verdict: tightest };
  }

  #bounded(answer: Promise<unknown>, limitMs: number): Promise<TAnswer> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(
        () => resolve(this.#failed(new Error(`no answer within ${limitMs} ms`))),
        limitMs,
      );
      const settled = answer.then(asVerdict).catch((error: unknown) => this.#failed(error));
      void settled.then((given) => {
        timer.cancel();
        resolve(given);
      });
    });
  }

  #failed(error: unknown): null {
    this.#logger.warn({ error, why: messageOf(error) }, 'the store of rate limits does not answer');
    return null;
  }
}

/** One limit as it stands for one request. */
export interface IRateLook {
  readonly rate: IResolvedRateLimit;
  readonly verdict: IRateVerdict;
}

type TAnswer = IRateVerdict | null;

interface IUnderWay {
  readonly key: string;
  readonly rates: readonly IResolvedRateLimit[];
  readonly at: number;
  readonly request: IRatedRequest;
  readonly verdict: IRateVerdict | null;
  readonly answer: Promise<TAnswer>;
}

const none: readonly IResolvedRateLimit[] = [];
const unavailable: IRateJudgement = Object.freeze({ refusedBy: 503, verdict: null });

const scopeOf = (route: string, { place }: IResolvedRateLimit): string => `${place} ${route}`;

const maxKeyLength = 64;

/** Bounded in length: what is longer is told by its digest. Fields and addresses never share a key. */
export function keyOf({ keyBy, headerName }: IResolvedRateLimit, { clientIp, path, fields }: IRatedRequest): string {
  if (keyBy === 'path') return bounded(path);
  const value = keyBy === 'header' ? fieldValue(fields, headerName) : null;
  return value === null ? limitKey(clientIp) : `=${bounded(value)}`;
}

const bounded = (text: string): string =>
  text.length <= maxKeyLength ? text : `#${plugins.crypto.createHash('sha256').update(text).digest('base64url')}`;

function tighter(a: IRateVerdict | null, b: IRateVerdict | null): IRateVerdict | null {
  if (a === null || b === null) return a ?? b;
  return b.remaining < a.remaining ? b : a;
}

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

/** What a store of the host program gave, if it is one. */
function asVerdict(value: unknown): IRateVerdict {
  const { ok, limit, remaining, resetMs } = (value ?? {}) as Partial<IRateVerdict>;
  const isNumber = (number: unknown) => typeof number === 'number' && number >= 0 && number < Number.POSITIVE_INFINITY;
  if (typeof ok === 'boolean' && isNumber(limit) && isNumber(remaining) && isNumber(resetMs))
    return value as IRateVerdict;
  throw new TypeError('a store of rate limits must give { ok, limit, remaining, resetMs }');
}
