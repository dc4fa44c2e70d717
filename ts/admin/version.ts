// The version of this package, as its manifest says.

import * as plugins from '../plugins.js';

let known: Promise<string> | undefined;

export function packageVersion(): Promise<string> {
  known ??= read();
  return known;
}

async function read(): Promise<string> {
  const manifest = await plugins.fs.promises.readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
