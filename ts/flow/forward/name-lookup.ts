// One name's way to an answer: name servers, then what the system knows besides them, within a time limit.

import type { IClock } from '../../base/clock.js';
import { messageOf, ProxyError } from '../../base/errors.js';
import * as plugins from '../../plugins.js';
import { dnsCode, isAbsence, queryDns, type TDnsClient } from './dns-query.js';

export interface INameLookupOptions {
  readonly clock: IClock;
  /** Name servers as `address:port`. Default: the system's. */
  readonly servers?: readonly string[];
  /** Milliseconds that a name may take. Default 5 000. */
  readonly timeoutMs?: number;
  /** What knows more than name servers: search domains, mDNS. It may block a thread. Default `dns.lookup`. */
  readonly lookup?: (name: string) => Promise<readonly string[]>;
}

/** `absent`: there is no such name, or it has no address. `failed`: nobody could tell. */
export type TOutcome =
  | { readonly kind: 'found'; readonly addresses: readonly string[]; readonly ttlMs: number }
  | { readonly kind: 'absent' | 'failed'; readonly error: ProxyError };

/** For answers of `lookup`, which has no TTL. */
const lookupTtlMs = 10_000;
/** `dns.lookup` occupies one of Node's four threads, which files need too. */
const maxLookups = 2;
/** How soon the system's list of name servers is read again after they have failed. */
const renewAfterMs = 10_000;
/** No name server would take the question. */
const refusedCodes = new Set(['EREFUSED', 'ECONNREFUSED']);

export class NameLookup {
  readonly #clock: IClock;
  readonly #timeoutMs: number;
  readonly #servers: readonly string[] | undefined;
  readonly #lookup: (name: string) => Promise<readonly string[]>;
  readonly #lookups = plugins.pLimit(maxLookups);
  #client: TDnsClient;
  #clientMs: number;

  constructor({ clock, servers, timeoutMs = 5_000, lookup = systemLookup }: INameLookupOptions) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#servers = servers;
    this.#lookup = lookup;
    this.#client = makeClient(servers);
    this.#clientMs = clock.nowMs();
  }

  /** Never rejects. */
  ask(name: string): Promise<TOutcome> {
    return new Promise((resolve) => {
      const deadline = new AbortController();
      const timer = this.#clock.setTimer(() => {
        deadline.abort();
        resolve(unanswered('failed', name, new Error(`no answer within ${this.#timeoutMs} ms`)));
      }, this.#timeoutMs);
      this.#search(name, deadline.signal).then((outcome) => {
        timer.cancel();
        resolve(outcome);
      });
    });
  }

  /** Gives up all questions to name servers. */
  cancel(): void {
    this.#client.cancel();
  }

  async #search(name: string, deadline: AbortSignal): Promise<TOutcome> {
    try {
      return { kind: 'found', ...(await queryDns(this.#client, name, this.#clock)) };
    } catch (error) {
      const absent = isAbsence(error);
      if (!absent) this.#renewClient();
      if (!absent && !refusedCodes.has(dnsCode(error))) return unanswered('failed', name, error);
      return this.#askSystem(name, deadline, unanswered(absent ? 'absent' : 'failed', name, error));
    }
  }

  async #askSystem(name: string, deadline: AbortSignal, otherwise: TOutcome): Promise<TOutcome> {
    try {
      // Whose time was up while it waited for its turn does not take one.
      const addresses = await this.#lookups(async () => (deadline.aborted ? [] : this.#lookup(name)));
      return addresses.length === 0 ? otherwise : { kind: 'found', addresses, ttlMs: lookupTtlMs };
    } catch (error) {
      // The search domains' servers could not be asked, so that nobody knows whether the name is there.
      return dnsCode(error) === 'EAI_AGAIN' ? unanswered('failed', name, error) : otherwise;
    }
  }

  /** A client keeps the name servers that it found when it was made, but networks change. */
  #renewClient(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#servers !== undefined || nowMs - this.#clientMs < renewAfterMs) return;
    this.#client = makeClient(undefined);
    this.#clientMs = nowMs;
  }
}

function makeClient(servers: readonly string[] | undefined): TDnsClient {
  const client = new plugins.dns.promises.Resolver({ timeout: 2_000, tries: 2 });
  if (servers) client.setServers(servers);
  return client;
}

async function systemLookup(name: string): Promise<readonly string[]> {
  const found = await plugins.dns.promises.lookup(name, { all: true });
  return found.sort((one, other) => one.family - other.family).map(({ address }) => address);
}

function unanswered(kind: 'absent' | 'failed', name: string, cause: unknown): TOutcome {
  const why = dnsCode(cause) || messageOf(cause);
  return { kind, error: new ProxyError('TARGET_UNRESOLVED', `cannot resolve ${name}: ${why}`, { cause }) };
}
