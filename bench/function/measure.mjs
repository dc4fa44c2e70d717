// Measures the functions of one case, in a process of its own: argv is the case's file and the number of rounds.

import { Bench } from 'tinybench';

const [, , file, rounds] = process.argv;
const { makeCase } = await import(file);
/** `tasks`: name -> function that works through all inputs once; `perCall`: how many inputs that are. */
const { tasks, perCall } = await makeCase();

const samples = Object.fromEntries(Object.keys(tasks).map((name) => [name, []]));
for (let round = 0; round < Number(rounds); round++) {
  const bench = new Bench({ time: 120, warmup: round === 0, warmupTime: 200, throws: true });
  for (const [name, run] of Object.entries(tasks)) bench.add(name, run);
  for (const { name, result } of await bench.run()) samples[name].push((result.latency.p50 * 1e6) / perCall);
}
process.send({ samples });
process.on('disconnect', () => process.exit());
