// Reads what `node --cpu-prof` wrote: which functions the time went to.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** V8's own entries, which are no functions: `(program)` is native code that V8 cannot name, system calls for the most part. */
const isIdle = (frame) => frame.functionName === '(idle)';

function placeOf({ url, lineNumber }) {
  if (url === '') return '';
  const short = url.replace(/^file:\/\//, '').replace(/^.*\/(dist_ts|node_modules|bench)\//, '$1/');
  return `${short}:${lineNumber + 1}`;
}

function groupOf({ functionName, url }) {
  if (functionName.startsWith('(')) return functionName;
  if (url === '') return 'native';
  if (url.startsWith('node:')) return 'node';
  return /\/(dist_ts)\//.test(url) ? 'ours' : 'packages';
}

function add(map, key, share) {
  map.set(key, (map.get(key) ?? 0) + share);
}

const ranked = (map) => [...map].sort((a, b) => b[1] - a[1]);

/**
 * Shares of the time in which the process did something: by function, by file, and by whose code it is. What came in the first
 * `skipMs` after the process began is left out.
 */
export function readProfile(folder, skipMs) {
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error('no profile was written');
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const own = new Map();
  let idleUs = 0;
  let busyUs = 0;
  let skipUs = skipMs * 1_000;
  samples.forEach((id, n) => {
    const spentUs = timeDeltas[n];
    skipUs -= spentUs;
    if (skipUs > 0) return;
    if (isIdle(frames.get(id))) idleUs += spentUs;
    else {
      busyUs += spentUs;
      add(own, id, spentUs);
    }
  });
  const [functions, files, groups] = [new Map(), new Map(), new Map()];
  for (const [id, spentUs] of own) {
    const frame = frames.get(id);
    const share = spentUs / busyUs;
    add(functions, `${frame.functionName || '(anonymous)'}  ${placeOf(frame)}`.trim(), share);
    add(files, placeOf(frame).replace(/:\d+$/, '') || groupOf(frame), share);
    add(groups, groupOf(frame), share);
  }
  return {
    file: join(folder, file),
    busyShare: busyUs / (busyUs + idleUs),
    functions: ranked(functions),
    files: ranked(files),
    groups: ranked(groups),
  };
}
