// `updateRoutes` with 10 000 routes: all of them replaced by new ones, and one changed. A connection lives through it.

import { endChild, nextMessage, startScript } from '../lib/children.mjs';
import { available } from '../lib/turns.mjs';

const count = 10_000;

export const updateRoutes = {
  name: 'update-routes',
  async run(context) {
    if (available(['smartproxy'], context).length === 0) return [];
    const plan = { count, rounds: context.rounds, target: await context.load.listen('echo') };
    const child = startScript('proxy', 'peers/update-routes.mjs', [JSON.stringify(plan)]);
    try {
      const { samples } = await nextMessage(child);
      const row = (name, limitMs, each) => ({
        name,
        unit: 'ms',
        samples: { smartproxy: each },
        targets: [{ atMost: limitMs }],
        details: { amount: { count } },
      });
      return [row('update-routes all new', 250, samples.all), row('update-routes one changed', 250, samples.one)];
    } finally {
      await endChild(child);
    }
  },
};
