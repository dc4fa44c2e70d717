#!/usr/bin/env node
// Starts the command line, which is compiled from ts/cli.

import { existsSync } from 'node:fs';

const entry = new URL('./dist_ts/cli/main.js', import.meta.url);

if (existsSync(entry)) {
  const { main } = await import(entry.href);
  process.exitCode = await main(process.argv.slice(2));
  // Code of a configuration file may have left timers or sockets open: they do not keep the process.
  setTimeout(() => process.exit(), 500).unref();
} else {
  console.error('smartproxy: not built yet; `npx -y pnpm@10 build` in its folder does it');
  process.exitCode = 2;
}
