// The heart of a row: all peers in turn, the same amount of work each, again and again.

import { peers } from './peers.mjs';
import { cpuOfTree } from './proc.mjs';

/** Work that follows the last answer (closing, mostly) still belongs to it, ms. */
const settleMs = 30;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The row's peers that are wanted and can run here; what cannot goes to `context.skipped` with the reason, once. */
export function available(names, context) {
  return names.filter((name) => {
    if (context.peers && !context.peers.includes(name)) return false;
    const why = peers[name].missing();
    if (why !== null) context.skipped.set(name, why);
    return why === null;
  });
}

/** One measured run: CPU of the proxy, wall time, and what the load generator says. */
export async function measure(proxy, work) {
  const before = proxy.pid === null ? null : cpuOfTree(proxy.pid);
  const result = await work(proxy.port);
  await sleep(settleMs);
  if (before === null) return { ...result, cpuMs: 0, userMs: 0, systemMs: 0 };
  const after = cpuOfTree(proxy.pid);
  return {
    ...result,
    cpuMs: after.cpuMs - before.cpuMs,
    userMs: after.userMs - before.userMs,
    systemMs: after.systemMs - before.systemMs,
  };
}

/**
 * Starts every peer, warms each up, and measures them in turn. `makePlan` gives each peer targets of its own, so that no
 * peer finds the ports of another in TIME_WAIT. Gives `{ peer: run[] }`, the same number of runs for each.
 */
export async function takeTurns(names, context, { makePlan, warmUp, work }) {
  const running = [];
  try {
    for (const name of names) {
      const proxy = await peers[name].start(await makePlan(name));
      running.push({ name, proxy, runs: [] });
      await named(name, warmUp(proxy.port, name));
    }
    for (let round = 0; round < context.rounds; round++) {
      for (const { name, proxy, runs } of running) runs.push(await named(name, measure(proxy, work)));
    }
  } finally {
    for (const { proxy } of running) await proxy.dispose();
  }
  return Object.fromEntries(running.map(({ name, runs }) => [name, runs]));
}

/**
 * The same for a row's `prepare(context)`, whose outcome has what `takeTurns` needs, the `amount` of work, and `dispose` where
 * there is something to dispose of.
 */
export async function takePreparedTurns(names, context, prepare) {
  const { amount, dispose, ...turns } = await prepare(context);
  try {
    return { amount, runs: await takeTurns(available(names, context), context, turns) };
  } finally {
    await dispose?.();
  }
}

/** Says whose failure it is. */
async function named(name, work) {
  try {
    return await work;
  } catch (cause) {
    throw new Error(`${name}: ${cause.message}`, { cause });
  }
}

/** One figure of each run. */
export function pick(runs, figure) {
  return Object.fromEntries(Object.entries(runs).map(([name, each]) => [name, each.map(figure)]));
}

/** The share of its core that the proxy used, for judging whether it was the bottleneck. */
export const coreShare = (runs) => pick(runs, (run) => run.cpuMs / run.wallMs);
