// Compares a password with its hash, never on the event loop: scrypt on Node's own threads, bcrypt on one that is made when the
// first password of that kind comes.

import type { Worker } from 'node:worker_threads';
import { type IScryptHash, maxScryptBytes, parsePasswordHash } from '../config/password-hash.js';
import type { Secret } from '../config/secret.js';
import * as plugins from '../plugins.js';

export class Hashes {
  #worker: Worker | null = null;
  readonly #asked = new Map<number, (same: boolean) => void>();
  #count = 0;
  #closed = false;

  /** Rejects where it could not be found out. */
  readonly compare = (hash: Secret, password: string): Promise<boolean> => {
    const parsed = parsePasswordHash(hash.reveal());
    if (parsed === null) return Promise.reject(new Error('no hash that can be compared'));
    return parsed.kind === 'scrypt' ? compareScrypt(parsed, password) : this.#compareBcrypt(parsed.text, password);
  };

  async cleanup(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#lost();
    await worker?.terminate();
  }

  #compareBcrypt(hash: string, password: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('the proxy has stopped'));
      const id = this.#count++;
      this.#asked.set(id, resolve);
      this.#worker ??= this.#start();
      this.#worker.postMessage({ id, hash, password });
    });
  }

  #start(): Worker {
    const { Worker } = plugins.requireWorkerThreads();
    // Nothing of this process is for it: no loaders, no environment.
    const worker = new Worker(code, { eval: true, workerData: plugins.findBcryptjs(), execArgv: [], env: {} });
    worker.unref();
    worker.on('message', ({ id, same }: IAnswer) => {
      this.#asked.get(id)?.(same === true);
      this.#asked.delete(id);
    });
    const lost = () => {
      if (this.#worker === worker) this.#lost();
    };
    worker.on('error', lost);
    worker.on('exit', lost);
    return worker;
  }

  /** The next password gets another thread; of those under way nobody knows. */
  #lost(): void {
    this.#worker = null;
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const answer of asked) answer(false);
  }
}

interface IAnswer {
  readonly id: number;
  readonly same: unknown;
}

/** By its path: a thread that is made of text resolves names from wherever the program was started. */
const code = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { compareSync } = require(workerData);
  parentPort.on('message', ({ id, hash, password }) => {
    let same = false;
    try {
      same = compareSync(password, hash);
    } catch {}
    parentPort.postMessage({ id, same });
  });
`;

function compareScrypt(
  { cost, blockSize, parallelization, salt, digest }: IScryptHash,
  password: string,
): Promise<boolean> {
  // OpenSSL counts some more than 128 N r.
  const options = { cost, blockSize, parallelization, maxmem: 2 * maxScryptBytes };
  return new Promise((resolve, reject) => {
    plugins.crypto.scrypt(password, salt, digest.length, options, (error, made) => {
      if (error !== null) reject(error);
      else resolve(plugins.crypto.timingSafeEqual(made, digest));
    });
  });
}
