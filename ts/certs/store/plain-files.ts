// What a store that several processes share asks of its folder: files and folders that only one of them can make.
// Rejections are Node's own.

import { AsyncFileSystem } from '../../base/fs-utils.js';
import * as plugins from '../../plugins.js';

const fs = plugins.fs.promises;

/** The text of a regular file; of a link, a pipe or what is longer than the limit nothing is read. */
export async function readPlainFile(path: string, limitBytes: number): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = plugins.fs.constants;
  // A pipe, opened without O_NONBLOCK, would hold one of the few threads for good.
  const file = await fs.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error(`${path} is no regular file`);
    if (found.size > limitBytes) throw new Error(`${path} is longer than ${limitBytes} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Node's own error would quote what stands there: of a file with a key, parts of the key. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${text.length} characters that are not JSON`);
  }
}

export interface ICreateOptions {
  /** Whether the content outlives a loss of power. */
  readonly durable: boolean;
}

/** Makes a file for our eyes only; false if something is there. Of several that try at once, one succeeds. */
export async function createFile(path: string, data: string, { durable }: ICreateOptions): Promise<boolean> {
  const file = await fs.open(path, 'wx', fileMode).catch(falseIf('EEXIST'));
  if (file === false) return false;
  try {
    // The umask takes bits from what open is given.
    await file.chmod(fileMode);
    await file.writeFile(data);
    if (durable) await file.sync();
  } finally {
    await file.close();
  }
  return true;
}

/** Writes over a part of a file, which must be there. */
export async function overwrite(path: string, text: string, position: number): Promise<void> {
  const file = await fs.open(path, 'r+');
  try {
    await file.write(text, position);
  } finally {
    await file.close();
  }
}

/**
 * Gives a folder, whose files are on the disk, its name, and outlives a loss of power; false if that name is taken. Of
 * several that try at once, one succeeds: a folder that holds something is never replaced.
 */
export async function placeFolder(from: string, to: string): Promise<boolean> {
  await syncFolder(from);
  // Windows says EPERM.
  const placed = await fs.rename(from, to).catch(falseIf('ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EPERM'));
  if (placed === false) return false;
  await syncFolder(plugins.path.dirname(to));
  return true;
}

/** Removes a folder so that nobody sees half of it. One that is not there is no failure. */
export async function removeFolder(path: string): Promise<void> {
  const aside = `${path}.${randomWord()}${leftoverEnding}`;
  const moved = await fs.rename(path, aside).catch(falseIf('ENOENT'));
  if (moved === false) return;
  await syncFolder(plugins.path.dirname(path));
  await fs.rm(aside, { recursive: true, force: true });
}

/** Removes what processes that died left behind. */
export async function removeLeftovers(folder: string, olderThanMs: number): Promise<void> {
  const names = await AsyncFileSystem.listNames(folder);
  const leftovers = names
    .filter((name) => name.endsWith(leftoverEnding))
    .map((name) => plugins.path.join(folder, name));
  await Promise.all(
    leftovers.map(async (path) => {
      const found = await fs.lstat(path).catch(() => null);
      if (found !== null && found.mtimeMs < olderThanMs) await fs.rm(path, { recursive: true, force: true });
    }),
  );
}

/** The name of something that is not finished yet, or already given up. */
export const makeLeftover = (): string => `new-${randomWord()}${leftoverEnding}`;

const leftoverEnding = '.tmp';
const randomWord = (): string => plugins.crypto.randomBytes(8).toString('hex');

export const folderMode = 0o700;
const fileMode = 0o600;

/** File systems that cannot open a folder do without. */
async function syncFolder(path: string): Promise<void> {
  const handle = await fs.open(path, 'r').catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/** Of Node's error, or of the one that it caused. */
export function systemCodeOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  const inner = (cause as { code?: unknown } | null | undefined)?.code;
  return String(inner ?? code ?? '');
}

const falseIf =
  (...codes: readonly string[]) =>
  (error: unknown): false => {
    if (codes.includes(systemCodeOf(error))) return false;
    throw error;
  };
