// Public keys that tokens are signed with: given in the configuration, or fetched from a server and kept. Nobody who makes up tokens
// can make us ask that server often.

import type { IClock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { IResolvedAuthServer, IResolvedJwt } from '../config/resolved.js';
import * as plugins from '../plugins.js';
import { askServer } from './auth-ask.js';
import type { IAsking } from './auth-types.js';
import type { Upstreams } from './upstream.js';

type JSONWebKeySet = plugins.jose.JSONWebKeySet;
export type TFindKey = ReturnType<typeof plugins.jose.createLocalJWKSet>;

/** They were needed and could not be fetched. */
export class KeysMissing extends Error {}

/** After this a set is fetched again, while the old one is in use... */
const freshMs = 10 * 60_000;
/** ...for so long at most, while its server does not answer. */
const maxAgeMs = 60 * 60_000;
/** Between two fetches, whatever keys are asked for. */
const pauseMs = 30_000;
const pauseAfterFailureMs = 5_000;
const timeoutMs = 5_000;
const maxBytes = 256 * 1024;
const maxKeys = 100;
/** Sets that are kept; a configuration that changes may name any number of URLs. */
const maxSets = 256;

export class KeySets {
  readonly #clock: IClock;
  readonly #logger: ILogger;
  readonly #upstreams: Upstreams;
  readonly #given = new WeakMap<IResolvedJwt, TFindKey>();
  /** By the server's key. They outlive configurations. */
  readonly #fetched = new Map<string, FetchedSet>();

  constructor(clock: IClock, logger: ILogger, upstreams: Upstreams) {
    this.#clock = clock;
    this.#logger = logger;
    this.#upstreams = upstreams;
  }

  /** What finds the key of a token. @throws KeysMissing */
  async of(rule: IResolvedJwt, asking: IAsking): Promise<TFindKey> {
    if (rule.server !== null) return await this.#setOf(rule.server).finder(asking);
    let find = this.#given.get(rule);
    if (find === undefined) {
      const { createLocalJWKSet } = await plugins.loadJose();
      find = createLocalJWKSet({ keys: [...(rule.keys ?? [])] } as JSONWebKeySet);
      this.#given.set(rule, find);
    }
    return find;
  }

  /** Another number: what was verified by the keys of a rule before may not be so any more. */
  generationOf({ server }: IResolvedJwt): number {
    return server === null ? 0 : (this.#fetched.get(server.key)?.generation ?? 0);
  }

  #setOf(server: IResolvedAuthServer): FetchedSet {
    const known = this.#fetched.get(server.key);
    if (known !== undefined) return known;
    const set = new FetchedSet(server, this.#clock, this.#logger, this.#upstreams);
    this.#fetched.set(server.key, set);
    const [oldest] = this.#fetched.keys();
    if (this.#fetched.size > maxSets && oldest !== undefined) this.#fetched.delete(oldest);
    return set;
  }
}

let fetches = 0;

class FetchedSet {
  readonly #server: IResolvedAuthServer;
  readonly #clock: IClock;
  readonly #logger: ILogger;
  readonly #upstreams: Upstreams;
  /** Of the keys; no other set ever has the same. */
  generation = 0;
  #find: TFindKey | null = null;
  #fetchedMs = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #pending: Promise<void> | null = null;

  constructor(server: IResolvedAuthServer, clock: IClock, logger: ILogger, upstreams: Upstreams) {
    this.#server = server;
    this.#clock = clock;
    this.#logger = logger;
    this.#upstreams = upstreams;
  }

  async finder(asking: IAsking): Promise<TFindKey> {
    const { errors } = await plugins.loadJose();
    if (this.#find === null || this.#ageMs > maxAgeMs) await this.#refresh(asking);
    else if (this.#ageMs > freshMs) void this.#refresh(asking);
    const find = this.#find;
    if (find === null || this.#ageMs > maxAgeMs) throw new KeysMissing(`no keys of ${this.#server.place}`);
    return (async (header, token) => {
      try {
        return await find(header, token);
      } catch (error) {
        // The issuer may have a new one.
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        await this.#refresh(asking);
        if (this.#find === null || this.#find === find) throw error;
        return await this.#find(header, token);
      }
    }) as TFindKey;
  }

  get #ageMs(): number {
    return this.#clock.nowMs() - this.#fetchedMs;
  }

  /** One at a time, and not too often. Never rejects. */
  #refresh(asking: IAsking): Promise<void> {
    if (this.#pending !== null) return this.#pending;
    if (this.#clock.nowMs() < this.#notBeforeMs) return Promise.resolve();
    this.#pending = this.#fetch(asking).then(
      () => this.#pauseFor(pauseMs),
      (error: unknown) => {
        this.#pauseFor(pauseAfterFailureMs);
        const { place } = this.#server;
        this.#logger.warn({ server: place, why: messageOf(error) }, 'the keys of tokens could not be fetched');
      },
    );
    return this.#pending;
  }

  #pauseFor(ms: number): void {
    this.#pending = null;
    this.#notBeforeMs = this.#clock.nowMs() + ms;
  }

  async #fetch({ connection, routes }: IAsking): Promise<void> {
    const { createLocalJWKSet } = await plugins.loadJose();
    const { status, body } = await askServer(this.#upstreams, {
      ...{ server: this.#server, fields: ['Accept', 'application/jwk-set+json, application/json'], routes },
      ...{ connection, timeoutMs, maxBytes, signal: null },
    });
    if (status !== 200) throw new Error(`the answer is ${status}`);
    this.#find = createLocalJWKSet(keySetIn(body));
    this.generation = ++fetches;
    this.#fetchedMs = this.#clock.nowMs();
  }
}

/** Secrets in a set that everybody can read are none. */
function keySetIn(body: Buffer): JSONWebKeySet {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    // The text of such an error holds what was read.
    throw new Error('the answer is no JSON');
  }
  const keys = typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : null;
  if (!Array.isArray(keys) || keys.length > maxKeys) throw new Error('the answer is no set of keys');
  const usable = keys.filter((key: unknown) => typeof key === 'object' && key !== null && !('k' in key));
  return { keys: usable } as JSONWebKeySet;
}
