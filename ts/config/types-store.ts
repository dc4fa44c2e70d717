// The contract of a store: what keeps certificates, accounts and plans across restarts and between processes.

/** The window in which an issuer wants a certificate renewed (RFC 9773), and the moment chosen in it. */
export interface IStoredRenewalWindow {
  readonly startMs: number;
  readonly endMs: number;
  /** Chosen once for this window, so that a restart does not choose anew. */
  readonly renewAtMs: number;
  /** Not to be asked again before. */
  readonly askAgainAtMs: number;
  readonly explanationUrl: string | null;
}

/** What is known of a certificate besides itself. Times are milliseconds since 1970. */
export interface ICertificateMeta {
  /** In normal form and sorted. */
  readonly names: readonly string[];
  /** The directory's URL for ACME, else a word for where it came from. */
  readonly issuer: string;
  /** As the certificate says. */
  readonly notBefore: number;
  /** As the certificate says. */
  readonly notAfter: number;
  /** As the certificate says, in Node's notation: capital hexadecimal digits. */
  readonly serial: string;
  readonly profile: string | null;
  /** The kind of challenge that proved the names. */
  readonly challenge: string | null;
  readonly issuedAt: number;
  readonly ari: IStoredRenewalWindow | null;
  /** Counts up with every write of one id. The store sets it: what is handed in is not looked at. */
  readonly generation: number;
}

export interface IStoredCertificate {
  /** The chain in PEM, leaf first. */
  readonly cert: string;
  /** In PEM, not encrypted. */
  readonly key: string;
  readonly meta: ICertificateMeta;
}

export interface IListedCertificate {
  readonly id: string;
  readonly meta: ICertificateMeta;
}

/** Held by one holder at a time in all processes that share a store. It lasts until `release` or the holder's death. */
export interface ICertLock {
  /** Higher than that of every earlier holder of the same name. */
  readonly token: number;
  /**
   * True from the moment at which another might hold it: the holder was stopped, or could not reach the store, for too
   * long. Once true it stays so; writes are refused with `STORE_LOCK_LOST`.
   */
  readonly lost: boolean;
  /** Gives it back. Again, or when it is lost: nothing. Never rejects. */
  release(): Promise<void>;
}

/**
 * Keeps certificates by id and records by key; both may be any text. Several processes may use one store at once.
 *
 * A write is there whole or not at all, also after the power failed, and is on the disk when its promise resolves.
 * What is read was judged first: it is null, and a warning in the log, if nothing that can be trusted is there.
 * Whoever writes under a lock must take the lock of the same name as all others who write that id or key.
 *
 * All methods reject with a ProxyError: `STORE_NOT_WRITABLE`, `STORE_NOT_READABLE` or `STORE_LOCK_LOST`.
 */
export interface ICertStore {
  readCertificate(id: string): Promise<IStoredCertificate | null>;
  /** Rejects with `STORE_LOCK_LOST`, and leaves what is stored as it is, if the lock is no longer held. */
  writeCertificate(id: string, certificate: IStoredCertificate, lock: ICertLock): Promise<void>;
  /** One that is not there is no failure. */
  removeCertificate(id: string, lock: ICertLock): Promise<void>;
  /** In no particular order. Only what is known of the certificates is read: any may still prove unreadable. */
  listCertificates(): Promise<readonly IListedCertificate[]>;
  /** The type is the caller's claim: what is read must still be checked. */
  readRecord<T = unknown>(key: string): Promise<T | null>;
  /** `value` must have a JSON form. Without a lock the last write counts. */
  writeRecord(key: string, value: unknown, lock: ICertLock | null): Promise<void>;
  removeRecord(key: string): Promise<void>;
  /** Resolves when the lock is held; rejects with the signal's reason. Not re-entrant. */
  lock(name: string, signal?: AbortSignal): Promise<ICertLock>;
  /** Rejects with `STORE_NOT_WRITABLE` if a certificate, once issued, could not be kept. */
  check(): Promise<void>;
  /**
   * Optional. Calls `changed` some time after others have written certificates through this store, once for several changes
   * or several times for one, until it is closed. Without it such changes are noticed within hours. Must not keep the process
   * alive, nor throw.
   */
  watch?(changed: () => void): { close(): void };
}
