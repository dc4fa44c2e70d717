import { availableParallelism } from 'node:os';
import { runInLanes } from '../../scripts/test-lanes.mjs';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const cores = availableParallelism();

tap.test('each file runs once, in the order of the queue, more than one for each processor at a time', async () => {
  const files = Array.from({ length: cores + 4 }, (_, at) => `file ${at}`);
  const started: string[] = [];
  const ends: (() => void)[] = [];
  let isDone = false;
  const done = runInLanes([...files], (file) => {
    started.push(file);
    return new Promise<void>((resolve) => ends.push(resolve));
  }).then(() => {
    isDone = true;
  });
  expect(started).toEqual(files.slice(0, cores + 1));
  for (let ended = 0; ended < files.length; ended++) {
    await until(
      () => ends.length > ended,
      10_000,
      () => 'another file',
    );
    expect(isDone).toBeFalse();
    // There is a limit even where all of them wait.
    expect(started.length - ended).toBeLessThan(2 * cores + 2);
    ends[ended]?.();
  }
  await done;
  expect(started).toEqual(files);
});

export default tap.start();
