// From starting the program to listening, with 100 routes. A bare Node program that listens is measured beside it.

import { endChild, nextMessage, startScript } from '../lib/children.mjs';
import { available } from '../lib/turns.mjs';

const routeCount = 100;

const target = { host: '127.0.0.1', port: 9 };
const routes = Array.from({ length: routeCount }, (_, n) => ({
  name: `route-${n}`,
  match: { ports: 0, domains: `site-${n}.bench.test` },
  action: { type: 'forward', target, tls: { mode: 'passthrough' } },
}));

const programs = {
  smartproxy: ['peers/smartproxy.mjs', { routes }],
  pipe: ['peers/pipe.mjs', { port: 0, target }],
};

async function startOnce([script, plan]) {
  const startedMs = performance.now();
  const child = startScript('proxy', script, [JSON.stringify(plan)]);
  await nextMessage(child);
  const wallMs = performance.now() - startedMs;
  await endChild(child);
  return wallMs;
}

export const startTime = {
  name: 'start-time',
  async run(context) {
    const names = available(['smartproxy', 'pipe'], context);
    const samples = Object.fromEntries(names.map((name) => [name, []]));
    for (const name of names) await startOnce(programs[name]);
    for (let round = 0; round < context.rounds; round++) {
      for (const name of names) samples[name].push(await startOnce(programs[name]));
    }
    return [
      { name: 'start-time', unit: 'ms', samples, targets: [{ atMost: 300 }], details: { amount: { routeCount } } },
    ];
  },
};
