// The machine's hosts file: DNS does not know it, and people expect it to count.

import type { IClock } from '../../base/clock.js';
import { AsyncFileSystem } from '../../base/fs-utils.js';
import * as plugins from '../../plugins.js';

/** How old what we read of it may be when it is asked. */
const maxAgeMs = 5_000;

/** Where it lies on this system. */
export function systemHostsPath(): string {
  const { env, platform } = plugins.process;
  return platform === 'win32' ? `${env.SystemRoot ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts` : '/etc/hosts';
}

export class HostsFile {
  readonly #path: string;
  readonly #clock: IClock;
  #text: string | null = null;
  #names: ReadonlyMap<string, readonly string[]> = new Map();
  #readMs = 0;
  #reading: Promise<void> | null = null;

  constructor(path: string, clock: IClock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** False until it was read once: `find` knows nothing before. */
  get loaded(): boolean {
    return this.#text !== null;
  }

  /** Reads it. Never rejects: a file that cannot be read is an empty one. */
  load(): Promise<void> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  /** The addresses of a name in lower case; reads the file again meanwhile if that was long ago. */
  find(name: string): readonly string[] | undefined {
    if (this.#reading === null && this.#clock.nowMs() - this.#readMs >= maxAgeMs) void this.load();
    return this.#names.get(name);
  }

  async #read(): Promise<void> {
    const text = await AsyncFileSystem.readFile(this.#path).catch(() => '');
    this.#readMs = this.#clock.nowMs();
    this.#reading = null;
    if (text === this.#text) return;
    this.#text = text;
    this.#names = parseHosts(text);
  }
}

/** Lines of `address name name... # remark`; IPv4 addresses first, as from DNS. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (plugins.net.isIP(address) === 0) continue;
    for (const alias of aliases) {
      const name = alias.toLowerCase();
      const known = names.get(name);
      if (known === undefined) names.set(name, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  for (const addresses of names.values()) addresses.sort((one, other) => familyOf(one) - familyOf(other));
  return names;
}

const familyOf = (address: string): number => (address.includes(':') ? 6 : 4);
