// wrk on the load generator's core: as many requests as its time allows.

import { fileURLToPath } from 'node:url';
import { runProgram } from './children.mjs';
import { host } from './http-plan.mjs';

const script = fileURLToPath(new URL('../load/wrk.lua', import.meta.url));

/** `{ done, wallMs, bytes, p50Ms, p99Ms }`; throws if a request failed, or took longer than `patienceSeconds`. */
export async function runWrk({ port, path, connections, seconds, isTls = false, headers = [], patienceSeconds = 2 }) {
  // wrk takes whole seconds only.
  const duration = ['-t', '1', '-c', String(connections), '-d', `${Math.max(1, Math.round(seconds))}s`, '-s', script];
  duration.push('--timeout', `${patienceSeconds}s`);
  const fields = [`Host: ${host}`, ...headers].flatMap((field) => ['-H', field]);
  const url = `${isTls ? 'https' : 'http'}://127.0.0.1:${port}${path}`;
  const text = await runProgram('load', 'wrk', [...duration, ...fields, url]);
  const { failed, ...figures } = JSON.parse(text.slice(text.lastIndexOf('{')));
  if (failed > 0) throw new Error(`${failed} of ${figures.done} requests failed`);
  if (figures.done === 0) throw new Error('no request was answered');
  return figures;
}
