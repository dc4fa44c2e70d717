// Certificates in the store: how they are laid out in files, and what is believed of them.

import { parallelLimit } from '../../base/async-utils.js';
import { messageOf, ProxyError } from '../../base/errors.js';
import * as plugins from '../../plugins.js';
import { problemOf } from '../pem.js';
import { atOnce, Generations, type IGenerationFiles, type TIsHeld } from './generations.js';
import { jsonIn } from './plain-files.js';
import type { ICertificateMeta, IListedCertificate, IStoredCertificate } from './store-types.js';

export interface ICertStoreOptions {
  readonly folder: string;
  /** Is told of what is there and cannot be trusted. */
  readonly skipped: (path: string, why: unknown) => void;
  readonly wallMs: () => number;
}

/** One set of three files for each id: `cert.pem`, `key.pem` and `meta.json`. */
export class CertStore {
  readonly #generations: Generations;

  constructor(options: ICertStoreOptions) {
    this.#generations = new Generations({ ...options, fileNames: [certFile, keyFile, metaFile] });
  }

  read(id: string): Promise<IStoredCertificate | null> {
    return this.#generations.read(hashOf(id), (found) => certificateIn(found, id));
  }

  /** @throws ProxyError CERTIFICATE_INVALID if it would not be believed when read, STORE_LOCK_LOST */
  async write(id: string, { cert, key, meta }: IStoredCertificate, isHeld: TIsHeld): Promise<void> {
    const filesOf = (generation: number): Map<string, string> => {
      const known = knownSchema.parse({ ...meta, id, generation });
      const text = JSON.stringify({ ...known, digest: digestOf(known, cert, key) }, null, 2);
      return new Map([
        [certFile, cert],
        [keyFile, key],
        [metaFile, `${text}\n`],
      ]);
    };
    try {
      certificateIn({ generation: 1, files: filesOf(1) }, id);
    } catch (cause) {
      throw new ProxyError('CERTIFICATE_INVALID', `this certificate is not stored: ${messageOf(cause)}`, { cause });
    }
    await this.#generations.write(hashOf(id), filesOf, isHeld);
  }

  remove(id: string, isHeld: TIsHeld): Promise<void> {
    return this.#generations.remove(hashOf(id), isHeld);
  }

  async list(): Promise<IListedCertificate[]> {
    const listed = await parallelLimit(await this.#generations.names(), atOnce, (name) =>
      // One that is out of reach must not hide the others; it was told of.
      this.#generations.read(name, (found) => entryIn(found, name), [metaFile]).catch(() => null),
    );
    return listed.filter((entry) => entry !== null);
  }

  removeLeftovers(): Promise<void> {
    return this.#generations.removeLeftovers();
  }
}

/** Whatever an id or key is, it becomes a name that leads nowhere else. */
export const hashOf = (text: string): string => plugins.crypto.createHash('sha256').update(text).digest('hex');

/** Ties the three files to each other: one that was changed, or comes from elsewhere, is found out. */
const digestOf = (known: TKnown, cert: string, key: string): string => hashOf(JSON.stringify([known, cert, key]));

/** @throws Error with the reason why it is not believed */
function certificateIn(found: IGenerationFiles, id: string): IStoredCertificate {
  const [cert = '', key = ''] = [found.files.get(certFile), found.files.get(keyFile)];
  const { meta, digest } = listedIn(found, hashOf(id));
  if (digest !== digestOf({ ...meta, id }, cert, key)) throw new Error('a file of it was changed');
  const problem = problemOf({ cert, key, ca: null, passphrase: null });
  if (problem !== null) throw new Error(problem);
  const { serialNumber, validFrom, validTo } = new plugins.crypto.X509Certificate(cert);
  const isSame =
    serialNumber === meta.serial && Date.parse(validFrom) === meta.notBefore && Date.parse(validTo) === meta.notAfter;
  if (!isSame) throw new Error(`${metaFile} speaks of another certificate`);
  return { cert, key, meta };
}

function entryIn(found: IGenerationFiles, name: string): IListedCertificate {
  const { id, meta } = listedIn(found, name);
  return { id, meta };
}

/** @throws Error also if it was put there from the place of another id */
function listedIn(
  { generation, files }: IGenerationFiles,
  name: string,
): IListedCertificate & { readonly digest: string } {
  const { digest, ...known } = fileSchema.parse(jsonIn(files.get(metaFile) ?? ''));
  const { id, ...meta } = known;
  if (hashOf(id) !== name) throw new Error('it belongs to another id');
  if (meta.generation !== generation) throw new Error('it belongs to another generation');
  return { id, meta, digest };
}

const certFile = 'cert.pem';
const keyFile = 'key.pem';
const metaFile = 'meta.json';

const { zod } = plugins;
const timeMs = zod.number().nonnegative();

const metaSchema = zod.object({
  names: zod.array(zod.string().min(1)).min(1),
  issuer: zod.string(),
  notBefore: zod.number(),
  notAfter: zod.number(),
  serial: zod.string(),
  profile: zod.string().nullable(),
  challenge: zod.string().nullable(),
  issuedAt: timeMs,
  ari: zod
    .object({
      startMs: timeMs,
      endMs: timeMs,
      renewAtMs: timeMs,
      askAgainAtMs: timeMs,
      explanationUrl: zod.string().nullable(),
    })
    .nullable(),
  generation: zod.int().positive(),
}) satisfies { parse(value: unknown): ICertificateMeta };

type TKnown = ICertificateMeta & { readonly id: string };
const knownSchema = metaSchema.extend({ id: zod.string() });
const fileSchema = knownSchema.extend({ digest: zod.string() });
