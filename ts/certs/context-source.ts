// Keeps what each route's TLS is terminated with: made from the configuration or from files, replaced when those change.

import type { IClock } from '../base/clock.js';
import { messageOf, ProxyError } from '../base/errors.js';
import { AsyncFileSystem } from '../base/fs-utils.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import type { ILogger } from '../base/logger.js';
import type { IResolvedConfig, IResolvedTls } from '../config/resolved.js';
import type { ICertificateFiles } from '../config/types.js';
import type { IContextSource, ITlsContext } from '../flow/forward/terminate.js';
import * as plugins from '../plugins.js';
import { pairOf } from './check-certificates.js';
import { FileWatch } from './file-watch.js';
import { asBytes, concernAbout, type IKeyPair, problemOf } from './pem.js';
import { mostContexts, RecentContexts, type TContexts } from './recent-contexts.js';
import { TicketKeys } from './ticket-keys.js';
import { TlsContext } from './tls-context.js';

/** Certificates that the proxy gets by itself. */
export interface IManagedPairs {
  /** Makes ready for the routes of a configuration: what is stored is read, nothing is ordered. */
  attach(config: IResolvedConfig): Promise<void>;
  /** The same object as long as it is the same certificate; null: there is none. */
  pairFor(tls: IResolvedTls, name: string | null): IKeyPair | null;
  /** As in `IContextSource`. */
  coming(tls: IResolvedTls, name: string | null): Promise<void> | null;
}

export interface IContextSourceOptions {
  readonly managed: IManagedPairs;
  readonly clock: IClock;
  readonly logger: ILogger;
  /** Hears of certificates that came to be unusable while the proxy runs; the former one stays in use. */
  readonly onError: (error: ProxyError) => void;
  /** Of certificates that the proxy got, kept at a time; 2 000 if left out. */
  readonly mostContexts?: number;
}

/** What serves all routes with the same TLS settings. */
interface IEntry {
  readonly tls: IResolvedTls;
  /** Names the first route for people. */
  readonly place: string;
  /** null: the proxy gets them by itself, one for each name. */
  pair: IKeyPair | null;
  /** Made by the first handshake: with many certificates few are ever asked for. null: not yet, or it cannot be. */
  context: TlsContext | null;
  /** Of those that the proxy got, under these settings alone. */
  readonly contexts: TContexts;
  readonly ticketKeys: TicketKeys;
  /** A context of a certificate that the proxy got. */
  readonly make: (pair: IKeyPair) => TlsContext;
  /** What was last said to be wrong with its files, so that it is said once. */
  told: string | null;
}

export class ContextSource extends LifecycleComponent implements IContextSource {
  readonly #clock: IClock;
  readonly #logger: ILogger;
  readonly #onError: (error: ProxyError) => void;
  readonly #managed: IManagedPairs;
  readonly #watch: FileWatch;
  readonly #recent: RecentContexts;
  /** Of the configuration in force, by the settings' key. */
  #entries = new Map<string, IEntry>();
  /** Also those of former configurations, for connections that arrived under them. */
  readonly #bySettings = new WeakMap<IResolvedTls, IEntry>();
  /** One look at files after the other: an earlier one that takes longer must not bring older content back. */
  #looking: Promise<void> = Promise.resolve();

  constructor({ clock, logger, onError, managed, ...limits }: IContextSourceOptions) {
    super();
    this.#recent = new RecentContexts(limits.mostContexts ?? mostContexts);
    this.#managed = managed;
    this.#clock = clock;
    this.#logger = logger;
    this.#onError = onError;
    this.#watch = new FileWatch({ clock, changed: (paths) => this.#reread(paths) });
  }

  contextFor(tls: IResolvedTls, name: string | null): ITlsContext | null {
    const entry = this.#bySettings.get(tls);
    if (entry === undefined) return null;
    try {
      const context = entry.pair === null ? this.#managedContext(entry, name) : this.#ownContext(entry, entry.pair);
      context?.useTicketKeys(entry.ticketKeys.present);
      return context;
    } catch (error) {
      this.#tell(entry, messageOf(error));
      return null;
    }
  }

  coming(tls: IResolvedTls, name: string | null): Promise<void> | null {
    return 'managed' in tls.certificate ? this.#managed.coming(tls, name) : null;
  }

