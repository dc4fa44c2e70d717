// How many test files run at a time: as many as keep the processors busy.
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const cores = availableParallelism();
/** Always: many tests wait for time to pass. */
const always = cores + 1;
/** Where all of them wait. */
const most = 2 * cores + 1;
const lookMs = 400;
/** Of all processors since the last look. */
const idleEnough = 0.25;

/** Takes files off `queue` until none is left; resolves when all of them are done. */
export async function runInLanes(queue, runOne) {
  const extra = new Set();
  const lane = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) await runOne(file);
  };
  const lanes = Array.from({ length: always }, lane);
  let before = readTimes();
  while (queue.length > 0) {
    await sleep(lookMs);
    const now = readTimes();
    const isIdle = now.idle - before.idle > idleEnough * (now.all - before.all);
    before = now;
    if (!isIdle || queue.length === 0 || always + extra.size >= most) continue;
    const running = runOne(queue.shift()).finally(() => extra.delete(running));
    extra.add(running);
  }
  await Promise.all([...lanes, ...extra]);
}

/** Milliseconds of all processors since the machine was started. */
function readTimes() {
  let [idle, all] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    for (const ms of Object.values(times)) all += ms;
  }
  return { idle, all };
}
