// The store of certificates in a folder, which several processes may share.
//
// <folder>/v1/certs/<hash of the id>/<generation>/{cert.pem,key.pem,meta.json}
// <folder>/v1/records/<hash of the key>/<generation>/record.json
// <folder>/v1/locks/<hash of the name>/<token>[.free]
// <folder>/v1/changes/<process>

import type { IClock } from '../../base/clock.js';
import { messageOf, ProxyError } from '../../base/errors.js';
import { AsyncFileSystem } from '../../base/fs-utils.js';
import type { ILogger } from '../../base/logger.js';
import * as plugins from '../../plugins.js';
import { CertStore, hashOf } from './cert-store.js';
import { ChangeMarks } from './change-marks.js';
import { FileLock, type ILockTimes, lockTimes } from './file-lock.js';
import { Generations, type IGenerationFiles, type TIsHeld } from './generations.js';
import { type IHolder, thisHolder } from './holder.js';
import { takeLock } from './lock-wait.js';
import { createFile, folderMode, jsonIn, makeLeftover, removeLeftovers } from './plain-files.js';
import type { ICertLock, ICertStore, IListedCertificate, IStoredCertificate } from './store-types.js';

export interface IFileStoreOptions {
  /** Made, for our eyes only, if it is not there. */
  readonly folder: string;
  readonly clock: IClock;
  /** Is warned of what is in the folder and cannot be trusted. */
  readonly logger: ILogger;
  readonly times?: ILockTimes;
}

export class FileCertStore implements ICertStore {
  readonly #root: string;
  readonly #clock: IClock;
  readonly #logger: ILogger;
  readonly #times: ILockTimes;
  readonly #certificates: CertStore;
  readonly #records: Generations;
  readonly #marks: ChangeMarks;
  readonly #complained = new Set<string>();
  #holder: Promise<IHolder | null> | null = null;
  #prepared: Promise<void> | null = null;
  #swept = false;

  constructor({ folder, clock, logger, times = lockTimes }: IFileStoreOptions) {
    this.#root = plugins.path.join(plugins.path.resolve(folder), 'v1');
    this.#clock = clock;
    this.#logger = logger;
    this.#times = times;
    const parts = { skipped: (path: string, why: unknown) => this.#complain(path, why), wallMs: () => clock.wallMs() };
    this.#certificates = new CertStore({ ...parts, folder: this.#in('certs') });
    this.#records = new Generations({ ...parts, folder: this.#in('records'), fileNames: [recordFile] });
    this.#marks = new ChangeMarks({ clock, folder: this.#in('changes') });
  }

  readCertificate(id: string): Promise<IStoredCertificate | null> {
    return reading(() => this.#certificates.read(id));
  }

  writeCertificate(id: string, certificate: IStoredCertificate, lock: ICertLock): Promise<void> {
    return this.#writing(async () => {
      await this.#certificates.write(id, certificate, isHeldOf(lock));
      await this.#marks.mark();
    });
  }

  removeCertificate(id: string, lock: ICertLock): Promise<void> {
    return this.#writing(() => this.#certificates.remove(id, isHeldOf(lock)));
  }

  listCertificates(): Promise<readonly IListedCertificate[]> {
    return reading(() => this.#certificates.list());
  }

  readRecord<T = unknown>(key: string): Promise<T | null> {
    return reading(async () => {
      const found = await this.#records.read(hashOf(key), (files) => recordIn(files, key));
      return found === null ? null : (found.value as T);
    });
  }

  writeRecord(key: string, value: unknown, lock: ICertLock | null): Promise<void> {
    return this.#writing(async () => {
      const json = JSON.stringify({ key, value }, null, 2);
      if (value === undefined) throw new TypeError('the value has no JSON form');
      const files = new Map([[recordFile, `${json}\n`]]);
      await this.#records.write(hashOf(key), () => files, lock === null ? null : isHeldOf(lock));
    });
  }

  removeRecord(key: string): Promise<void> {
    return this.#writing(() => this.#records.remove(hashOf(key), null));
  }

  lock(name: string, signal?: AbortSignal): Promise<ICertLock> {
    signal?.throwIfAborted();
    return this.#writing(async () => {
      const folder = this.#in('locks', hashOf(name));
      await AsyncFileSystem.ensureDir(folder, { mode: folderMode });
      this.#holder ??= thisHolder();
      const parts = { folder, clock: this.#clock, times: this.#times, holder: await this.#holder };
      return await takeLock(parts, signal);
    }, signal);
  }

  async check(): Promise<void> {
    await this.#writing(async () => {
      const probe = this.#in(makeLeftover());
      try {
        await createFile(probe, 'x'.repeat(probeBytes), { durable: true });
      } finally {
        await AsyncFileSystem.remove(probe).catch(() => {});
      }
      if (!this.#swept) await this.#sweep();
      this.#swept = true;
    });
  }

  watch(changed: () => void): { close(): void } {
    return this.#marks.watch(changed);
  }

  async #sweep(): Promise<void> {
    await removeLeftovers(this.#root, this.#clock.wallMs() - 3_600_000);
    await Promise.all([this.#certificates.removeLeftovers(), this.#records.removeLeftovers()]);
  }

  /** What others let everybody look into is closed again: keys are in it. */
  async #prepare(): Promise<void> {
    await AsyncFileSystem.ensureDir(this.#root, { mode: folderMode });
    const { mode } = await plugins.fs.promises.stat(this.#root);
    if ((mode & 0o077) === 0) return;
    this.#logger.warn({ folder: this.#root }, 'the store of certificates was open to others');
    await plugins.fs.promises.chmod(this.#root, folderMode);
  }

  async #writing<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      this.#prepared ??= this.#prepare();
      await this.#prepared.catch((error) => {
        this.#prepared = null;
        throw error;
      });
      return await work();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw asStoreError('STORE_NOT_WRITABLE', 'cannot be written', error);
    }
  }

  #complain(path: string, why: unknown): void {
    if (this.#complained.has(path)) return;
    if (this.#complained.size >= complaintsLimit) this.#complained.clear();
    this.#complained.add(path);
    this.#logger.warn({ path, why: messageOf(why) }, 'what is stored here cannot be trusted, and is not used');
  }

  #in(...names: string[]): string {
    return plugins.path.join(this.#root, ...names);
  }
}

async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asStoreError('STORE_NOT_READABLE', 'cannot be read', error);
  }
}

function asStoreError(code: 'STORE_NOT_READABLE' | 'STORE_NOT_WRITABLE', what: string, error: unknown): ProxyError {
  if (error instanceof ProxyError && error.code !== 'FILE_FAILED') return error;
  const cause = error instanceof ProxyError ? error.cause : error;
  return new ProxyError(code, `the store of certificates ${what}: ${messageOf(error)}`, { cause });
}

/** Locks of other kinds of stores mean nothing here. */
const isHeldOf =
  (lock: ICertLock): TIsHeld =>
  async () =>
    lock instanceof FileLock && (await lock.isHeld());

/** In an object of its own: null is a value too. */
function recordIn({ files }: IGenerationFiles, key: string): { readonly value: unknown } {
  const found = recordSchema.parse(jsonIn(files.get(recordFile) ?? ''));
  if (found.key !== key) throw new Error('it belongs to another key');
  return { value: found.value };
}

const recordSchema = plugins.zod.object({ key: plugins.zod.string(), value: plugins.zod.unknown() });
const recordFile = 'record.json';

/** More than a chain, its key and what is known of them take. */
const probeBytes = 32_768;
const complaintsLimit = 1_000;
