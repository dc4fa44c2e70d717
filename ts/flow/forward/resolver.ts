// Names of targets into addresses: at once where they are known, else by DNS, never holding up other names.

import type { IClock } from '../../base/clock.js';
import { ProxyError } from '../../base/errors.js';
import * as plugins from '../../plugins.js';
import { HostsFile, systemHostsPath } from './hosts-file.js';
import { type INameLookupOptions, NameLookup, type TOutcome } from './name-lookup.js';
import type { IResolver } from './target-types.js';

export interface IResolverOptions extends INameLookupOptions {
  /** Default: the system's. */
  readonly hostsPath?: string;
  /** Names kept. Default 1 000; the one learnt longest ago goes first. */
  readonly maxNames?: number;
}

/** What is known about a name. */
interface IKnown {
  /** Empty where `failure` is given. */
  readonly addresses: readonly string[];
  readonly failure: ProxyError | null;
  readonly untilMs: number;
  /** From when on the next question brings a new answer in time. */
  readonly refreshMs: number;
  /** How long it may stand in for an answer that cannot be had (RFC 8767 §4). */
  readonly staleUntilMs: number;
  /** Counts answers, so that addresses take turns being first. */
  turn: number;
}

const minTtlMs = 1_000;
const maxTtlMs = 300_000;
const absentTtlMs = 2_000;
const failureTtlMs = 1_000;
const maxStaleMs = 300_000;
/** How long a client waits for a new answer while there is a stale one (RFC 8767 §5). */
const staleAfterMs = 1_000;
/** Names that may be asked for at a time: functions may make a name of what a client sent. */
const maxFlights = 512;

const localhost: readonly string[] = Object.freeze(['127.0.0.1', '::1']);

export class Resolver implements IResolver {
  readonly #clock: IClock;
  readonly #hosts: HostsFile;
  readonly #lookup: NameLookup;
  readonly #maxNames: number;
  readonly #known = new Map<string, IKnown>();
  /** One a name, however many ask. They never reject. */
  readonly #flights = new Map<string, Promise<IKnown>>();
  #ended = false;

  constructor({ hostsPath = systemHostsPath(), maxNames = 1_000, ...options }: IResolverOptions) {
    this.#clock = options.clock;
    this.#hosts = new HostsFile(hostsPath, options.clock);
    this.#lookup = new NameLookup(options);
    this.#maxNames = maxNames;
  }

  /** How many names something is known about. */
  get size(): number {
    return this.#known.size;
  }

  resolve(host: string, signal?: AbortSignal): readonly string[] | Promise<readonly string[]> {
    if (plugins.net.isIP(host) !== 0) return [host];
    const name = foldName(host);
    if (name === 'localhost' || name.endsWith('.localhost')) return localhost; // RFC 6761 §6.3
    const listed = this.#hosts.loaded ? this.#hosts.find(name) : undefined;
    if (listed) return listed;
    const known = this.#known.get(name);
    if (known !== undefined && this.#clock.nowMs() < known.untilMs) {
      if (this.#clock.nowMs() >= known.refreshMs) void this.#ask(name);
      return known.failure === null ? inTurn(known) : Promise.reject(known.failure);
    }
    const answer = this.#hosts.loaded ? this.#waitFor(name, known) : this.#waitForHosts(name);
    return signal === undefined ? answer : abortable(answer, signal);
  }

  /** Gives up what is being asked; later questions for unknown names fail. */
  cleanup(): void {
    this.#ended = true;
    this.#lookup.cancel();
    this.#known.clear();
  }

  async #waitForHosts(name: string): Promise<readonly string[]> {
    await this.#hosts.load();
    return this.resolve(name);
  }

  async #waitFor(name: string, stale: IKnown | undefined): Promise<readonly string[]> {
    const answer = this.#ask(name);
    const usable = stale !== undefined && stale.failure === null && this.#clock.nowMs() < stale.staleUntilMs;
    const known = await (usable ? this.#orAfter(staleAfterMs, answer, stale) : answer);
    if (known.failure !== null) throw known.failure;
    return inTurn(known);
  }

  /** What `promise` gives, `otherwise` if that takes longer than `ms`. `promise` must not reject. */
  #orAfter<T>(ms: number, promise: Promise<T>, otherwise: T): Promise<T> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(() => resolve(otherwise), ms);
      promise.then((value) => {
        timer.cancel();
        resolve(value);
      });
    });
  }

  #ask(name: string): Promise<IKnown> {
    const flying = this.#flights.get(name);
    if (flying) return flying;
    if (this.#ended || this.#flights.size >= maxFlights) {
      const why = this.#ended ? 'the proxy has stopped' : 'too many names are being resolved';
      const error = new ProxyError('TARGET_UNRESOLVED', `cannot resolve ${name}: ${why}`);
      return Promise.resolve(this.#judge(this.#known.get(name), { kind: 'failed', error }));
    }
    const flight = this.#lookup.ask(name).then((outcome) => {
      this.#flights.delete(name);
      return this.#learn(name, outcome);
    });
    this.#flights.set(name, flight);
    return flight;
  }

  #learn(name: string, outcome: TOutcome): IKnown {
    const known = this.#judge(this.#known.get(name), outcome);
    if (this.#ended) return known;
    // Behind all others: the one learnt longest ago is the first.
    this.#known.delete(name);
    this.#known.set(name, known);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > this.#maxNames) this.#known.delete(oldest);
    return known;
  }

  #judge(before: IKnown | undefined, outcome: TOutcome): IKnown {
    const nowMs = this.#clock.nowMs();
    if (outcome.kind === 'found') {
      const ttlMs = Math.min(Math.max(outcome.ttlMs, minTtlMs), maxTtlMs);
      const untilMs = nowMs + ttlMs;
      const { addresses } = outcome;
      const staleUntilMs = untilMs + maxStaleMs;
      return { addresses, failure: null, untilMs, refreshMs: untilMs - ttlMs / 10, staleUntilMs, turn: 0 };
    }
    // A server that says no is believed; one that says nothing does not undo what was known.
    if (outcome.kind === 'failed' && before?.failure === null && nowMs < before.staleUntilMs) {
      const untilMs = Math.max(before.untilMs, nowMs + failureTtlMs);
      return { ...before, untilMs, refreshMs: untilMs };
    }
    return this.#failed(outcome.error, outcome.kind === 'absent' ? absentTtlMs : failureTtlMs);
  }

  #failed(failure: ProxyError, ttlMs: number): IKnown {
    const untilMs = this.#clock.nowMs() + ttlMs;
    return { addresses: [], failure, untilMs, refreshMs: untilMs, staleUntilMs: untilMs, turn: 0 };
  }
}

/** Lower case, without the final dot. */
function foldName(host: string): string {
  const name = host.toLowerCase();
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** The addresses, each family's turned on by one each time: a name with several spreads its connections over them. */
function inTurn(known: IKnown): readonly string[] {
  const { addresses } = known;
  if (addresses.length === 1) return addresses;
  const firstV6 = addresses.findIndex((address) => address.includes(':'));
  const v4 = firstV6 < 0 ? addresses : addresses.slice(0, firstV6);
  const v6 = firstV6 < 0 ? [] : addresses.slice(firstV6);
  const turn = known.turn++;
  return [...turned(v4, turn), ...turned(v6, turn)];
}

function turned(list: readonly string[], turn: number): readonly string[] {
  const at = list.length === 0 ? 0 : turn % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

/** As `promise`; rejects with the signal's reason when that comes first. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
