// An ACME authority without a network: orders, challenges that it really looks at, certificates that are JSON. It keeps to
// the clock that it is given, counts what it is asked, and fails as it is told to.

import type { IClock } from '../../ts/base/clock.js';
import { AcmeProblem, type IAcmeProblemFacts } from '../../ts/certs/acme/acme-problem.js';
import type { IAcmeDirectory, IAcmeOrder, INewOrder, IRenewalInfo } from '../../ts/certs/acme/acme-types.js';
import type { ICertificateFacts } from '../../ts/certs/manager/certificate-facts.js';
import type { IAcmeCalls, IClientWish } from '../../ts/certs/manager/manager-ports.js';
import type { IChallengeSolver, IChallengeToShow } from '../../ts/certs/manager/manager-types.js';
import { fakeFacts } from './fake-certificates.js';
import { type IFakeProcess, makeFakeProcess } from './fake-process.js';

export interface IFakeOrder {
  readonly url: string;
  readonly account: string;
  readonly names: readonly string[];
  readonly profile: string | null;
  readonly replaces: string | null;
  status: IAcmeOrder['status'];
  readonly authorizations: readonly string[];
  certificate: string | null;
  error: AcmeProblem | null;
}

interface IFakeAuthorization {
  readonly url: string;
  readonly name: string;
  readonly wildcard: boolean;
  status: 'pending' | 'valid' | 'invalid';
  readonly tokens: Map<string, string>;
  error: AcmeProblem | null;
  failedKind: string | null;
  posts: number;
}

export interface IBought {
  readonly names: readonly string[];
  readonly serial: string;
  readonly atMs: number;
  readonly replaces: string | null;
  readonly profile: string | null;
}

export interface IFakeCaOptions {
  readonly clock: IClock;
  readonly url?: string;
  readonly lifeDays?: number | ((names: readonly string[]) => number);
  readonly kinds?: readonly string[];
  readonly validationMs?: number;
  readonly signMs?: number;
  readonly profiles?: readonly string[];
  /** Orders in three hours; more are answered with 429. */
  readonly ordersIn3h?: number;
  readonly eabRequired?: boolean;
  /** A failed challenge stays pending, with its error. */
  readonly leavesPending?: boolean;
}

const dayMs = 86_400_000;

export class FakeCa {
  readonly url: string;
  readonly options: IFakeCaOptions;
  readonly orders = new Map<string, IFakeOrder>();
  readonly authorizations = new Map<string, IFakeAuthorization>();
  readonly bought: IBought[] = [];
  /** `call` and when, in the order of coming. */
  readonly requests: { readonly call: string; readonly atMs: number; readonly about: string }[] = [];
  readonly accounts = new Map<string, string>();
  /** What each account told of who stands behind it. */
  readonly contacts = new Map<string, readonly string[]>();
  readonly revoked: string[] = [];
  readonly shown = new Set<string>();
  limitHits = 0;
  mostOrdersIn3h = 0;
  /** What to answer instead; null: what is right. Looked at before anything is done. */
  fault: ((call: string, about: string) => IAcmeProblemFacts | null) | null = null;
  /** The same after it was done: the answer is lost. */
  lostAnswer: ((call: string, about: string) => boolean) | null = null;
  /** What goes wrong with the validation of a name; null: nothing. */
  refusal: ((name: string, kind: string) => string | null) | null = null;
  /** Names whose validation never ends. */
  hangs: (name: string) => boolean = () => false;
  /** Orders stay `ready`, whatever is sent to finalize them. */
  signsNothing = false;
  /** What it calls a name in its authorizations. */
  misnames: (name: string) => string = (name) => name;
  ari: ((cert: ICertificateFacts) => Omit<IRenewalInfo, 'explanationUrl'>) | null = null;
  /** Changes what is signed. */
  forge: ((facts: Record<string, unknown>) => Record<string, unknown>) | null = null;
  #count = 0;
  readonly #orderTimes: number[] = [];
  #oldest = 0;

  constructor(options: IFakeCaOptions) {
    this.options = options;
    this.url = options.url ?? 'https://ca.test/directory';
  }

  countOf(call: string): number {
    return this.requests.filter((request) => request.call === call).length;
  }

  get solver(): IChallengeSolver {
    const keyOf = ({ kind, name, token }: IChallengeToShow) => `${kind} ${name} ${token}`;
    return {
      present: async (challenge) => void this.shown.add(keyOf(challenge)),
      cleanup: async (challenge) => void this.shown.delete(keyOf(challenge)),
    };
  }

