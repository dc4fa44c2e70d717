// A store in memory that several processes share and that keeps what a dead one wrote.

import { ProxyError } from '../../ts/base/errors.js';
import type { ICertLock, ICertStore, IStoredCertificate } from '../../ts/certs/store/store-types.js';
import { type IFakeProcess, makeFakeProcess } from './fake-process.js';

export interface IFakeDisk {
  readonly certificates: Map<string, IStoredCertificate>;
  /** As JSON. */
  readonly records: Map<string, string>;
  /** Names of the locks that somebody holds. */
  readonly held: ReadonlySet<string>;
  /** How many wait for a lock. */
  readonly waiting: number;
  /** Set to false: nothing can be written. */
  isWritable: boolean;
  open(process?: IFakeProcess): ICertStore;
}

interface IHolder {
  readonly process: IFakeProcess;
  readonly token: number;
  lost: boolean;
}

export function makeFakeDisk(): IFakeDisk {
  const certificates = new Map<string, IStoredCertificate>();
  const records = new Map<string, string>();
  const holders = new Map<string, IHolder>();
  const queues = new Map<string, (() => void)[]>();
  const held = new Set<string>();
  let tokens = 0;
  let waiting = 0;

  const free = (name: string, holder: IHolder) => {
    if (holders.get(name) !== holder) return;
    holders.delete(name);
    held.delete(name);
    queues.get(name)?.shift()?.();
  };

  const disk: IFakeDisk = {
    certificates,
    records,
    held,
    get waiting() {
      return waiting;
    },
    isWritable: true,
    open(process = makeFakeProcess()) {
      const refuse = (lock: ICertLock | null) => {
        if (!disk.isWritable) throw new ProxyError('STORE_NOT_WRITABLE', 'a fake disk that is read-only');
        if (lock?.lost) throw new ProxyError('STORE_LOCK_LOST', 'the lock was lost');
      };
      const take = (name: string, signal: AbortSignal | undefined) =>
        new Promise<ICertLock>((resolve, reject) => {
          const grant = () => {
            signal?.removeEventListener('abort', abort);
            if (process.isDead) return queues.get(name)?.shift()?.();
            const holder: IHolder = { process, token: ++tokens, lost: false };
            holders.set(name, holder);
            held.add(name);
            const dies = () => free(name, holder);
            process.atDeath.add(dies);
            const release = () =>
              process.act(`release ${name}`, () => {
                process.atDeath.delete(dies);
                free(name, holder);
              });
            resolve({
              token: holder.token,
              release,
              get lost() {
                return holder.lost;
              },
            });
          };
          const queued = () => {
            waiting--;
            grant();
          };
          const abort = () => {
            const queue = queues.get(name) ?? [];
            queue.splice(queue.indexOf(queued), 1);
            waiting--;
            reject(signal?.reason);
          };
          if (signal?.aborted) return reject(signal.reason);
          if (!holders.has(name)) return grant();
          waiting++;
          queues.set(name, [...(queues.get(name) ?? []), queued]);
          signal?.addEventListener('abort', abort, { once: true });
        });
      return {
        readCertificate: (id) => process.act(`readCertificate ${id}`, () => certificates.get(id) ?? null),
        writeCertificate: (id, certificate, lock) =>
          process.act(`writeCertificate ${id}`, () => {
            refuse(lock);
            const generation = (certificates.get(id)?.meta.generation ?? 0) + 1;
            certificates.set(id, { ...certificate, meta: { ...certificate.meta, generation } });
          }),
        removeCertificate: (id, lock) =>
          process.act(`removeCertificate ${id}`, () => {
            refuse(lock);
            certificates.delete(id);
          }),
        listCertificates: () =>
          process.act('listCertificates', () => [...certificates].map(([id, { meta }]) => ({ id, meta }))),
        readRecord: <T>(key: string) =>
          process.act(`readRecord ${key}`, () => JSON.parse(records.get(key) ?? 'null') as T | null),
        writeRecord: (key, value, lock) =>
          process.act(`writeRecord ${key}`, () => {
            refuse(lock);
            records.set(key, JSON.stringify(value));
          }),
        removeRecord: (key) =>
          process.act(`removeRecord ${key}`, () => {
            refuse(null);
            records.delete(key);
          }),
        lock: (name, signal) =>
          process.act(`lock ${name}`, () => {
            refuse(null);
            return take(name, signal);
          }),
        check: () => process.act('check', () => refuse(null)),
      };
    },
  };
  return disk;
}
