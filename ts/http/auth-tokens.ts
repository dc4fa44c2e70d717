// Signed tokens (RFC 7519): whether a request brings one that its route takes, and what it says of the client.

import type { KeyObject, webcrypto } from 'node:crypto';
import type { IClock } from '../base/clock.js';
import type { ILogger } from '../base/logger.js';
import { fieldValue, type TFields } from '../codec/http-message.js';
import type { IResolvedJwt } from '../config/resolved.js';
import * as plugins from '../plugins.js';
import { askToken } from './auth-answers.js';
import { KeySets, KeysMissing } from './auth-keys.js';
import { type IAsking, type IAuthVerdict, refusedBy } from './auth-types.js';
import { VerifiedTokens } from './auth-verified.js';
import { errorAnswer } from './error-answer.js';
import type { Upstreams } from './upstream.js';

type JWTPayload = plugins.jose.JWTPayload;
type JWTVerifyOptions = plugins.jose.JWTVerifyOptions;

/** Keys of a set that are tried where a token does not say which it is. */
const maxTried = 8;
/** Of the value of a field that a claim becomes. */
const maxClaim = 4096;

export class Tokens {
  readonly #clock: IClock;
  readonly #sets: KeySets;
  readonly #secrets = new WeakMap<IResolvedJwt, KeyObject>();
  readonly #verified: VerifiedTokens;

  constructor(clock: IClock, logger: ILogger, upstreams: Upstreams) {
    this.#clock = clock;
    this.#verified = new VerifiedTokens(clock);
    this.#sets = new KeySets(clock, logger, upstreams);
  }

  async judge(rule: IResolvedJwt, asking: IAsking): Promise<IAuthVerdict> {
    const token = bearerOf(asking.head.fields);
    if (token === null) return refusedBy(askToken(false));
    const generation = this.#sets.generationOf(rule);
    const known = this.#verified.find(rule, token, generation);
    if (known !== null) return known;
    try {
      const payload = await this.#verify(token, rule, asking);
      const verdict: IAuthVerdict = { refusal: null, fields: claimFields(payload, rule), toClient: [] };
      // With the keys of before: if others came meanwhile, it is verified once more.
      this.#verified.keep(rule, token, generation, verdict, payload);
      return verdict;
    } catch (error) {
      // What is wrong with a token is not for whoever made it up.
      return refusedBy(error instanceof KeysMissing ? errorAnswer(503) : askToken(true));
    }
  }

  async #verify(token: string, rule: IResolvedJwt, asking: IAsking): Promise<JWTPayload> {
    const jose = await plugins.loadJose();
    const options = this.#optionsOf(rule);
    if (rule.secret !== null) return (await jose.jwtVerify(token, this.#secretOf(rule), options)).payload;
    const find = await this.#sets.of(rule, asking);
    try {
      return (await jose.jwtVerify(token, find, options)).payload;
    } catch (error) {
      if (!(error instanceof jose.errors.JWKSMultipleMatchingKeys)) throw error;
      return await this.#tryKeys(token, error, options);
    }
  }

  async #tryKeys(
    token: string,
    keys: AsyncIterable<webcrypto.CryptoKey>,
    options: JWTVerifyOptions,
  ): Promise<JWTPayload> {
    const jose = await plugins.loadJose();
    let tried = 0;
    for await (const key of keys) {
      if (tried++ === maxTried) break;
      try {
        return (await jose.jwtVerify(token, key, options)).payload;
      } catch (error) {
        if (!(error instanceof jose.errors.JWSSignatureVerificationFailed)) throw error;
      }
    }
    throw new jose.errors.JWSSignatureVerificationFailed();
  }

  #optionsOf({ algorithms, issuer, audience, requiredClaims, clockToleranceSeconds }: IResolvedJwt): JWTVerifyOptions {
    return {
      algorithms: [...algorithms],
      ...(issuer === null ? {} : { issuer: [...issuer] }),
      ...(audience === null ? {} : { audience: [...audience] }),
      requiredClaims: [...requiredClaims],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(this.#clock.wallMs()),
    };
  }

  #secretOf(rule: IResolvedJwt): KeyObject {
    let key = this.#secrets.get(rule);
    if (key === undefined) {
      key = plugins.crypto.createSecretKey(Buffer.from(rule.secret?.reveal() ?? '', 'utf8'));
      this.#secrets.set(rule, key);
    }
    return key;
  }
}

/** RFC 6750 §2.1. Several Authorization fields are joined by a comma, which no token has. */
const bearer = /^bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;

function bearerOf(fields: TFields): string | null {
  return bearer.exec(fieldValue(fields, 'authorization') ?? '')?.[1] ?? null;
}

function claimFields(payload: JWTPayload, { claims }: IResolvedJwt): readonly string[] {
  return claims.flatMap(({ claim, header }) => {
    const text = Object.hasOwn(payload, claim) ? claimText(payload[claim]) : null;
    return text === null ? [] : [header, text];
  });
}

/**
 * A claim as the value of a field, in UTF-8; a list of texts joined by commas. null where it could be taken for something else:
 * it is left out then, because what names are is often for the client to choose.
 */
export function claimText(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return fieldText(value);
  if (!Array.isArray(value) || value.length === 0) return null;
  const texts = value.map((one: unknown) => (typeof one === 'string' && !one.includes(',') ? fieldText(one) : null));
  return texts.includes(null) ? null : fieldText(value.join(','));
}

function fieldText(text: string): string | null {
  if (text === '' || text.length > maxClaim || /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|^\s|\s$/u.test(text)) return null;
  return Buffer.from(text, 'utf8').toString('latin1');
}