  client(wish: IClientWish, process: IFakeProcess = makeFakeProcess()): IAcmeCalls {
    let account = wish.accountUrl;
    const call = <T>(name: string, about: string, effect: () => T): Promise<T> =>
      process.act(`ca ${name}`, () => {
        this.requests.push({ call: name, atMs: this.options.clock.wallMs(), about });
        const fault = this.fault?.(name, about) ?? null;
        if (fault !== null) throw new AcmeProblem(fault);
        if (!['directory', 'newAccount'].includes(name) && !this.#knows(account))
          throw new AcmeProblem({ type: 'accountDoesNotExist', detail: 'no such account', status: 400 });
        const answer = effect();
        if (this.lostAnswer?.(name, about)) throw new AcmeProblem({ type: 'network', detail: 'reset' });
        return answer;
      });
    return {
      get accountUrl() {
        return account;
      },
      directory: () => call('directory', '', () => this.#directory()),
      newAccount: ({ contact, eab }) =>
        call('newAccount', '', () => {
          if (this.options.eabRequired && !eab)
            throw new AcmeProblem({ type: 'externalAccountRequired', detail: 'eab', status: 403 });
          const known = this.accounts.get(wish.accountKey);
          account = known ?? `${this.url}/account/${++this.#count}`;
          this.accounts.set(wish.accountKey, account);
          if (known === undefined) this.contacts.set(account, contact);
          return { url: account, status: 'valid', contact, created: known === undefined };
        }),
      updateAccount: ({ contact }) =>
        call('updateAccount', contact.join(), () => {
          this.contacts.set(account ?? '', contact);
          return { url: account ?? '', status: 'valid', contact, created: false };
        }),
      newOrder: (order) =>
        call('newOrder', order.identifiers.map(({ value }) => value).join(','), () =>
          this.#newOrder(order, account ?? ''),
        ),
      order: (url) => call('order', url, () => this.#seen(this.#find(url))),
      authorization: (url) => call('authorization', url, () => this.#authorization(url)),
      answerChallenge: (url) => call('answerChallenge', url, () => this.#answer(url)),
      finalize: ({ url }, csr) => call('finalize', url, () => this.#finalize(this.#find(url), csr)),
      certificate: (url) =>
        call('certificate', url, () => ({ chain: this.#certificates.get(url) ?? '', alternates: [] })),
      revoke: (cert) => call('revoke', '', () => void this.revoked.push(fakeFacts(cert, '').serial)),
      renewalInfo: (cert) =>
        call('renewalInfo', '', () => {
          if (this.ari === null) throw new AcmeProblem({ type: 'unsupported', detail: 'no ARI' });
          return { explanationUrl: null, ...this.ari(fakeFacts(cert, '')) };
        }),
      keyAuthorization: (token) => `${token}.print`,
      dnsValue: (token) => `value of ${token}`,
      close: () => {},
    };
  }

  readonly #certificates = new Map<string, string>();

  #knows = (account: string | null): boolean => [...this.accounts.values()].includes(account ?? '');

  #directory(): IAcmeDirectory {
    const at = (path: string) => `${this.url}/${path}`;
    return {
      ...{ newNonce: at('nonce'), newAccount: at('account'), newOrder: at('order') },
      ...{ revokeCert: at('revoke'), keyChange: at('key'), termsOfService: null, caaIdentities: [] },
      renewalInfo: this.ari === null ? null : at('ari'),
      externalAccountRequired: this.options.eabRequired ?? false,
      profiles: new Map((this.options.profiles ?? []).map((name) => [name, name])),
    };
  }

  #newOrder({ identifiers, profile = null, replaces = null }: INewOrder, account: string): IAcmeOrder {
    this.#countOrder();
    const url = `${this.url}/order/${++this.#count}`;
    const names = identifiers.map(({ value }) => value);
    const authorizations = names.map((name) => {
      const id = `${this.url}/authorization/${++this.#count}`;
      const wildcard = name.startsWith('*.');
      const kinds = this.options.kinds ?? ['http-01', 'tls-alpn-01', 'dns-01'];
      const possible = wildcard ? kinds.filter((kind) => kind.startsWith('dns')) : kinds;
      const tokens = new Map(possible.map((kind) => [kind, `token${this.#count}${kind}`]));
      const bare = wildcard ? name.slice(2) : name;
      const rest = { error: null, failedKind: null, posts: 0 };
      this.authorizations.set(id, { url: id, name: bare, wildcard, status: 'pending', tokens, ...rest });
      return id;
    });
    const order: IFakeOrder = {
      ...{ url, account, names, profile, replaces, status: 'pending', authorizations },
      ...{ certificate: null, error: null },
    };
    this.orders.set(url, order);
    return this.#seen(order);
  }

  #countOrder(): void {
    const nowMs = this.options.clock.wallMs();
    while ((this.#orderTimes[this.#oldest] ?? nowMs) <= nowMs - 3 * 3_600_000) this.#oldest++;
    const count = this.#orderTimes.length - this.#oldest;
    if (count >= (this.options.ordersIn3h ?? 300)) {
      this.limitHits++;
      throw new AcmeProblem({ type: 'rateLimited', detail: 'too many orders', status: 429, retryAfterMs: 3_600_000 });
    }
    this.#orderTimes.push(nowMs);
    this.mostOrdersIn3h = Math.max(this.mostOrdersIn3h, count + 1);
  }

  #find(url: string): IFakeOrder {
    const order = this.orders.get(url);
    if (order === undefined) throw new AcmeProblem({ type: 'malformed', detail: 'no such order', status: 404 });
    return order;
  }

  #seen(order: IFakeOrder): IAcmeOrder {
    const authorizations = order.authorizations.map((url) => this.authorizations.get(url));
    if (order.status === 'pending' && authorizations.some((one) => one?.status === 'invalid')) order.status = 'invalid';
    if (order.status === 'pending' && authorizations.every((one) => one?.status === 'valid')) order.status = 'ready';
    const { url, status, certificate, error, profile } = order;
    return {
      ...{ url, status, certificate, error, profile, authorizations: order.authorizations },
      identifiers: order.names.map((value) => ({ type: 'dns', value })),
      ...{ finalize: `${url}/finalize`, expiresMs: null, retryAfterMs: null },
    };
  }

  #authorization(url: string) {
    const found = this.authorizations.get(url);
    if (found === undefined) throw new AcmeProblem({ type: 'malformed', detail: 'no such authorization', status: 404 });
    const { name, wildcard, status, tokens, error, failedKind } = found;
    const challenges = [...tokens].map(([type, token]) => ({
      ...{ type, token, url: `${url}/${type}`, retryAfterMs: null },
      status,
      error: type === failedKind ? error : null,
      issuerDomainNames: type === 'dns-persist-01' ? ['ca.test'] : [],
    }));
    const identifier = { type: 'dns' as const, value: this.misnames(name) };
    return { url, status, identifier, wildcard, challenges, expiresMs: null, retryAfterMs: null };
  }

  #answer(challengeUrl: string) {
    const at = challengeUrl.lastIndexOf('/');
    const [url, kind] = [challengeUrl.slice(0, at), challengeUrl.slice(at + 1)];
    const found = this.authorizations.get(url);
    if (found === undefined) throw new AcmeProblem({ type: 'malformed', detail: 'no such challenge', status: 404 });
    found.posts++;
    this.options.clock.setTimer(() => this.#validate(found, kind), this.options.validationMs ?? 500);
    const token = found.tokens.get(kind) ?? '';
    const rest = { error: null, issuerDomainNames: [], retryAfterMs: null };
    return { type: kind, url: challengeUrl, status: 'pending' as const, token, ...rest };
  }

  #validate(found: IFakeAuthorization, kind: string): void {
    const { name, tokens } = found;
    if (found.status !== 'pending' || this.hangs(name)) return;
    const token = kind === 'dns-persist-01' ? '' : tokens.get(kind);
    const isThere = this.shown.has(`${kind} ${name} ${token}`);
    const type = this.refusal?.(name, kind) ?? (isThere ? null : 'connection');
    found.failedKind = type === null ? null : kind;
    found.error = type === null ? null : new AcmeProblem({ type, detail: `${type} at ${name}`, status: 403 });
    if (type === null) found.status = 'valid';
    else if (!this.options.leavesPending) found.status = 'invalid';
  }

  #finalize(order: IFakeOrder, csr: Buffer): IAcmeOrder {
    this.#seen(order);
    if (order.status !== 'ready') throw new AcmeProblem({ type: 'orderNotReady', detail: order.status, status: 403 });
    if (this.signsNothing) return this.#seen(order);
    order.status = 'processing';
    const { names, key } = JSON.parse(csr.toString()) as { names: string[]; key: string };
    this.options.clock.setTimer(() => this.#sign(order, names, key), this.options.signMs ?? 300);
    return this.#seen(order);
  }

  #sign(order: IFakeOrder, names: readonly string[], key: string): void {
    const { clock, lifeDays = 64 } = this.options;
    const nowMs = clock.wallMs();
    const serial = (++this.#count).toString(16).toUpperCase();
    const life = (typeof lifeDays === 'number' ? lifeDays : lifeDays(names)) * dayMs;
    const facts = { names, serial, key, notBefore: nowMs - 3_600_000, notAfter: nowMs - 3_600_000 + life };
    order.certificate = `${this.url}/certificate/${serial}`;
    this.#certificates.set(order.certificate, JSON.stringify(this.forge?.(facts) ?? facts));
    order.status = 'valid';
    const { replaces, profile } = order;
    this.bought.push({ names, serial, atMs: nowMs, replaces, profile });
  }
}
