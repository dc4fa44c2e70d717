// Who hangs, and who only was not heard.

import { HangWatch } from '../../ts/workers/hang-watch.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('a worker that is silent all the time is given once, one that is heard never', () => {
  const watch = new HangWatch(30_000, 0);
  const [silent, lively] = [{ silentMs: 0 }, { silentMs: 0 }];
  const hanging: number[] = [];
  for (let nowMs = watch.everyMs; nowMs <= 45_000; nowMs += watch.everyMs) {
    lively.silentMs = 0;
    for (const worker of watch.look(nowMs, [silent, lively])) hanging.push(worker === silent ? nowMs : -1);
  }
  expect(hanging).toEqual([30_000]);
});

tap.test('while the primary stands still, or hardly gets on, nobody hangs', () => {
  const watch = new HangWatch(30_000, 0);
  const worker = { silentMs: 0 };
  expect(watch.look(3_000_000, [worker])).toEqual([]);
  worker.silentMs = 0;
  // Each look comes a minute late, and only then what the worker said is read.
  for (let nowMs = 3_060_000; nowMs < 4_000_000; nowMs += 60_000) {
    expect(watch.look(nowMs, [worker])).toEqual([]);
    worker.silentMs = 0;
  }
});

export default tap.start();
