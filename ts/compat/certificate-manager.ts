// Certificates by name, for programs that want the pairs themselves: a front of the store, and of whoever keeps it filled.

import { type IClock, systemClock } from '../base/clock.js';
import { ProxyError } from '../base/errors.js';
import { guardLogger, type ILogger, silentLogger } from '../base/logger.js';
import { type IDefaultCertificates, loadDefaultCertificatesAsync } from '../certs/default-certificates.js';
import { importPair } from '../certs/import-pair.js';
import { storeOf } from '../certs/managed-certificates.js';
import type { ICertificateStatus } from '../certs/manager/manager-types.js';
import type { SmartCertManager } from '../certs/manager/smart-cert-manager.js';
import type { ICertStore, IListedCertificate } from '../certs/store/store-types.js';
import { normaliseHost } from '../codec/host.js';

export interface ICertificateManagerOptions {
  /** Of a proxy: its `certificates`. Without it nothing is ordered here. */
  readonly manager?: SmartCertManager;
  /** The folder or store of that proxy. Default `./certs`. */
  readonly certificateStore?: string | ICertStore;
  readonly logger?: ILogger;
}

/** PEM, with what is known of it. */
export interface ICertificateEntry {
  readonly cert: string;
  readonly key: string;
  readonly names: readonly string[];
  readonly expires: Date;
}

export class CertificateManager {
  readonly #store: ICertStore;
  readonly #manager: SmartCertManager | null;
  readonly #logger: ILogger;
  readonly #clock: IClock = systemClock;
  #defaults: IDefaultCertificates | null = null;

  constructor({ manager, certificateStore = './certs', logger }: ICertificateManagerOptions = {}) {
    this.#logger = logger === undefined ? silentLogger : guardLogger(logger);
    this.#manager = manager ?? null;
    const store = typeof certificateStore === 'string' ? certificateStore : () => certificateStore;
    this.#store = storeOf(store, this.#clock, this.#logger);
  }

  /** Looks at the store, and takes into use what others wrote there. @throws ProxyError STORE_NOT_READABLE */
  async initialize(): Promise<void> {
    if (this.#manager === null) await this.#store.listCertificates();
    else await this.#manager.refresh();
  }

  /** Reads the placeholder pair of the package, which protects nothing: each call says so. @throws ProxyError FILE_FAILED */
  async loadDefaultCertificatesAsync(): Promise<void> {
    this.#defaults = await loadDefaultCertificatesAsync((message) => this.#logger.warn({}, message));
  }

  /** That pair. @throws ProxyError CERTIFICATE_UNKNOWN before it was loaded */
  getDefaultCertificates(): IDefaultCertificates {
    if (this.#defaults !== null) return this.#defaults;
    throw new ProxyError('CERTIFICATE_UNKNOWN', 'loadDefaultCertificatesAsync has not been called');
  }

  /** What is stored for a name, or for a wildcard above it: of several the one that lasts longest. @throws ProxyError STORE_NOT_READABLE */
  async getCertificate(domain: string): Promise<ICertificateEntry | null> {
    const name = normaliseHost(domain) ?? domain.toLowerCase();
    const fitting = (await this.#store.listCertificates())
      .filter(({ meta }) => meta.names.includes(name) || meta.names.includes(`*${name.slice(name.indexOf('.'))}`))
      .sort((a, b) => rank(b, name) - rank(a, name) || b.meta.notAfter - a.meta.notAfter);
    for (const { id } of fitting) {
      const stored = await this.#store.readCertificate(id);
      if (stored === null) continue;
      const { cert, key, meta } = stored;
      return { cert, key, names: meta.names, expires: new Date(meta.notAfter) };
    }
    return null;
  }

  /** Stores a pair for a name, and has it served. @throws ProxyError CERTIFICATE_INVALID, STORE_NOT_WRITABLE */
  async updateCertificate(domain: string, cert: string, key: string): Promise<void> {
    const name = domain.startsWith('*.') ? domain.toLowerCase() : (normaliseHost(domain) ?? domain);
    await importPair({ store: this.#store, clock: this.#clock }, { cert, key }, [[name]]);
    await this.#manager?.refresh();
  }

  /** Orders a new one now. @throws ProxyError CERTIFICATE_UNKNOWN, CERTIFICATE_FAILED, NOT_RUNNING */
  async renewCertificate(domain: string): Promise<void> {
    if (this.#manager === null) throw new ProxyError('NOT_RUNNING', 'nobody orders certificates here');
    await this.#manager.renew(normaliseHost(domain) ?? domain);
  }

  /** All that are kept; none where nothing is ordered. */
  getStatus(): readonly ICertificateStatus[] {
    return this.#manager?.status() ?? [];
  }
}

/** Its own goes before one of all names. */
const rank = ({ meta }: IListedCertificate, name: string): number => (meta.names.includes(name) ? 1 : 0);
