// Files, without blocking: what is written is there whole or not at all, and every failure names its path.

import type { ReadStream, WriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import * as plugins from '../plugins.js';
import { messageOf, ProxyError } from './errors.js';

export interface IWriteOptions {
  /** Permission bits, e.g. 0o600, whatever the umask. Without it a file that exists keeps its own. */
  readonly mode?: number;
}

export interface IListOptions {
  /** Also looks into folders below; not into those that are symbolic links. */
  readonly recursive?: boolean;
}

const fs = plugins.fs.promises;

/**
 * File functions as static methods. All reject with ProxyError `FILE_FAILED`, which holds the path in its message and
 * Node's error as its cause; the streams alone report by their own 'error' event.
 */
// biome-ignore lint/complexity/noStaticOnlyClass: the public name is a class with static methods
export class AsyncFileSystem {
  /** False if nothing is there; rejects if that cannot be found out. */
  static async exists(path: string): Promise<boolean> {
    try {
      await fs.stat(path);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
      throw failed('look for', path, error);
    }
  }

  /** Creates the folder, and those above it, unless it is there. */
  static async ensureDir(path: string): Promise<void> {
    await attempt('create the folder', path, () => fs.mkdir(path, { recursive: true }));
  }

  static readFile(path: string, encoding: BufferEncoding = 'utf8'): Promise<string> {
    return attempt('read', path, () => fs.readFile(path, { encoding }));
  }

  /** Where a symbolic link leads, as it is written. */
  static readLink(path: string): Promise<string> {
    return attempt('read the link', path, () => fs.readlink(path));
  }

  static readFileBuffer(path: string): Promise<Buffer> {
    return attempt('read', path, () => fs.readFile(path));
  }

  /**
   * Replaces the file as a whole: readers, also those after a crash, find the old content or the new. Creates the
   * folder. Writes through a symbolic link.
   */
  static async writeFile(path: string, data: string | Uint8Array, { mode }: IWriteOptions = {}): Promise<void> {
    await attempt('write', path, async () => {
      const target = await followed(path);
      const bits = mode ?? (await modeOf(target));
      await replace(target, async (temporary) => {
        // 'wx': never through a link that somebody put there; private until its mode is set.
        const file = await fs.open(temporary, 'wx', bits === undefined ? 0o666 : 0o600);
        try {
          await file.writeFile(data);
          if (bits !== undefined) await file.chmod(bits);
          await file.sync();
        } finally {
          await file.close();
        }
      });
    });
  }

  /** Rejects also if the content is not JSON. The type is the caller's claim: what is read must still be checked. */
  static async readJSON<T = unknown>(path: string): Promise<T> {
    const text = await AsyncFileSystem.readFile(path);
    return attempt('parse', path, async () => JSON.parse(text) as T);
  }

  /** Writes as `writeFile` does, indented by two spaces and with a newline at the end. */
  static async writeJSON(path: string, value: unknown, options: IWriteOptions = {}): Promise<void> {
    const text = await attempt('write', path, async () => {
      const json = JSON.stringify(value, null, 2) as string | undefined;
      if (json === undefined) throw new TypeError('the value has no JSON form');
      return json;
    });
    await AsyncFileSystem.writeFile(path, `${text}\n`, options);
  }

  /** Removes a file; one that is not there is no failure. */
  static async remove(path: string): Promise<void> {
    await attempt('remove', path, async () => {
      await fs.unlink(path).catch((error) => {
        if (codeOf(error) !== 'ENOENT') throw error;
      });
    });
  }

  /** Copies content and mode, replacing `to` as a whole. Creates the folder. */
  static async copyFile(from: string, to: string): Promise<void> {
    await attempt('copy', `${from} -> ${to}`, () => copy(from, to));
  }

  /** Renames, or copies and removes if `to` is on another file system. Creates the folder. */
  static async moveFile(from: string, to: string): Promise<void> {
    await attempt('move', `${from} -> ${to}`, async () => {
      await fs.mkdir(plugins.path.dirname(to), { recursive: true });
      try {
        await fs.rename(from, to);
      } catch (error) {
        if (codeOf(error) !== 'EXDEV') throw error;
        await copy(from, to);
        await fs.unlink(from);
      }
    });
  }

  /** Removes a folder and all that is in it; one that is not there is no failure. */
  static async removeDir(path: string): Promise<void> {
    await attempt('remove the folder', path, () => fs.rm(path, { recursive: true, force: true }));
  }

  /**
   * An open file with this content that has no name any more, at its beginning; it goes when it is closed. For programs
   * that open their standard input again by name, which the sockets that Node gives them cannot be.
   */
  static async openNameless(content: string): Promise<FileHandle> {
    return await attempt('write', plugins.os.tmpdir(), async () => {
      const folder = await fs.mkdtemp(plugins.path.join(plugins.os.tmpdir(), 'smartproxy-'));
      const path = plugins.path.join(folder, 'input');
      try {
        await fs.writeFile(path, content, { mode: 0o600, flag: 'wx' });
        return await fs.open(path, 'r');
      } finally {
        await fs.rm(folder, { recursive: true, force: true });
      }
    });
  }

  /** The caller must listen to 'error'. */
  static createReadStream(path: string): ReadStream {
    return plugins.fs.createReadStream(path);
  }

  /** The caller must listen to 'error'. The folder must be there; what is written appears at once, not as a whole. */
  static createWriteStream(path: string, { mode }: IWriteOptions = {}): WriteStream {
    return plugins.fs.createWriteStream(path, mode === undefined ? {} : { mode });
  }

  /** Paths of the files in a folder, each beginning with `path`, sorted; symbolic links to files are among them. */
  static async listFiles(path: string, { recursive = false }: IListOptions = {}): Promise<string[]> {
    return attempt('list', path, async () => (await list(path, recursive)).sort());
  }
}

async function attempt<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failed(what, path, error);
  }
}

const failed = (what: string, path: string, cause: unknown) =>
  new ProxyError('FILE_FAILED', `could not ${what} ${path}: ${messageOf(cause)}`, { cause });

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

/** Where the content of `path` lies, symbolic links followed; a path that is not there is its own place. */
async function followed(path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return path;
    throw error;
  }
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    return (await fs.stat(path)).mode & 0o7777;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function copy(from: string, to: string): Promise<void> {
  await replace(await followed(to), async (temporary) => {
    await fs.copyFile(from, temporary, plugins.fs.constants.COPYFILE_EXCL);
    await sync(temporary);
  });
}

/** Lets `write` make a file beside `path`, then puts it in its place; a failure leaves nothing behind. */
async function replace(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const folder = plugins.path.dirname(path);
  await fs.mkdir(folder, { recursive: true });
  const temporary = `${path}.${plugins.crypto.randomBytes(6).toString('hex')}.tmp`;
  try {
    await write(temporary);
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  // The rename itself must outlive a crash; file systems that cannot open a folder do without.
  await sync(folder).catch(() => {});
}

async function sync(path: string): Promise<void> {
  const handle = await fs.open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function list(folder: string, recursive: boolean): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await fs.readdir(folder, { withFileTypes: true })) {
    const path = plugins.path.join(folder, entry.name);
    if (entry.isFile() || (entry.isSymbolicLink() && (await leadsToFile(path)))) files.push(path);
    else if (recursive && entry.isDirectory()) files.push(...(await list(path, recursive)));
  }
  return files;
}

async function leadsToFile(link: string): Promise<boolean> {
  const found = await fs.stat(link).catch(() => undefined);
  return found?.isFile() ?? false;
}
