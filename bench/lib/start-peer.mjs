// The two ways to start a peer: a program with a configuration file, and a Node script that takes its plan as JSON.

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endChild, makeFolder, nextMessage, removeFolder, startProgram, startScript } from './children.mjs';
import { freePort, untilAccepting } from './ports.mjs';

/**
 * `makeConfig(port, folder)` gives its text, `makeArgs(file, folder)` its command line; `files` are written into the folder.
 * `place` says whose core it gets.
 */
export async function startWithConfig(program, makeConfig, makeArgs, { files = {}, place = 'proxy' } = {}) {
  const folder = makeFolder();
  // nginx, started by root, works as another user.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const file = join(folder, `${program}.conf`);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  writeFileSync(file, makeConfig(port, folder));
  const child = startProgram(place, program, makeArgs(file, folder));
  const dispose = async () => {
    await endChild(child);
    removeFolder(folder);
  };
  try {
    await untilAccepting(port, () => child.exitCode === null && child.pid !== undefined);
  } catch (cause) {
    await dispose();
    throw new Error(`${program} does not start: ${child.complaints()}`, { cause });
  }
  return { port, pid: child.pid, dispose };
}

/** The script tells its port when it is ready. */
export async function startNodePeer(script, plan, nodeArgs = []) {
  const child = startScript('proxy', script, [JSON.stringify(plan)], nodeArgs);
  const { port } = await nextMessage(child);
  const collect = async () => {
    child.send('collect');
    await nextMessage(child);
  };
  return { port, pid: child.pid, collect, dispose: () => endChild(child) };
}

/** HAProxy in the foreground. */
export const haproxyArgs = (file) => ['-db', '-f', file];

/** nginx with nothing of the machine's own. */
export const nginxArgs = (file, folder) => ['-p', folder, '-e', 'stderr', '-c', file];
