// What the Node peers' processes do when the benchmark asks them to.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects garbage when told `collect`, and ends in order, so that a profile is written. */
export function answerBenchmark() {
  process.on('message', (message) => {
    if (message !== 'collect') return;
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    process.send('collected');
  });
  process.on('SIGTERM', () => process.exit());
  process.on('disconnect', () => process.exit());
}
