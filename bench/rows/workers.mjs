// Two workers against one: what each request costs, how evenly the work falls on both, and what that makes on free cores.

import { checkHttp } from '../lib/ask.mjs';
import { endChild, isInstalled, nextMessage, startScript } from '../lib/children.mjs';
import { startHttpOrigin } from '../lib/http-origin.mjs';
import { httpRoutesOf } from '../lib/http-plan.mjs';
import { cpuOfTree } from '../lib/proc.mjs';
import { runWrk } from '../lib/wrk.mjs';

/** Where workers, generator and origin fight for cores, some requests take their time. */
const amount = { path: '/small', connections: 128, seconds: 4, warmUpSeconds: 2, patienceSeconds: 20 };

/** Not pinned: the workers share all cores with the load generator and the origin. */
async function startGroup(workers, plan) {
  const child = startScript('any', 'peers/smartproxy-workers.mjs', [JSON.stringify({ ...plan, workers })]);
  const { port, workers: pids } = await nextMessage(child);
  return { port, pid: child.pid, pids, runs: [], dispose: () => endChild(child) };
}

async function measure(group, seconds) {
  const cpu = () => [group.pid, ...group.pids].map((pid) => cpuOfTree(pid).cpuMs);
  const [allBefore, ...eachBefore] = cpu();
  const { done, wallMs } = await runWrk({ ...amount, port: group.port, seconds });
  const [all, ...each] = cpu();
  const cpuMs = all - allBefore;
  const ofWorkers = each.map((ms, at) => ms - eachBefore[at]);
  return { done, wallMs, cpuMs, busiestShare: Math.max(...ofWorkers) / cpuMs };
}

const usOf = ({ cpuMs, done }) => (cpuMs * 1_000) / done;

export const workers = {
  name: 'workers',
  missing: () => ['wrk', 'nginx'].find((program) => !isInstalled(program))?.concat(' is not installed') ?? null,
  async run({ rounds, scale }) {
    const origin = await startHttpOrigin();
    const plan = { routes: httpRoutesOf({ target: { host: origin.host, port: origin.port } }) };
    const groups = [];
    try {
      for (const count of [1, 2]) groups.push(await startGroup(count, plan));
      for (const { port } of groups) {
        await checkHttp(port, amount.path, false);
        await runWrk({ ...amount, port, seconds: amount.warmUpSeconds });
      }
      for (let round = 0; round < rounds; round++) {
        for (const group of groups) group.runs.push(await measure(group, amount.seconds * scale));
      }
    } finally {
      for (const group of groups) await group.dispose();
      await origin.dispose();
    }
    const [one, two] = groups.map(({ runs }) => runs);
    const details = { amount, runs: { one, two } };
    return [
      {
        name: 'workers',
        unit: 'x one worker, by CPU',
        // Where each worker has a core, the busiest one is full first.
        samples: { smartproxy: two.map((run, at) => usOf(one[at]) / usOf(run) / run.busiestShare) },
        targets: [{ atLeast: 1.6 }],
        details,
      },
      {
        name: 'workers-throughput',
        unit: 'x one worker, here',
        samples: { smartproxy: two.map((run, at) => run.done / run.wallMs / (one[at].done / one[at].wallMs)) },
        targets: [],
        details: { amount },
      },
    ];
  },
};
