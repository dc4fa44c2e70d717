// An authority of our own for names that no public one knows: its root stays in the store, what it signs lives a week.

import type { IClock } from '../base/clock.js';
import { ProxyError } from '../base/errors.js';
import * as plugins from '../plugins.js';
import { makeKeyPem } from './keys.js';
import { problemOf } from './pem.js';
import type { ICertStore } from './store/store-types.js';
import {
  alternativeNames,
  authorityKeyId,
  basicConstraints,
  buildCertificate,
  keyUsage,
  serverAuthentication,
  subjectKeyId,
} from './x509.js';

export interface IInternalAuthorityParts {
  readonly store: ICertStore;
  readonly clock: IClock;
}

/** All processes that share a store share one root, which is made when it is first asked for. */
export class InternalAuthority {
  readonly #store: ICertStore;
  readonly #clock: IClock;
  #known: IRoot | null = null;

  constructor({ store, clock }: IInternalAuthorityParts) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The certificate that clients must trust, in PEM. */
  async root(signal?: AbortSignal): Promise<{ readonly cert: string }> {
    const { cert } = await this.#findRoot(signal);
    return { cert };
  }

  /** A certificate for host names, wildcards and addresses, with a new key. The chain is without the root. */
  async issue(
    names: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ readonly cert: string; readonly key: string }> {
    const [first] = names;
    if (first === undefined) throw new RangeError('a certificate needs a name');
    const [root, key] = await Promise.all([this.#findRoot(signal), makeKeyPem('ecdsa-p256')]);
    const publicKey = plugins.crypto.createPublicKey(key);
    const nowMs = this.#clock.wallMs();
    // A common name holds 64 characters; nobody but people looks at it.
    const subject = first.length <= 64 ? first : null;
    const cert = await buildCertificate({
      subject,
      issuer: root.name,
      publicKey,
      signingKey: plugins.crypto.createPrivateKey(root.key),
      notBeforeMs: nowMs - skewMs,
      notAfterMs: nowMs + leafMs,
      extensions: [
        basicConstraints(false),
        keyUsage('server'),
        serverAuthentication(),
        subjectKeyId(publicKey),
        authorityKeyId(plugins.crypto.createPublicKey(root.key)),
        alternativeNames(names, subject === null),
      ],
    });
    return { cert, key };
  }

  async #findRoot(signal: AbortSignal | undefined): Promise<IRoot> {
    if (this.#known === null || !this.#lasts(this.#known)) {
      this.#known = (await this.#readRoot()) ?? (await this.#makeSharedRoot(signal));
    }
    return this.#known;
  }

  /** One process makes it; the others find it when they have the lock. */
  async #makeSharedRoot(signal: AbortSignal | undefined): Promise<IRoot> {
    for (let attempt = 1; ; attempt++) {
      const lock = await this.#store.lock(recordKey, signal);
      try {
        const found = await this.#readRoot();
        if (found !== null) return found;
        const root = await makeRoot(this.#clock.wallMs());
        await this.#store.writeRecord(recordKey, root, lock);
        return root;
      } catch (error) {
        const isLost = error instanceof ProxyError && error.code === 'STORE_LOCK_LOST';
        if (!isLost || attempt === attempts) throw error;
      } finally {
        await lock.release();
      }
    }
  }

  /** Null if there is none that can sign for a while. */
  async #readRoot(): Promise<IRoot | null> {
    const { success, data: root } = rootSchema.safeParse(await this.#store.readRecord(recordKey));
    return success && isAuthority(root) && this.#lasts(root) ? root : null;
  }

  #lasts({ cert }: IRoot): boolean {
    const { validTo } = new plugins.crypto.X509Certificate(cert);
    return Date.parse(validTo) > this.#clock.wallMs() + 2 * leafMs;
  }
}

interface IRoot {
  /** The common name. */
  readonly name: string;
  readonly cert: string;
  readonly key: string;
}

function isAuthority({ name, cert, key }: IRoot): boolean {
  if (problemOf({ cert, key, ca: null, passphrase: null }) !== null) return false;
  const { ca, subject } = new plugins.crypto.X509Certificate(cert);
  return ca && subject === `CN=${name}`;
}

async function makeRoot(nowMs: number): Promise<IRoot> {
  const key = await makeKeyPem('ecdsa-p256');
  const [publicKey, signingKey] = [plugins.crypto.createPublicKey(key), plugins.crypto.createPrivateKey(key)];
  // Two roots of one name would be taken for each other.
  const name = `SmartProxy root ${plugins.crypto.randomBytes(4).toString('hex')}`;
  const cert = await buildCertificate({
    subject: name,
    issuer: name,
    publicKey,
    signingKey,
    notBeforeMs: nowMs - skewMs,
    notAfterMs: nowMs + rootMs,
    extensions: [basicConstraints(true, 0), keyUsage('authority'), subjectKeyId(publicKey), authorityKeyId(publicKey)],
  });
  return { name, cert, key };
}

const { zod } = plugins;
const rootSchema = zod.object({ name: zod.string(), cert: zod.string(), key: zod.string() });
const recordKey = 'internal authority';
const attempts = 5;

const dayMs = 86_400_000;
/** How far the clocks of clients may be behind. */
const skewMs = 3_600_000;
const leafMs = 7 * dayMs;
const rootMs = 3_650 * dayMs;
