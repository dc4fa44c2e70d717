// How this test run finds our modules: compiled once for all of its files, or, for a file alone, compiled by tsx.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './source-text.js';

const build = process.env.SMARTPROXY_TEST_BUILD;

/** What Node needs to run `moduleUrl(...)` in a process of its own, whose memory may be measured. */
export const nodeArgs: readonly string[] = build === undefined ? ['--import', import.meta.resolve('tsx')] : [];

/** The very module that imports of the source get in this run; `path` begins at the root: `ts/index.ts`. */
export function moduleUrl(path: string): string {
  const file = build === undefined ? join(root, path) : join(build, path.replace(/\.ts$/, '.js'));
  return pathToFileURL(file).href;
}