  #ownContext(entry: IEntry, pair: IKeyPair): TlsContext {
    entry.context ??= contextOf(entry, pair);
    return entry.context;
  }

  #managedContext(entry: IEntry, name: string | null): TlsContext | null {
    const pair = this.#managed.pairFor(entry.tls, name);
    return pair === null ? null : this.#recent.get(entry.contexts, pair, entry.make);
  }

  /** What is served under these settings; null: nothing, or nothing yet. */
  pairFor(tls: IResolvedTls, name: string | null): IKeyPair | null {
    const entry = this.#bySettings.get(tls);
    return entry === undefined ? null : (entry.pair ?? this.#managed.pairFor(tls, name));
  }

  /** Whether these settings are served now: `checkCertificates` need not look at them again. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /**
   * Makes ready for all routes of a configuration, then lets go of what no route uses any more; connections that it serves
   * keep it. To be called before the configuration is put in force. To go back, call it with the former one.
   * @throws ProxyError `CERTIFICATE_INVALID` that names every file that cannot be used; nothing has changed then.
   */
  async attach(config: IResolvedConfig): Promise<void> {
    const wanted = new Map<string, { readonly tls: IResolvedTls; readonly place: string }>();
    for (const { tls, index, name } of config.routes) {
      if (tls === null || wanted.has(tls.key)) continue;
      wanted.set(tls.key, { tls, place: `routes[${index}]${name === undefined ? '' : ` (${name})`}` });
    }
    const limit = plugins.pLimit(filesAtOnce);
    const made = await Promise.allSettled(
      [...wanted.values()].map((want) => this.#entries.get(want.tls.key) ?? limit(() => this.#load(want))),
    );
    const problems = made.flatMap((one) => (one.status === 'rejected' ? [messageOf(one.reason)] : []));
    if (problems.length > 0) throw new ProxyError('CERTIFICATE_INVALID', problems.join('; '));
    await this.#managed.attach(config);
    if (this.isShuttingDown) return;
    const entries = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    this.#use(new Map(entries.map((entry) => [entry.tls.key, entry])), config);
  }

  #use(entries: Map<string, IEntry>, config: IResolvedConfig): void {
    this.#entries = entries;
    for (const { tls } of config.routes) {
      const entry = tls === null ? undefined : entries.get(tls.key);
      if (tls !== null && entry !== undefined) this.#bySettings.set(tls, entry);
    }
    this.#watch.watch([...entries.values()].flatMap(({ tls }) => filesOf(tls)));
  }

  protected override onCleanup(): void {
    this.#watch.close();
  }

  async #load({ tls, place }: { readonly tls: IResolvedTls; readonly place: string }): Promise<IEntry> {
    const { certificate } = tls;
    const pair = 'certFile' in certificate ? await readPair(certificate) : pairOf(tls);
    const ticketKeys = new TicketKeys(this.#clock);
    const entry: IEntry = {
      ...{ tls, place, pair, context: null, contexts: new WeakMap(), ticketKeys, told: null },
      make: (each) => contextOf(entry, each),
    };
    if (pair === null) return entry;
    try {
      const problem = problemOf(pair);
      if (problem !== null) throw new Error(problem);
      // What stands in the configuration was tried before. Nothing is kept of it: most are not asked for soon.
      if ('certFile' in certificate) contextOf(entry, pair);
    } catch (error) {
      throw new Error(`${nameOf(entry)}: ${messageOf(error)}`);
    }
    this.#warn(entry);
    return entry;
  }

  #reread(paths: readonly string[]): void {
    const changed = new Set(paths);
    this.#looking = this.#looking.then(async () => {
      for (const entry of this.#entries.values()) {
        if (filesOf(entry.tls).some((path) => changed.has(path))) await this.#replace(entry);
      }
    });
  }

  /** Puts the files' present content in use, if it is another and can be. */
  async #replace(entry: IEntry): Promise<void> {
    const { certificate } = entry.tls;
    if (!('certFile' in certificate)) return;
    try {
      const pair = await readPair(certificate);
      if (this.isShuttingDown) return;
      if (entry.pair !== null && isSame(pair, entry.pair)) {
        entry.told = null;
        return;
      }
      const problem = problemOf(pair);
      if (problem !== null) return this.#tell(entry, problem);
      const context = contextOf(entry, pair);
      entry.context = context;
      entry.pair = pair;
      entry.told = null;
      this.#logger.info({ certificate: nameOf(entry) }, 'certificate replaced');
      this.#warn(entry);
    } catch (error) {
      this.#tell(entry, messageOf(error));
    }
  }

  #tell(entry: IEntry, problem: string): void {
    if (entry.told === problem || this.isShuttingDown) return;
    entry.told = problem;
    const message = `${nameOf(entry)}: ${problem}`;
    this.#logger.error({ certificate: nameOf(entry), problem }, 'certificate cannot be used');
    this.#onError(new ProxyError('CERTIFICATE_INVALID', message));
  }

  /** An expired certificate is served all the same: some clients do not mind, and an alert would help none. */
  #warn(entry: IEntry): void {
    const concern = entry.pair === null ? null : concernAbout(entry.pair, this.#clock.wallMs());
    if (concern !== null) this.#logger.warn({ certificate: nameOf(entry), concern }, 'certificate is not valid now');
  }
}

/** Throws what OpenSSL says, if it does: what it refuses must neither begin to serve nor take the place of what does. */
function contextOf({ tls, ticketKeys }: IEntry, pair: IKeyPair): TlsContext {
  const context = new TlsContext(tls, pair, ticketKeys.present);
  context.prepare();
  return context;
}

const filesAtOnce = 16;

function filesOf({ certificate }: IResolvedTls): string[] {
  if (!('certFile' in certificate)) return [];
  const { certFile, keyFile, caFile } = certificate;
  return (caFile === undefined ? [certFile, keyFile] : [certFile, keyFile, caFile]).map((path) =>
    plugins.path.resolve(path),
  );
}

const nameOf = ({ tls, place }: IEntry): string =>
  'certFile' in tls.certificate ? `${place}: ${tls.certificate.certFile}, ${tls.certificate.keyFile}` : place;

async function readPair(files: ICertificateFiles): Promise<IKeyPair> {
  const { certFile, keyFile, caFile } = files;
  const [cert, key, ca] = await Promise.all([
    AsyncFileSystem.readFileBuffer(certFile),
    AsyncFileSystem.readFileBuffer(keyFile),
    caFile === undefined ? null : AsyncFileSystem.readFileBuffer(caFile),
  ]);
  return { cert, key, ca, passphrase: files.passphrase ?? null };
}

const isSame = (a: IKeyPair, b: IKeyPair): boolean =>
  partsOf(a).every((part, index) => part.equals(partsOf(b)[index] ?? noBytes));

const partsOf = ({ cert, key, ca }: IKeyPair): Buffer[] => [cert, key, ca ?? noBytes].map(asBytes);
const noBytes = Buffer.alloc(0);
