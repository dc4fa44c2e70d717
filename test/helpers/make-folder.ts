// A temporary folder that goes with its block.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface IFolder extends AsyncDisposable {
  readonly path: string;
}

export async function makeFolder(): Promise<IFolder> {
  const path = await mkdtemp(join(tmpdir(), 'smartproxy-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
