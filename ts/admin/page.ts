// The files of the dashboard: read when they are first asked for, and kept.

import * as plugins from '../plugins.js';

/** Where the package has them. */
const folder = new URL('../../assets/admin/', import.meta.url);

/** Only these are there. */
const types: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'admin.css': 'text/css; charset=utf-8',
  'admin.js': 'text/javascript; charset=utf-8',
};

export interface IPageFile {
  readonly type: string;
  readonly content: Buffer;
}

const files = new Map<string, Promise<IPageFile>>();

export function pageFile(name: string): Promise<IPageFile> {
  const known = files.get(name);
  if (known !== undefined) return known;
  const file = read(name);
  files.set(name, file);
  file.catch(() => files.delete(name));
  return file;
}

async function read(name: string): Promise<IPageFile> {
  const type = types[name];
  if (type === undefined) throw new Error(`the page has no file ${name}`);
  return { type, content: await plugins.fs.promises.readFile(new URL(name, folder)) };
}
